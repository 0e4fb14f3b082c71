package seam

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strconv"
)

// ErrAmbiguous reports calls of one step that only their arrival tells apart, which is the scheduler's choice: the seed does
// not decide such a run.
var ErrAmbiguous = errors.New("two goroutines made the same call in one step")

// detectCalls looks through calls that are in canonical order.
func (d *Driver) detectCalls(calls []*Call) {
	if !d.Detect {
		return
	}
	for i := 1; i < len(calls); i++ {
		a, b := calls[i-1], calls[i]
		if a.goroutine != b.goroutine && a.at.Equal(b.at) && a.client.name == b.client.name && a.kind == b.kind && a.name == b.name {
			d.found(fmt.Sprintf("%s asks %s %s", a.client.name, a.kind, a.name))
		}
	}
}

func (d *Driver) detectEmits(emits []*Emit) {
	if !d.Detect {
		return
	}
	for i := 1; i < len(emits); i++ {
		a, b := emits[i-1], emits[i]
		if a.goroutine != b.goroutine && a.at.Equal(b.at) && a.client.name == b.client.name && a.Source.Partition == b.Source.Partition {
			d.found(fmt.Sprintf("%s emits to %s and %s", a.client.name, a.TP, b.TP))
		}
	}
}

func (d *Driver) found(what string) {
	if d.ambiguous == nil {
		d.ambiguous = fmt.Errorf("%w: step %d: %s", ErrAmbiguous, d.step, what)
	}
}

// goroutine is the number of the present goroutine, as stacks give it.
func goroutine() uint64 {
	var buf [64]byte
	words := bytes.Fields(buf[:runtime.Stack(buf[:], false)])
	if len(words) < 2 {
		return 0
	}
	n, err := strconv.ParseUint(string(words[1]), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
