package seam

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/fault"
)

// driven runs f in a bubble with a driver whose trace is text.
func driven(t *testing.T, seed uint64, f func(t *testing.T, e *Engine, d *Driver, text *bytes.Buffer)) {
	synctest.Test(t, func(t *testing.T) {
		e := world(t, Driven)
		d := e.Drive(seed, synctest.Wait)
		var text bytes.Buffer
		d.Trace().Text = &text
		f(t, e, d, &text)
		e.Close()
		d.Settle()
		time.Sleep(time.Minute) // who sleeps wakes up and sees the end
	})
}

// steps lets events happen until cond holds.
func steps(t *testing.T, d *Driver, what string, cond func() bool) {
	t.Helper()
	for range 10_000 {
		if cond() {
			return
		}
		if _, err := d.Step(); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("10,000 steps without %s:\n%s", what, d.Pending())
}

// asked runs f in a goroutine, and drives until it has returned.
func asked[T any](t *testing.T, d *Driver, f func() T) T {
	t.Helper()
	var v T
	done := false
	go func() { v = f(); done = true }()
	steps(t, d, "an answer", func() bool { d.Settle(); return done })
	return v
}

func subscribed(t *testing.T, d *Driver, c *Client, o SubscribeOptions) (*Subscription, *receiver) {
	t.Helper()
	type result struct {
		s *Subscription
		r *receiver
	}
	v := asked(t, d, func() result { s, r := subscribe(t, c, o); return result{s, r} })
	return v.s, v.r
}

func TestDrivenCallsWaitForTheirEvent(t *testing.T) {
	driven(t, 1, func(t *testing.T, e *Engine, d *Driver, text *bytes.Buffer) {
		c := client(t, e, "c")
		ctx, cancel := context.WithCancel(t.Context())
		ask := func(ctx context.Context) chan error {
			result := make(chan error, 1)
			go func() {
				_, err := c.Ask(ctx, "look", "t", func(_ *cluster.Cluster, _ kafka.Millis, call *Call) { call.Resolve(1, nil) })
				result <- err
			}()
			return result
		}
		served, cancelled := ask(t.Context()), ask(ctx)
		d.Settle()
		if len(served)+len(cancelled) > 0 || d.Quiet() {
			t.Errorf("calls were answered before their event; quiet: %v", d.Quiet())
		}
		if !strings.Contains(d.Pending(), "c/test waits for the answer to look t") {
			t.Errorf("pending is %q", d.Pending())
		}
		cancel()
		d.Settle()
		if err := <-cancelled; !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled call gives %v", err)
		}
		steps(t, d, "the answer", func() bool { return len(served) == 1 })
		if err := <-served; err != nil {
			t.Error(err)
		}
		late := ask(t.Context())
		d.Settle()
		c.Close()
		if err := <-late; !errors.Is(err, ErrClosed) {
			t.Errorf("a call of a closed client gives %v, want ErrClosed", err)
		}
		steps(t, d, "quiet", d.Quiet)
		if n := strings.Count(text.String(), " asks look t\n"); n != 3 {
			t.Errorf("the trace has %d questions, want 3:\n%s", n, text)
		}
	})
}

func TestDrivenBusyReceiverIsAskedAgain(t *testing.T) {
	driven(t, 2, func(t *testing.T, e *Engine, d *Driver, text *bytes.Buffer) {
		s, r := subscribed(t, d, client(t, e, "c"), SubscribeOptions{})
		write(t, e, 2)
		steps(t, d, "a busy receiver", func() bool { return strings.Contains(text.String(), "is busy") })
		if s.Position() != 0 {
			t.Errorf("the position is %d, and nobody received", s.Position())
		}
		var got []kafka.Offset
		go func() {
			for {
				select {
				case rec := <-r.records:
					got = append(got, rec.Offset)
					time.Sleep(3 * time.Second) // busy again
				case <-r.ended:
					return
				}
			}
		}()
		steps(t, d, "quiet", d.Quiet)
		if fmt.Sprint(got) != "[0 1]" {
			t.Errorf("got %v, want each record once", got)
		}
	})
}

func TestDrivenPausedSubscription(t *testing.T) {
	driven(t, 3, func(t *testing.T, e *Engine, d *Driver, text *bytes.Buffer) {
		s, r := subscribed(t, d, client(t, e, "c"), SubscribeOptions{Paused: true})
		n := 0
		go func() {
			for {
				select {
				case <-r.records:
					n++
				case <-r.ended:
					return
				}
			}
		}()
		write(t, e, 3)
		for range 50 {
			if _, err := d.Step(); err != nil {
				t.Fatal(err)
			}
		}
		if n > 0 {
			t.Errorf("%d records reached a paused receiver:\n%s", n, text)
		}
		s.Resume()
		steps(t, d, "quiet", d.Quiet)
		if n != 3 {
			t.Errorf("%d of 3 records arrived after Resume", n)
		}
	})
}

func TestDrivenAppendAndAcknowledgementAreTwoEvents(t *testing.T) {
	driven(t, 4, func(t *testing.T, e *Engine, d *Driver, text *bytes.Buffer) {
		c := client(t, e, "p")
		var done []*Emit
		emits := make([]*Emit, 5)
		for i := range emits {
			emits[i] = &Emit{TP: t0, Record: kafka.Record{Value: fmt.Append(nil, i)}, Done: func(m *Emit) { done = append(done, m) }}
		}
		if c.Produce(emits) {
			t.Fatal("a driven cluster appended at once")
		}
		steps(t, d, "an append", func() bool { return strings.Contains(text.String(), "appends t/0 1 ") })
		written := 0
		_ = e.Do(func(core *cluster.Cluster, _ kafka.Millis) { written = int(core.Partition("t", 0).Log.LogEnd()) })
		d.Kill("p")
		steps(t, d, "quiet", d.Quiet)
		acked, lost := 0, 0
		for _, m := range done {
			if m.Err == nil {
				acked++
			} else if errors.Is(m.Err, ErrClosed) {
				lost++
			}
		}
		if acked+lost != 5 || acked > written || written == 5 && acked == 5 {
			t.Errorf("%d records were written, %d acknowledged, %d lost, of 5", written, acked, lost)
		}
		_ = e.Do(func(core *cluster.Cluster, _ kafka.Millis) {
			if end := int(core.Partition("t", 0).Log.LogEnd()); end != written {
				t.Errorf("the dead client wrote %d records more", end-written)
			}
		})
		after := text.String()[strings.Index(text.String(), "p crashes"):]
		if strings.Count(after, "p/test") > 0 {
			t.Errorf("a dead client has lines in the trace:\n%s", after)
		}
		if !c.Produce([]*Emit{emits[0]}) || !errors.Is(emits[0].Err, ErrClosed) {
			t.Errorf("a dead client's emit ended with %v", emits[0].Err)
		}
	})
}

func TestDrivenKillTakesAllOfOneName(t *testing.T) {
	driven(t, 5, func(t *testing.T, e *Engine, d *Driver, _ *bytes.Buffer) {
		_, one := subscribed(t, d, client(t, e, "a"), SubscribeOptions{})
		_, two := subscribed(t, d, client(t, e, "a"), SubscribeOptions{})
		_, other := subscribed(t, d, client(t, e, "b"), SubscribeOptions{})
		if n := d.Kill("a"); n != 2 {
			t.Errorf("%d clients were killed, want 2", n)
		}
		<-one.ended
		<-two.ended
		select {
		case <-other.ended:
			t.Error("a client of another name ended too")
		default:
		}
		if n := d.Kill("a"); n != 0 {
			t.Errorf("%d clients were killed again", n)
		}
	})
}

func TestDrivenFeeds(t *testing.T) {
	driven(t, 6, func(t *testing.T, e *Engine, d *Driver, text *bytes.Buffer) {
		n := 0
		d.AddFeed(&Feed{Name: "numbers", Next: func() (kafka.TopicPartition, kafka.Record, bool) {
			n++
			return t0, kafka.Record{Value: fmt.Append(nil, n), Timestamp: kafka.NoTimestamp}, n <= 3
		}})
		d.AddFeed(&Feed{Name: "broken", Next: func() (kafka.TopicPartition, kafka.Record, bool) {
			return kafka.TopicPartition{Topic: "nowhere"}, kafka.Record{}, true
		}})
		var failed error
		for range 1000 {
			if _, err := d.Step(); err != nil {
				failed = errors.Join(failed, err)
			}
			if d.Quiet() {
				break
			}
		}
		if !errors.Is(failed, kafka.UnknownTopicOrPartition) || !strings.Contains(failed.Error(), "input broken: record for nowhere/0") {
			t.Errorf("the broken feed gave %v", failed)
		}
		if strings.Count(failed.Error(), "\n") > 0 {
			t.Errorf("it failed more than once: %v", failed)
		}
		if !strings.Contains(text.String(), "input ends numbers") || n != 4 {
			t.Errorf("the feed was asked %d times:\n%s", n, text)
		}
	})
}

func TestDrivenFeedsWaitForALeader(t *testing.T) {
	driven(t, 6, func(t *testing.T, e *Engine, d *Driver, text *bytes.Buffer) {
		began := time.Now()
		e.mu.Lock()
		_, err := e.disturb(e.nowMillis(), fault.StopBroker{Broker: 1, For: 30 * time.Second})
		e.unlock()
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		d.AddFeed(&Feed{Name: "numbers", Next: func() (kafka.TopicPartition, kafka.Record, bool) {
			n++
			return t0, kafka.Record{Value: fmt.Append(nil, n), Timestamp: kafka.NoTimestamp}, n <= 3
		}})
		steps(t, d, "quiet", d.Quiet)
		if took := time.Since(began); took < 30*time.Second {
			t.Errorf("the feed ended after %v", took)
		}
		if strings.Count(text.String(), "input waits") != 1 || strings.Count(text.String(), " input numbers ") != 3 {
			t.Errorf("three records are appended, the first of them after a wait:\n%s", text)
		}
	})
}

func TestDrivenTimePassesWhenNothingElseCan(t *testing.T) {
	driven(t, 7, func(t *testing.T, e *Engine, d *Driver, _ *bytes.Buffer) {
		began := time.Now()
		var rang atomic.Bool
		time.AfterFunc(time.Hour, func() { rang.Store(true) })
		steps(t, d, "an hour", rang.Load)
		if took := time.Since(began); took > time.Hour+15*time.Second {
			t.Errorf("the hour took %v", took)
		}
		d.Limit = time.Now().Add(30 * time.Millisecond)
		before := time.Now()
		if happened, err := d.Step(); !happened && (err != nil || time.Since(before) > 30*time.Millisecond) {
			t.Errorf("past the limit: %v (%v)", time.Since(before), err)
		}
	})
}

func TestDrivenLapsesAreEvents(t *testing.T) {
	driven(t, 9, func(t *testing.T, e *Engine, d *Driver, text *bytes.Buffer) {
		n := 0
		d.AddFeed(&Feed{Name: "numbers", Next: func() (kafka.TopicPartition, kafka.Record, bool) {
			n++
			return t0, kafka.Record{Timestamp: kafka.NoTimestamp}, n <= 1000
		}})
		steps(t, d, "quiet", d.Quiet)
		lapses := strings.Count(text.String(), " lapse ")
		if lapses < 10 || lapses > 60 || d.Steps() != uint64(lapses)+1001 {
			t.Errorf("%d lapses in %d steps, want about 25", lapses, d.Steps())
		}
	})
}

func TestDrivenCheckEndsStep(t *testing.T) {
	driven(t, 8, func(t *testing.T, e *Engine, d *Driver, _ *bytes.Buffer) {
		broken := errors.New("an invariant is broken")
		d.Check = func() error { return broken }
		if _, err := d.Step(); !errors.Is(err, broken) {
			t.Errorf("Step gives %v", err)
		}
	})
}

// TestDrivenSeedDecides has two producers and a receiver; the seed alone decides the trace, and each one another.
func TestDrivenSeedDecides(t *testing.T) {
	run := func(seed uint64) (text string) {
		driven(t, seed, func(t *testing.T, e *Engine, d *Driver, b *bytes.Buffer) {
			_, r := subscribed(t, d, client(t, e, "c"), SubscribeOptions{})
			go func() {
				for {
					select {
					case <-r.records:
					case <-r.ended:
						return
					}
				}
			}()
			for _, id := range []string{"p", "q"} {
				c := client(t, e, id)
				go func() {
					for i := range 10 {
						c.Produce([]*Emit{{TP: t0, Record: kafka.Record{Value: fmt.Append(nil, id, i)}, Done: func(*Emit) {}}})
					}
				}()
			}
			d.Settle()
			steps(t, d, "quiet", d.Quiet)
			text = b.String()
		})
		return text
	}
	seen := map[string]uint64{}
	for seed := range uint64(10) {
		first := run(seed)
		for range 3 {
			if again := run(seed); again != first {
				t.Fatalf("seed %d gives two traces", seed)
			}
		}
		if other, found := seen[first]; found {
			t.Errorf("seeds %d and %d give one trace", other, seed)
		}
		seen[first] = seed
	}
}

// Whoever was asked whether it has come back waits again when the answer is there, also where others have not: what it does meanwhile would
// come before or after the next event by chance.
func TestQuietLeavesNobodyAwake(t *testing.T) {
	driven(t, 1, func(t *testing.T, e *Engine, d *Driver, _ *bytes.Buffer) {
		write(t, e, 1)
		var asked, took int
		away := make(chan struct{})
		for _, name := range []string{"a", "b"} {
			c := client(t, e, name)
			c.UseBarriers()
			_, r := subscribed(t, d, c, SubscribeOptions{})
			go func() {
				for record := range r.records {
					if record.Offset < 0 {
						asked++
						continue
					}
					if took++; name == "b" {
						<-away
					}
				}
			}()
			defer close(r.records)
		}
		steps(t, d, "a record for both", func() bool { d.Settle(); return took == 2 })
		if d.Quiet() || asked != 1 {
			t.Errorf("%d receivers were asked, and one of two is away", asked)
		}
		close(away)
		d.Settle()
		if !d.Quiet() || asked != 2 {
			t.Errorf("%d receivers were asked, and both are back", asked)
		}
		if !d.Quiet() || asked != 2 {
			t.Errorf("receivers that are back were asked again: %d", asked)
		}
	})
}
