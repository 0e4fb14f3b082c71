package tester

import (
	"fmt"
	"sync"

	"github.com/gokasim/gokasim/goka"
)

// emitFaults decide which emits fail.
type emitFaults struct {
	mu   sync.Mutex // guards fail
	fail func(r Record) error
}

// FailEmits has emits of processors and emitters fail with the error that f returns, as those do that Kafka refuses for
// good: nothing is written. f sees topic, key, headers and the value as bytes, and may be called by any goroutine; an f of
// nil ends it.
func (tt *Tester) FailEmits(f func(r Record) error) {
	tt.emits.mu.Lock()
	tt.emits.fail = f
	tt.emits.mu.Unlock()
}

func (f *emitFaults) failure(e *goka.Emission) (err error) {
	f.mu.Lock()
	fail := f.fail
	f.mu.Unlock()
	if fail == nil {
		return nil
	}
	r := Record{Topic: e.Topic, Key: string(e.Key)}
	if e.Value != nil {
		r.Value = e.Value
	}
	for _, h := range e.Headers {
		r.Headers = r.Headers.Merged(goka.Headers{string(h.Key): h.Value})
	}
	defer func() {
		if p := recover(); p != nil { // else the emit would never end, nor the processor
			err = fmt.Errorf("the function given to FailEmits panics: %v", p)
		}
	}()
	return fail(r)
}
