package goka_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
)

func TestE3_CallbacksRunInTheOrderInWhichTheyWereAdded(t *testing.T) {
	p, finish := goka.NewPromiseWithFinisher()
	var calls []string
	note := func(name string) func(error) { return func(err error) { calls = append(calls, name+" "+err.Error()) } }
	p.Then(note("a")).Then(note("b"))
	p.Then(func(error) { p.Then(note("within")) })
	p.Then(note("c"))
	msg := &sarama.ProducerMessage{Offset: 7}
	finish(msg, errInjected)
	p.Then(note("late"))
	if diff := cmp.Diff([]string{"a injected", "b injected", "c injected", "within injected", "late injected"}, calls); diff != "" {
		t.Errorf("D39: calls (-want +got):\n%s", diff)
	}
	p.ThenWithMessage(func(got *sarama.ProducerMessage, err error) {
		if got != msg || !errors.Is(err, errInjected) {
			t.Errorf("the result is %v, %v", got, err)
		}
	})
}

func TestD39_TheFirstResultCounts(t *testing.T) {
	p := goka.NewPromise()
	p.Finish(nil, nil)
	p.Finish(nil, errInjected)
	p.Then(func(err error) {
		if err != nil {
			t.Errorf("the result is %v", err)
		}
	})
}

func TestPromisesFromManyGoroutines(t *testing.T) {
	p := goka.NewPromise()
	var (
		wg sync.WaitGroup
		mu sync.Mutex
		n  int
	)
	for i := range 20 {
		wg.Go(func() { p.Then(func(error) { mu.Lock(); n++; mu.Unlock() }) })
		if i == 10 {
			wg.Go(func() { p.Finish(nil, nil) })
		}
	}
	wg.Wait()
	if n != 20 {
		t.Errorf("%d of 20 callbacks were called", n)
	}
}
