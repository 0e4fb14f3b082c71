package tester_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/tester"
)

func emitter(t *testing.T, tt *tester.Tester, topic goka.Stream) *goka.Emitter {
	t.Helper()
	e, err := goka.NewEmitter(nil, topic, new(codec.String), goka.WithEmitterTester(tt))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Finish(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// TestEmittersOfManyGoroutines has all of them wait for the processor's start, and Consume beside them.
func TestEmittersOfManyGoroutines(t *testing.T) {
	for range 20 {
		tt := tester.New(t, tester.WithTimeout(5*time.Second))
		e := emitter(t, tt, "in")
		p, err := goka.NewProcessor(nil, counter("count", "in"), goka.WithTester(tt))
		if err != nil {
			t.Fatal(err)
		}
		var emitting sync.WaitGroup
		for i := range 8 {
			emitting.Go(func() {
				for range 5 {
					if err := e.EmitSync(fmt.Sprint(i), "x"); err != nil {
						t.Error(err)
					}
				}
			})
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		for i := range int64(5) {
			tt.Consume("in", "main", "x")
			if got := tt.TableValue("count-table", "main"); got != i+1 {
				t.Errorf("Consume returned before its message was handled: the count is %v, want %d", got, i+1)
			}
		}
		emitting.Wait()
		tt.Catchup()
		for i := range 8 {
			if got := tt.TableValue("count-table", fmt.Sprint(i)); got != int64(5) {
				t.Errorf("the count of %d is %v, want 5", i, got)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestEmittersInCallbacks(t *testing.T) {
	tt := tester.New(t)
	e := emitter(t, tt, "words")
	run(t, tt, goka.DefineGroup("g", goka.Input("in", new(codec.String), func(ctx goka.Context, _ interface{}) {
		var emitting sync.WaitGroup
		for i := range 4 {
			emitting.Go(func() {
				if err := e.EmitSync(fmt.Sprint(i), "x"); err != nil {
					t.Error(err)
				}
			})
		}
		emitting.Wait()
	})))
	run(t, tt, counter("count", "words"))
	for n := range int64(10) {
		tt.Consume("in", "k", "x")
		for i := range 4 {
			if got := tt.TableValue("count-table", fmt.Sprint(i)); got != n+1 {
				t.Fatalf("after %d messages the count of %d is %v", n+1, i, got)
			}
		}
	}
}

// TestConsumeThroughRebalances has instances come and go, in virtual time, while messages are consumed.
func TestConsumeThroughRebalances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tt := tester.New(t, tester.WithPartitions(4))
		_, stopFirst := start(t, tt, counter("count", "in"))
		var stopSecond func() error
		var stopping chan error
		for i := range 60 {
			switch i {
			case 10:
				_, stopSecond = start(t, tt, counter("count", "in"))
			case 40:
				stopping = make(chan error, 1)
				go func() { stopping <- stopSecond() }()
			}
			tt.Consume("in", fmt.Sprint(i%8), "x")
			if got := tt.TableValue("count-table", fmt.Sprint(i%8)); got != int64(i/8+1) {
				t.Fatalf("after message %d the count of %d is %v, want %d", i, i%8, got, i/8+1)
			}
			time.Sleep(170 * time.Millisecond)
		}
		if err := <-stopping; err != nil {
			t.Error(err)
		}
		if err := stopFirst(); err != nil {
			t.Error(err)
		}
		tt.Close()
	})
}

func TestTestersInParallel(t *testing.T) {
	for i := range 100 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			tt := tester.New(t, tester.WithPartitions(2))
			run(t, tt, counter("count", "in"))
			for n := range int64(5) {
				tt.Consume("in", "k", "x")
				if got := tt.TableValue("count-table", "k"); got != n+1 {
					t.Fatalf("after %d messages the count is %v", n+1, got)
				}
			}
		})
	}
}

// TestAnEmitThatIsStuckDoesNotEndItsGoroutine has a callback wait for ever: the emitter's goroutine is not the test's, so that
// it must not be ended by Fatal.
func TestAnEmitThatIsStuckDoesNotEndItsGoroutine(t *testing.T) {
	f := &exits{}
	tt := tester.New(f, tester.WithTimeout(50*time.Millisecond))
	defer tt.Close()
	release := make(chan struct{})
	_, stop := start(t, tt, goka.DefineGroup("slow", goka.Input("in", new(codec.String), func(goka.Context, interface{}) { <-release })))
	e, err := goka.NewEmitter(nil, "in", new(codec.String), goka.WithEmitterTester(tt))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = e.EmitSync("k", "x")
	}()
	<-done
	if f.fatal {
		t.Error("an emitter called Fatal")
	}
	if !strings.Contains(strings.Join(f.texts, "\n"), "in/0") {
		t.Errorf("the failure does not name the partition: %v", f.texts)
	}
	close(release)
	if err := e.Finish(); err != nil {
		t.Error(err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// exits is a T that notes whether a goroutine would have been ended.
type exits struct {
	failures
	fatal bool
}

func (e *exits) Fatalf(format string, args ...interface{}) { e.fatal = true; e.Errorf(format, args...) }
