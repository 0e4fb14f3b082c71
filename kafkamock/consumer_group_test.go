package kafkamock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/memkafka"
)

// handler is a sarama.ConsumerGroupHandler of functions. Those that are nil do nothing; claim marks each message unless
// set.
type handler struct {
	setup, cleanup func(s sarama.ConsumerGroupSession) error
	claim          func(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error
}

func (h *handler) Setup(s sarama.ConsumerGroupSession) error {
	if h.setup == nil {
		return nil
	}
	return h.setup(s)
}

func (h *handler) Cleanup(s sarama.ConsumerGroupSession) error {
	if h.cleanup == nil {
		return nil
	}
	return h.cleanup(s)
}

func (h *handler) ConsumeClaim(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
	if h.claim != nil {
		return h.claim(s, c)
	}
	for m := range c.Messages() {
		s.MarkMessage(m, "")
	}
	return nil
}

// run runs Consume in the background. End cancels its context and returns what it returned.
func run(t *testing.T, cg *MockConsumerGroup, h *handler, topics ...string) (end func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- cg.Consume(ctx, topics, h) }()
	end = sync.OnceValue(func() error { cancel(); return <-result })
	t.Cleanup(func() { _ = end() })
	return end
}

func order(value string) *sarama.ConsumerMessage {
	return &sarama.ConsumerMessage{Topic: "orders", Value: []byte(value)}
}

// marked reports whether a channel of SendMessage is closed.
func marked(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

func TestAGroupConsumesWhatIsSent(t *testing.T) {
	cg := NewMockConsumerGroup(t)
	var got []string
	end := run(t, cg, &handler{
		setup: func(s sarama.ConsumerGroupSession) error {
			if diff := cmp.Diff(map[string][]int32{"orders": {0}, "bills": {0}}, s.Claims()); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
			if s.GenerationID() != 1 || s.MemberID() == "" {
				t.Errorf("generation %d of member %q; want 1 of somebody", s.GenerationID(), s.MemberID())
			}
			return nil
		},
		claim: func(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
			if c.InitialOffset() != sarama.OffsetOldest {
				t.Errorf("%s begins at %d; want the oldest", c.Topic(), c.InitialOffset())
			}
			for m := range c.Messages() {
				got = append(got, fmt.Sprintf("%s/%d@%d=%s", c.Topic(), c.Partition(), m.Offset, m.Value))
				s.MarkMessage(m, "")
			}
			return nil
		},
	}, "orders", "bills")
	cg.SendMessageWait(order("a"))
	cg.SendMessageWait(&sarama.ConsumerMessage{Topic: "bills", Partition: 8, Offset: 99, Value: []byte("b")})
	last := order("c")
	cg.SendMessageWait(last)
	if last.Partition != 0 || last.Offset != 1 {
		t.Errorf("the message that was sent is %d@%d; want 0@1", last.Partition, last.Offset)
	}
	if err := end(); err != nil {
		t.Errorf("Consume = %v; want nil when it is cancelled", err)
	}
	if want := []string{"orders/0@0=a", "bills/0@0=b", "orders/0@1=c"}; !slices.Equal(got, want) {
		t.Errorf("handled %v; want %v", got, want)
	}
	if offset, ok := cg.Cluster().Committed("mock", "orders", 0); !ok || offset != 2 {
		t.Errorf("committed %d (%t); want 2", offset, ok)
	}
}

func TestMessagesInFlightAreDoneWhenAllBeforeAreMarked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cg := NewMockConsumerGroup(t)
		marks := make(chan func(s sarama.ConsumerGroupSession))
		run(t, cg, &handler{setup: func(s sarama.ConsumerGroupSession) error {
			go func() {
				for mark := range marks {
					mark(s)
				}
			}()
			return nil
		}, claim: func(_ sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
			for range c.Messages() { //nolint:revive // marked from elsewhere
			}
			return nil
		}}, "orders", "bills")
		defer close(marks)

		a, b := cg.SendMessage(order("a")), cg.SendMessage(order("b"))
		x := cg.SendMessage(&sarama.ConsumerMessage{Topic: "bills"})
		c := cg.SendMessage(order("c"))
		for _, step := range []struct {
			topic  string
			offset int64
			want   []bool // a, b, x, c
		}{
			{"orders", 0, []bool{false, false, false, false}},
			{"orders", 1, []bool{true, false, false, false}},
			{"orders", 3, []bool{true, true, false, false}}, // b was sent before x, c after it
			{"bills", 1, []bool{true, true, true, true}},
		} {
			marks <- func(s sarama.ConsumerGroupSession) { s.MarkOffset(step.topic, 0, step.offset, "") }
			synctest.Wait()
			if got := []bool{marked(a), marked(b), marked(x), marked(c)}; !slices.Equal(got, step.want) {
				t.Errorf("after marking %s up to %d: done are %v; want %v", step.topic, step.offset, got, step.want)
			}
		}
	})
}

func TestManySendersAtOnce(t *testing.T) {
	cg := NewMockConsumerGroup(t)
	run(t, cg, &handler{}, "orders", "bills")
	var senders sync.WaitGroup
	for i := range 8 {
		senders.Go(func() {
			for range 200 {
				cg.SendMessage(&sarama.ConsumerMessage{Topic: []string{"orders", "bills"}[i%2]})
			}
			cg.SendMessageWait(order("last"))
		})
	}
	senders.Wait()
}

func TestAMessageWaitsForASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cg := NewMockConsumerGroup(t)
		done := cg.SendMessage(order("a"))
		synctest.Wait()
		if marked(done) {
			t.Error("a message that nobody has seen counts as done")
		}
		run(t, cg, &handler{}, "orders")
		<-done
	})
}

func TestWaitingForAMarkIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness(t)
		cg := newConsumerGroup(w)
		began := time.Now()
		cg.SendMessageWait(order("a"))
		w.saw(t, "message orders/0 at offset 0 was not marked within 10s: Consume was not called")
		if took := time.Since(began); took != DefaultTimeout {
			t.Errorf("it took %v; want %v", took, DefaultTimeout)
		}

		cg.SetTimeout(time.Minute)
		end := run(t, cg, &handler{claim: func(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
			s.MarkMessage(<-c.Messages(), "")
			for range c.Messages() { //nolint:revive // left unmarked
			}
			return nil
		}}, "orders")
		cg.SendMessageWait(order("b"))
		w.saw(t, "offset 1 was not marked within 1m0s: the session of generation 1 has marked orders/0 up to offset 1 of 2")
		if err := end(); err != nil {
			t.Error(err)
		}
		cg.SendMessageWait(order("c"))
		w.saw(t, "no session runs; is Consume still running?")

		go func() { _ = cg.Close() }()
		cg.SendMessageWait(order("d"))
		w.saw(t, "closed")
		cg.SetTimeout(0)
		w.saw(t, "a timeout of 0s leaves no time")
	})
}

func TestAMessageThatNobodyConsumesFailsTheTest(t *testing.T) {
	w := newWitness(t)
	cg := newConsumerGroup(w)
	cg.SendMessage(&sarama.ConsumerMessage{Topic: "typo"})
	end := run(t, cg, &handler{}, "orders")
	cg.SendMessageWait(order("a"))
	w.saw(t, "a message was sent to topic typo, but the group consumes orders")
	if !marked(cg.SendMessage(&sarama.ConsumerMessage{Topic: "bills"})) {
		t.Error("the channel is open; want it closed, so that nobody waits")
	}
	w.saw(t, "send a message to topic bills: the group consumes orders")
	if err := end(); err != nil {
		t.Error(err)
	}
	_ = cg.Close()
	cg.SendMessageWait(order("b"))
	if !marked(cg.SendMessage(order("b"))) {
		t.Error("the channel is open; want it closed, so that nobody waits")
	}
	w.saw(t, "the group is closed", "the group is closed")
}

func TestWhatWasNotMarkedComesAgain(t *testing.T) {
	cg := NewMockConsumerGroup(t)
	var seen []string
	run(t, cg, &handler{claim: func(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
		for m := range c.Messages() {
			seen = append(seen, fmt.Sprintf("%d:%s", s.GenerationID(), m.Value))
			switch string(m.Value) + fmt.Sprint(s.GenerationID()) {
			case "b1": // a rebalance in the middle of b
				return nil
			case "c2":
				s.MarkMessage(m, "")
				s.ResetOffset("orders", 0, 1, "") // b, please
				s.Commit()
				return nil
			}
			s.MarkMessage(m, "")
		}
		return nil
	}}, "orders")
	for _, v := range []string{"a", "b"} {
		cg.SendMessage(order(v))
	}
	cg.SendMessageWait(order("c"))
	cg.SendMessageWait(order("d"))
	if want := []string{"1:a", "1:b", "2:b", "2:c", "3:b", "3:c", "3:d"}; !slices.Equal(seen, want) {
		t.Errorf("saw %v; want %v", seen, want)
	}
}

func TestMarksOfAPastSessionDoNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cg := NewMockConsumerGroup(t)
		var sessions []sarama.ConsumerGroupSession
		end := run(t, cg, &handler{
			setup: func(s sarama.ConsumerGroupSession) error { sessions = append(sessions, s); return nil },
			claim: func(_ sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
				for range c.Messages() { //nolint:revive // left unmarked
				}
				return nil
			},
		}, "orders")
		done := cg.SendMessage(order("a"))
		synctest.Wait()
		if err := end(); err != nil {
			t.Error(err)
		}
		sessions[0].MarkOffset("orders", 0, 1, "")
		sessions[0].ResetOffset("orders", 0, 0, "")
		if marked(done) {
			t.Error("a session that is over has marked a message")
		}
		run(t, cg, &handler{}, "orders")
		<-done
	})
}

func TestAWrongMarkFailsTheTest(t *testing.T) {
	w := newWitness(t)
	cg := newConsumerGroup(w)
	set := make(chan struct{})
	run(t, cg, &handler{setup: func(s sarama.ConsumerGroupSession) error {
		s.MarkOffset("orders", 1, 0, "")
		s.MarkMessage(&sarama.ConsumerMessage{Topic: "orders", Offset: 7}, "")
		s.ResetOffset("bills", 0, 0, "")
		s.ResetOffset("orders", 0, -1, "")
		s.(*MockConsumerGroupSession).SendMessage(order("a"))
		s.(*MockConsumerGroupSession).SendMessage(&sarama.ConsumerMessage{Topic: "bills"})
		close(set)
		return nil
	}}, "orders")
	<-set
	cg.SendMessageWait(order("b"))
	w.saw(t,
		"mark orders/1 up to offset 0: the session holds map[orders:[0]]",
		"mark orders/0 up to offset 8: messages were sent up to offset 0",
		"reset bills/0 to offset 0: the session holds map[orders:[0]]",
		"reset orders/0 to offset -1: messages were sent up to offset 0",
		"send a message to topic bills: the group consumes orders",
	)
}

func TestClosingAGroupEndsConsume(t *testing.T) {
	cg := NewMockConsumerGroup(t)
	cleaned := false
	end := run(t, cg, &handler{cleanup: func(sarama.ConsumerGroupSession) error { cleaned = true; return nil }}, "orders")
	cg.SendMessageWait(order("a"))
	if err := errors.Join(cg.Close(), cg.Close()); err != nil {
		t.Errorf("Close = %v", err)
	}
	if !cleaned {
		t.Error("Close returned before the handler's Cleanup")
	}
	if err := end(); err != nil {
		t.Errorf("Consume = %v; want nil", err)
	}
	if _, open := <-cg.Errors(); open {
		t.Error("Errors is open after Close")
	}
	if err := cg.Consume(context.Background(), []string{"orders"}, &handler{}); !errors.Is(err, sarama.ErrClosedConsumerGroup) {
		t.Errorf("Consume = %v; want %v", err, sarama.ErrClosedConsumerGroup)
	}
}

func TestConsumeFailsWhenToldSo(t *testing.T) {
	broken := errors.New("broken")
	cg := NewMockConsumerGroup(t)
	cg.FailOnConsume(broken)
	if err := cg.Consume(context.Background(), []string{"orders"}, &handler{}); !errors.Is(err, broken) {
		t.Errorf("Consume = %v; want %v", err, broken)
	}
	cg.FailOnConsume(nil)
	err := cg.Consume(context.Background(), []string{"orders"}, &handler{claim: func(sarama.ConsumerGroupSession, sarama.ConsumerGroupClaim) error {
		cg.FailOnConsume(broken)
		return nil // ends the generation
	}})
	if !errors.Is(err, broken) {
		t.Errorf("Consume = %v; want %v when the generation ended", err, broken)
	}
	if err := cg.Consume(context.Background(), nil, &handler{}); err == nil {
		t.Error("Consume of no topics = nil; want an error")
	}
	if err := cg.Consume(context.Background(), []string{"no such name"}, &handler{}); err == nil {
		t.Error("Consume of a topic that cannot exist = nil; want an error")
	}
}

func TestErrorsOfTheHandlerEndConsume(t *testing.T) {
	broken := errors.New("broken")
	fail := func(sarama.ConsumerGroupSession) error { return broken }
	for name, h := range map[string]*handler{
		"setup":   {setup: fail},
		"cleanup": {cleanup: fail, claim: func(sarama.ConsumerGroupSession, sarama.ConsumerGroupClaim) error { return nil }},
		"claim":   {claim: func(sarama.ConsumerGroupSession, sarama.ConsumerGroupClaim) error { return broken }},
	} {
		t.Run(name, func(t *testing.T) {
			if err := NewMockConsumerGroup(t).Consume(context.Background(), []string{"orders"}, h); !errors.Is(err, broken) {
				t.Errorf("Consume = %v; want %v", err, broken)
			}
		})
	}
}

func TestAClaimThatReturnsTheCancellationIsNoError(t *testing.T) {
	cg := NewMockConsumerGroup(t)
	end := run(t, cg, &handler{claim: func(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
		s.MarkMessage(<-c.Messages(), "")
		<-s.Context().Done()
		return s.Context().Err()
	}}, "orders")
	cg.SendMessageWait(order("a"))
	if err := end(); err != nil {
		t.Errorf("Consume = %v; want nil", err)
	}
}

func TestSentErrorsArrive(t *testing.T) {
	broken := errors.New("broken")
	w := newWitness(t)
	cg := newConsumerGroup(w)
	cg.SendError(broken)
	if err := <-cg.Errors(); !errors.Is(err, broken) {
		t.Errorf("received %v; want %v", err, broken)
	}
	for range cap(cg.errs) {
		cg.SendError(broken)
	}
	w.saw(t)
	cg.SendError(broken)
	w.saw(t, "nobody receives the errors of the consumer group: 256 are waiting")
	_ = cg.Close()
	cg.SendError(broken)
	w.saw(t, "an error is sent to a consumer group that is closed: broken")
}

func TestAPausedGroupHoldsMessagesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cg := NewMockConsumerGroup(t)
		run(t, cg, &handler{}, "orders", "bills")
		cg.SendMessageWait(order("a"))
		cg.PauseAll()
		a := cg.SendMessage(order("b"))
		synctest.Wait()
		wasMarked := marked(a)
		cg.ResumeAll()
		<-a
		cg.Pause(map[string][]int32{"orders": {0}})
		b := cg.SendMessage(order("c"))
		synctest.Wait()
		wasMarked = wasMarked || marked(b)
		cg.Resume(map[string][]int32{"orders": {0}})
		<-b
		if wasMarked {
			t.Error("a message of a paused partition was marked")
		}
	})
}

func TestAHandlerThatIsStuckFailsTheTest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness(t)
		cg := newConsumerGroup(w)
		stuck := make(chan struct{})
		end := run(t, cg, &handler{claim: func(sarama.ConsumerGroupSession, sarama.ConsumerGroupClaim) error { <-stuck; return nil }}, "orders")
		synctest.Wait()
		w.end()
		w.saw(t, "the handler of the consumer group did not end within 10s of closing the group")
		close(stuck)
		if err := end(); err != nil {
			t.Error(err)
		}
	})
}

func TestWhatOthersAppendReachesTheGroup(t *testing.T) {
	cg := NewMockConsumerGroup(t)
	got := make(chan string)
	run(t, cg, &handler{claim: func(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
		for m := range c.Messages() {
			s.MarkMessage(m, "")
			got <- string(m.Value)
		}
		return nil
	}}, "orders")
	producer := NewMockProducer(NewMockController(t))
	producer.ProduceInto(cg.Cluster())
	producer.Emit("orders", "k", []byte("a"))
	if v := <-got; v != "a" {
		t.Errorf("handled %q; want a", v)
	}
	if start, high, err := cg.Cluster().Offsets("orders", 0); err != nil || start != 0 || high != memkafka.Offset(1) {
		t.Errorf("offsets %d to %d, %v; want 0 to 1", start, high, err)
	}
}
