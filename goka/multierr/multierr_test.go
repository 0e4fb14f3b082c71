package multierr

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestErrorsListsAll(t *testing.T) {
	a, b := errors.New("a"), errors.New("b")
	e := new(Errors).Collect(nil)
	if e.HasErrors() || e.NilOrError() != nil {
		t.Error("empty errors are an error")
	}
	e.Collect(a)
	if e.Error() != "a" {
		t.Errorf("one error prints as %q", e.Error())
	}
	e.Merge(new(Errors).Collect(b)).Merge(nil)
	if e.Error() != "Errors:\n\t* a\n\t* b\n" || !errors.Is(e.NilOrError(), b) {
		t.Errorf("two errors print as %q", e.Error())
	}
}

func TestK4_AGroupKeepsAllErrorsAndCancelsOnTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, ctx := NewErrGroup(context.Background())
		a, b := errors.New("a"), errors.New("b")
		g.Go(func() error { return a })
		g.Go(func() error { <-ctx.Done(); return b })
		g.Go(func() error { return nil })
		err := <-g.WaitChan()
		if !errors.Is(err, a) || !errors.Is(err, b) || len(err.Errors) != 2 || !err.HasErrors() || err.NilOrError() == nil {
			t.Errorf("got %v", err)
		}
	})
}

func TestAGroupWithoutErrors(t *testing.T) {
	g, _ := NewErrGroup(context.Background())
	g.Go(func() error { return nil })
	if err := g.Wait(); err.ErrorOrNil() != nil || err.NilOrError() != nil || err.HasErrors() {
		t.Errorf("got %v", err)
	}
	c := g.WaitChan()
	<-c
	if _, open := <-c; open {
		t.Error("the result came twice")
	}
}

func TestMultiWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		m := NewMultiWait(ctx, 2)
		a, b := make(chan struct{}), make(chan struct{})
		m.Add(a)
		m.Add(b)
		m.Add(make(chan struct{}))
		done := m.Done()
		close(a)
		synctest.Wait()
		select {
		case <-done:
			t.Fatal("done with one channel open")
		default:
		}
		close(b)
		<-done
		if !m.Wait() {
			t.Error("not all were closed")
		}

		never := NewMultiWait(ctx, 1)
		never.Add(make(chan struct{}))
		cancel()
		if never.Wait() {
			t.Error("an open channel counts as closed")
		}
		if !NewMultiWait(ctx, 0).Wait() {
			t.Error("nothing to wait for")
		}
	})
}
