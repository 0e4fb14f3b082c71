package fault

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gokasim/gokasim/internal/script"
)

// Plan is faults, each by itself. The zero Plan has none. A plan that was made in Go rather than read is checked by
// [Plan.Validate].
type Plan struct{ Faults []Fault }

// Fault is what happens, and when.
type Fault struct {
	Name string   // what counts call it; empty for its text
	When Trigger  // an [On] or an [At]
	Do   []Action // at least one, each in the order given
}

// Trigger is when a fault happens: an [On] or an [At].
type Trigger interface{ line() line }

// On is requests that go wrong. Slices that are empty pass everything; otherwise a request has to have one of their values.
type On struct {
	Operations       []string // at least one; Any alone for all
	Topics           []string
	Partitions       []int32
	Groups           []string
	TransactionalIDs []string
	Clients          []string
	Brokers          []int32

	From, Until time.Duration // from the start of the run, up to but without Until; zero for no end
	Nth         []int32       // of the requests that passed all above, counted from 1
	Every       int32         // of them, each so many; zero for each one
	Probability float64       // up to 1; zero for always
	Times       int32         // injections at most; zero for no limit
}

// At is times, from the start of the run.
type At struct {
	Time  time.Duration
	Every time.Duration // after which it comes again; zero for once
	Until time.Duration // when it ends; zero for never
	Times int32         // in all; zero for no limit
}

// String prints the plan, a line for each fault. [Parse] reads it as the same plan.
func (p Plan) String() string {
	var b strings.Builder
	for _, f := range p.Faults {
		b.WriteString(f.String())
		b.WriteByte('\n')
	}
	return b.String()
}

// String prints the fault in one line, without a newline.
func (f Fault) String() string {
	s := script.Statement{}
	if f.When != nil {
		s.Command = f.When.line().text("name", f.Name).Command
	}
	for _, a := range f.Do {
		s.Do = append(s.Do, a.command())
	}
	return s.String()
}

// Label is what counts call the fault: its name, or its text if it has none.
func (f Fault) Label() string {
	if f.Name != "" {
		return f.Name
	}
	return f.String()
}

func (on On) line() line {
	l := say("on")
	for _, o := range on.Operations {
		l = l.word(o)
	}
	l = l.texts("topic", on.Topics).numbers("partition", on.Partitions)
	l = l.texts("group", on.Groups).texts("transactional-id", on.TransactionalIDs)
	l = l.texts("client", on.Clients).numbers("broker", on.Brokers)
	l = l.duration("from", on.From).duration("until", on.Until)
	l = l.numbers("nth", on.Nth).number("every", on.Every, 0)
	if on.Probability != 0 {
		l = l.pair("probability", strconv.FormatFloat(on.Probability, 'g', -1, 64))
	}
	return l.number("times", on.Times, 0)
}

func (at At) line() line {
	l := say("at").word(at.Time.String())
	return l.duration("every", at.Every).duration("until", at.Until).number("times", at.Times, 0)
}

// Validate tells what is wrong with a plan made in Go: what [Parse] says of its text.
func (p Plan) Validate() error {
	for i, f := range p.Faults {
		if f.When == nil || len(f.Do) == 0 {
			return fmt.Errorf("fault %d of the plan lacks When or Do; give it both", i+1)
		}
	}
	if _, err := Parse(p.String()); err != nil {
		return fmt.Errorf("a plan that prints as %q: %w", p, err)
	}
	return nil
}
