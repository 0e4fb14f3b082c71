package goka_test

import (
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
)

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestK3_WaitingForStates(t *testing.T) {
	s := goka.NewSignal(0, 1, 2, 3)
	zero, two, atLeastOne := s.WaitForState(0), s.WaitForState(2), s.WaitForStateMin(1)
	three, done := s.WaitForStateMinWithCleanup(3)
	defer done()
	if !closed(zero) || closed(two) || closed(atLeastOne) {
		t.Error("at the start")
	}
	s.SetState(3)
	if closed(two) || !closed(atLeastOne) || !closed(three) {
		t.Error("state 3 is at least 1, and not 2")
	}
	s.SetState(2)
	if !closed(two) || !s.IsState(2) || s.State() != 2 {
		t.Error("state 2")
	}
	if !closed(s.WaitForState(2)) || !closed(s.WaitForStateMin(1)) || closed(s.WaitForState(1)) {
		t.Error("waiting for a state that is there")
	}
}

func TestK3_AnIllegalStatePanics(t *testing.T) {
	defer func() {
		if x := recover(); x != "trying to set illegal state 7" {
			t.Errorf("got %v", x)
		}
	}()
	goka.NewSignal(0, 1).SetState(7)
}

func TestD38_AnObserverThatDoesNotReadBlocksNobody(t *testing.T) {
	s := goka.NewSignal(0, 1, 2, 3)
	o := s.ObserveStateChange()
	for i := range 100 {
		s.SetState(goka.State(i % 4))
	}
	s.SetState(2)
	if got := <-o.C(); got != 2 {
		t.Errorf("the last state is %v, want 2", got)
	}
	s.SetState(2)
	select {
	case got := <-o.C():
		t.Errorf("setting the same state again told %v", got)
	default:
	}
}

func TestK3_AReaderThatKeepsUpSeesAllStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := goka.NewSignal(0, 1, 2, 3)
		o := s.ObserveStateChange()
		var seen []goka.State
		done := make(chan struct{})
		go func() {
			defer close(done)
			for state := range o.C() {
				seen = append(seen, state)
			}
		}()
		for _, state := range []goka.State{1, 1, 3, 0} {
			synctest.Wait()
			s.SetState(state)
		}
		synctest.Wait()
		o.Stop()
		o.Stop() // D38: a second time does nothing
		<-done
		if diff := cmp.Diff([]goka.State{0, 1, 3, 0}, seen); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
		s.SetState(1)
	})
}
