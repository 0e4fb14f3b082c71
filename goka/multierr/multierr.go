// Package multierr gathers the errors of things that go on at the same time.
package multierr

import (
	"context"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Errors is a set of errors that is itself one. The zero value is empty and ready for use, by one goroutine at a time.
type Errors struct {
	errs []error
}

// Collect adds err, unless it is nil, and returns e.
func (e *Errors) Collect(err error) *Errors {
	if err != nil {
		e.errs = append(e.errs, err)
	}
	return e
}

// Merge adds what o has, and returns e. A nil o has nothing.
func (e *Errors) Merge(o *Errors) *Errors {
	if o != nil {
		e.errs = append(e.errs, o.errs...)
	}
	return e
}

// HasErrors reports whether there is an error.
func (e *Errors) HasErrors() bool { return e != nil && len(e.errs) > 0 }

// Error is the text of the only error, or a list of all.
func (e *Errors) Error() string { return text(e.errs) }

// Unwrap returns the errors, for errors.Is and errors.As.
func (e *Errors) Unwrap() []error { return e.errs }

// NilOrError returns nil when there is no error, else e.
func (e *Errors) NilOrError() error {
	if !e.HasErrors() {
		return nil
	}
	return e
}

// Error is what the functions of an ErrGroup returned.
type Error struct {
	Errors []error // in the order in which they came
}

// Error is the text of the only error, or a list of all.
func (e *Error) Error() string { return text(e.Errors) }

// Unwrap returns the errors, for errors.Is and errors.As.
func (e *Error) Unwrap() []error { return e.Errors }

// ErrorOrNil returns nil when there is no error, also for a nil e, and e otherwise.
func (e *Error) ErrorOrNil() error {
	if e == nil || len(e.Errors) == 0 {
		return nil
	}
	return e
}

// NilOrError is ErrorOrNil by the name that it had in goka v1.0.
func (e *Error) NilOrError() error { return e.ErrorOrNil() }

// HasErrors reports whether there is an error; a nil e has none.
func (e *Error) HasErrors() bool { return e.ErrorOrNil() != nil }

func text(errs []error) string {
	switch len(errs) {
	case 0:
		return ""
	case 1:
		return errs[0].Error()
	}
	var b strings.Builder
	b.WriteString("Errors:\n")
	for _, err := range errs {
		b.WriteString("\t* ")
		b.WriteString(err.Error())
		b.WriteByte('\n')
	}
	return b.String()
}

// ErrGroup runs functions at the same time, cancels its context when the first one fails, and keeps the errors of all.
type ErrGroup struct {
	*errgroup.Group
	mu  sync.Mutex // guards err
	err Error
}

// NewErrGroup returns a group and the context that ends when one of its functions fails, and when all have returned.
func NewErrGroup(ctx context.Context) (*ErrGroup, context.Context) {
	g, ctx := errgroup.WithContext(ctx)
	return &ErrGroup{Group: g}, ctx
}

// Go runs f in a goroutine of its own.
func (g *ErrGroup) Go(f func() error) {
	g.Group.Go(func() error {
		err := f()
		if err != nil {
			g.mu.Lock()
			g.err.Errors = append(g.err.Errors, err)
			g.mu.Unlock()
		}
		return err
	})
}

// Wait waits for all functions and returns their errors, in the order in which they came; it is never nil, see
// Error.ErrorOrNil.
func (g *ErrGroup) Wait() *Error {
	_ = g.Group.Wait() // the same errors are in g.err
	g.mu.Lock()
	defer g.mu.Unlock()
	return &Error{Errors: append([]error(nil), g.err.Errors...)}
}

// WaitChan returns a channel that delivers what Wait returns, and is closed then.
func (g *ErrGroup) WaitChan() <-chan *Error {
	c := make(chan *Error, 1)
	go func() {
		defer close(c)
		c <- g.Wait()
	}()
	return c
}

// MultiWait waits until a number of channels is closed.
type MultiWait struct {
	ctx context.Context
	all chan struct{} // closed once open is 0

	mu    sync.Mutex // guards what follows
	open  int        // channels that are not closed, added or not
	added int        // of these, the added ones
}

// NewMultiWait returns a MultiWait for num channels, which gives up when ctx ends.
func NewMultiWait(ctx context.Context, num int) *MultiWait {
	m := &MultiWait{ctx: ctx, open: num, all: make(chan struct{})}
	if num <= 0 {
		close(m.all)
	}
	return m
}

// Add adds a channel to wait for. Channels beyond the number that was announced are not waited for.
func (m *MultiWait) Add(done <-chan struct{}) {
	m.mu.Lock()
	announced := m.added < m.open
	if announced {
		m.added++
	}
	m.mu.Unlock()
	if !announced {
		return
	}
	go func() {
		select {
		case <-done:
			m.mu.Lock()
			defer m.mu.Unlock()
			m.open--
			m.added--
			if m.open == 0 {
				close(m.all)
			}
		case <-m.ctx.Done():
		}
	}()
}

// Done returns a channel that is closed once all announced channels are closed, or the context ended.
func (m *MultiWait) Done() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.Wait()
	}()
	return done
}

// Wait waits until all announced channels are closed, and reports that; false when the context ended before.
func (m *MultiWait) Wait() bool {
	select {
	case <-m.all:
		return true
	default:
	}
	select {
	case <-m.all:
		return true
	case <-m.ctx.Done():
		return false
	}
}
