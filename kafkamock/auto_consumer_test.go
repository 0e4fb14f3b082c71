package kafkamock

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/memkafka"
)

func message(value string) *sarama.ConsumerMessage {
	return &sarama.ConsumerMessage{Value: []byte(value)}
}

// take receives n messages as offset=value.
func take(t *testing.T, pc sarama.PartitionConsumer, n int) (got string) {
	t.Helper()
	var all []string
	for range n {
		select {
		case m, open := <-pc.Messages():
			if !open {
				t.Fatalf("Messages is closed after %v; want %d messages", all, n)
			}
			all = append(all, fmt.Sprintf("%d=%s", m.Offset, m.Value))
		case <-time.After(DefaultTimeout):
			t.Fatalf("received %v; want %d messages", all, n)
		}
	}
	return strings.Join(all, " ")
}

// none checks that no message arrives, in a bubble.
func none(t *testing.T, pc sarama.PartitionConsumer) {
	t.Helper()
	synctest.Wait()
	select {
	case m, open := <-pc.Messages():
		t.Errorf("received %v (open: %t); want nothing", m, open)
	default:
	}
}

func consume(t *testing.T, c *MockAutoConsumer, topic string, partition int32, offset int64) sarama.PartitionConsumer {
	t.Helper()
	pc, err := c.ConsumePartition(topic, partition, offset)
	if err != nil {
		t.Fatalf("consume %s/%d: %v", topic, partition, err)
	}
	return pc
}

func TestYieldedMessagesArriveInTheirOrder(t *testing.T) {
	c := NewMockAutoConsumer(t, nil)
	expected := c.ExpectConsumePartition("orders", 3, sarama.OffsetOldest)
	expected.ExpectMessagesDrainedOnClose()
	first := message("a")
	expected.YieldMessage(first)
	if first.Topic != "orders" || first.Partition != 3 || first.Offset != 0 {
		t.Errorf("the yielded message is %s/%d@%d; want orders/3@0", first.Topic, first.Partition, first.Offset)
	}

	pc := consume(t, c, "orders", 3, sarama.OffsetOldest)
	expected.YieldMessage(message("b"))
	expected.YieldMessage(message("c"))
	if got, want := take(t, pc, 3), "0=a 1=b 2=c"; got != want {
		t.Errorf("received %s; want %s", got, want)
	}
	if got := pc.HighWaterMarkOffset(); got != 3 {
		t.Errorf("high watermark %d; want 3", got)
	}
	if diff := cmp.Diff(map[string]map[int32]int64{"orders": {3: 3}}, c.HighWaterMarks()); diff != "" {
		t.Errorf("high watermarks (-want +got):\n%s", diff)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestAMessageKeepsWhatKafkaKeeps(t *testing.T) {
	c := NewMockAutoConsumer(t, nil)
	expected := c.ExpectConsumePartition("orders", 0, AnyOffset)
	sent := &sarama.ConsumerMessage{
		Key:       []byte("k"),
		Timestamp: time.Date(2031, 5, 6, 7, 8, 9, 987_000_000, time.UTC), // ahead of what a topic of Kafka takes
		Headers:   []*sarama.RecordHeader{{Key: []byte("h"), Value: []byte("1")}, {Key: []byte("h"), Value: nil}},
	}
	expected.YieldMessage(sent)
	expected.YieldMessage(&sarama.ConsumerMessage{Value: []byte{}})
	pc := consume(t, c, "orders", 0, 17)
	if diff := cmp.Diff(sent, <-pc.Messages()); diff != "" {
		t.Errorf("(-yielded +received):\n%s", diff)
	}
	m := <-pc.Messages()
	if m.Key != nil || m.Value == nil || !m.Timestamp.IsZero() {
		t.Errorf("received key %v, value %v, time %v; want none, an empty one, none", m.Key, m.Value, m.Timestamp)
	}
}

func TestAnExpectedOffsetIsWhereThePartitionBegins(t *testing.T) {
	const far = 1 << 40
	c := NewMockAutoConsumer(t, nil)
	expected := c.ExpectConsumePartition("orders", 0, far)
	if got := expected.HighWaterMarkOffset(); got != far {
		t.Errorf("high watermark %d; want %d", got, far)
	}
	expected.YieldMessage(message("a"))
	pc := consume(t, c, "orders", 0, far)
	if got, want := take(t, pc, 1), fmt.Sprintf("%d=a", far); got != want {
		t.Errorf("received %s; want %s", got, want)
	}
}

func TestALogOutlivesItsConsumer(t *testing.T) {
	w := newWitness(t)
	c := newAutoConsumer(w, nil)
	first := c.ExpectConsumePartition("orders", 0, 5)
	for _, v := range []string{"a", "b", "c"} {
		first.YieldMessage(message(v))
	}
	if got := take(t, consume(t, c, "orders", 0, 5), 2); got != "5=a 6=b" {
		t.Errorf("received %s; want 5=a 6=b", got)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	for _, again := range []struct {
		offset int64
		want   string
	}{
		{7, "7=c 8=d"},
		{sarama.OffsetOldest, "5=a 6=b 7=c 8=d 9=d"},
		{sarama.OffsetNewest, "10=d"},
		{AnyOffset, "11=d"},
	} {
		pc := c.ExpectConsumePartition("orders", 0, again.offset)
		pc.YieldMessage(message("d"))
		if got := take(t, consume(t, c, "orders", 0, again.offset), len(strings.Fields(again.want))); got != again.want {
			t.Errorf("from %s: received %s; want %s", offsetName(again.offset), got, again.want)
		}
		if err := pc.Close(); err != nil {
			t.Error(err)
		}
	}
	w.saw(t)
	c.ExpectConsumePartition("orders", 0, 4)
	w.saw(t, "offset 4 is none of the log, which reaches from 5 to 12")
}

func TestUnexpectedConsumptionFailsTheTest(t *testing.T) {
	w := newWitness(t)
	c := newAutoConsumer(w, nil)
	if _, err := c.ConsumePartition("orders", 0, 3); !errors.Is(err, ErrUnexpectedCall) {
		t.Errorf("error %v; want %v", err, ErrUnexpectedCall)
	}
	w.saw(t, "orders/0 is consumed from offset 3 unexpectedly")

	expected := c.ExpectConsumePartition("orders", 0, 3)
	expected.YieldMessage(message("a"))
	pc := consume(t, c, "orders", 0, 4)
	w.saw(t, "orders/0 is consumed from offset 4; expected was offset 3")
	if got := take(t, pc, 1); got != "3=a" {
		t.Errorf("received %s; want what was expected, 3=a", got)
	}

	if _, err := c.ConsumePartition("orders", 0, 3); !errors.Is(err, ErrUnexpectedCall) {
		t.Errorf("error %v; want %v", err, ErrUnexpectedCall)
	}
	w.saw(t, "was consumed before")

	if again := c.ExpectConsumePartition("orders", 0, sarama.OffsetOldest); again == expected {
		t.Error("the consumer of a partition that was consumed is expected again; want another one")
	}
	c.ExpectConsumePartition("orders", 0, sarama.OffsetNewest)
	w.saw(t, "orders/0 is expected to be consumed from the oldest offset already")

	if err := c.Close(); err != nil {
		t.Error(err)
	}
	w.saw(t, "orders/0 was expected to be consumed from the oldest offset, and was not")
	if _, err := c.ConsumePartition("orders", 0, 3); !errors.Is(err, sarama.ErrClosedClient) {
		t.Errorf("error %v; want %v", err, sarama.ErrClosedClient)
	}
	w.saw(t)
}

func TestAPartitionThatCannotExistFailsTheTest(t *testing.T) {
	w := newWitness(t)
	c := newAutoConsumer(w, nil)
	pc := c.ExpectConsumePartition("no such name", 0, 0)
	w.saw(t, "characters other than ASCII alphanumerics", "UNKNOWN_TOPIC")
	pc.YieldMessage(message("a"))
	_, err := c.ConsumePartition("no such name", 0, 0)
	if err == nil {
		t.Error("it is consumed; want an error")
	}
	if _, open := <-pc.Messages(); open {
		t.Error("Messages is open; want it closed, so that nobody waits")
	}
}

func TestErrorsArrive(t *testing.T) {
	broken := errors.New("broken")
	w := newWitness(t)
	c := newAutoConsumer(w, nil)
	pc := c.ExpectConsumePartition("orders", 0, 0)
	pc.YieldError(broken)
	consume(t, c, "orders", 0, 0)
	if err := <-pc.Errors(); !errors.Is(err, broken) || err.Topic != "orders" || err.Partition != 0 {
		t.Errorf("received %v; want one of orders/0 that is %v", err, broken)
	}
	for range cap(pc.errors) {
		pc.YieldError(broken)
	}
	w.saw(t)
	pc.YieldError(broken)
	w.saw(t, "nobody receives the errors of orders/0: 256 are waiting")

	var left sarama.ConsumerErrors
	if err := pc.Close(); !errors.As(err, &left) || len(left) != 256 {
		t.Errorf("Close = %v; want the 256 errors that nobody received", err)
	}
	if err := pc.Close(); err != nil {
		t.Errorf("second Close = %v; want nil", err)
	}
	pc.YieldError(broken)
	pc.YieldMessage(message("a"))
	w.saw(t, "an error is yielded for orders/0, which is closed", "a message is yielded for orders/0, which is closed")
}

func TestWhatIsToBeDrainedIsCounted(t *testing.T) {
	w := newWitness(t)
	c := newAutoConsumer(w, &sarama.Config{ChannelBufferSize: 2})
	pc := c.ExpectConsumePartition("orders", 0, 100)
	pc.ExpectMessagesDrainedOnClose()
	pc.ExpectErrorsDrainedOnClose()
	for _, v := range strings.Fields("a b c d e f") {
		pc.YieldMessage(message(v))
	}
	pc.YieldError(errors.New("broken"))
	take(t, consume(t, c, "orders", 0, 100), 1)
	_ = c.Close()
	w.saw(t, "5 messages were not received, the last has offset 105", "1 were not received, the first: kafka: error while consuming orders/0: broken")
	_ = c.Close()
	w.saw(t)
}

func TestAsyncCloseLetsTheRestBeReceived(t *testing.T) {
	w := newWitness(t)
	c := newAutoConsumer(w, &sarama.Config{})
	expected := c.ExpectConsumePartition("orders", 0, 0)
	expected.ExpectMessagesDrainedOnClose()
	for i := range 1000 {
		expected.YieldMessage(message(fmt.Sprint(i)))
	}
	pc := consume(t, c, "orders", 0, 0)
	pc.AsyncClose()
	pc.AsyncClose()
	n := 0
	for range pc.Messages() {
		n++
	}
	for range pc.Errors() {
		t.Error("an error")
	}
	if n != 1000 {
		t.Errorf("received %d messages; want 1000", n)
	}
	_ = c.Close()
	w.saw(t)
}

func TestAsyncCloseBeforeConsumption(t *testing.T) {
	w := newWitness(t)
	c := newAutoConsumer(w, nil)
	pc := c.ExpectConsumePartition("orders", 0, 0)
	pc.AsyncClose()
	if _, open := <-pc.Messages(); open {
		t.Error("Messages is open; want it closed")
	}
	if err := pc.Close(); !errors.Is(err, errNeverConsumed) {
		t.Errorf("Close = %v; want %v", err, errNeverConsumed)
	}
	w.saw(t, "was not")
}

func TestPausedMessagesWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewMockAutoConsumer(t, nil)
		expected := c.ExpectConsumePartition("orders", 0, 0)
		expected.Pause()
		expected.YieldMessage(message("a"))
		pc := consume(t, c, "orders", 0, 0)
		none(t, pc)
		if !pc.IsPaused() {
			t.Error("IsPaused = false after Pause")
		}
		c.ResumeAll()
		if got := take(t, pc, 1); got != "0=a" || pc.IsPaused() {
			t.Errorf("received %s, paused %t; want 0=a, false", got, pc.IsPaused())
		}
		c.Pause(map[string][]int32{"orders": {0, 1}, "bills": {0}})
		expected.YieldMessage(message("b"))
		none(t, pc)
		c.Resume(map[string][]int32{"orders": {1}})
		none(t, pc)
		c.Resume(map[string][]int32{"orders": {0}})
		if got := take(t, pc, 1); got != "1=b" {
			t.Errorf("received %s; want 1=b", got)
		}
		c.PauseAll()
		expected.YieldMessage(message("c"))
		synctest.Wait()
		pc.AsyncClose()
		if m, open := <-pc.Messages(); open {
			t.Errorf("received %v of a closed partition that is paused", m)
		}
	})
}

func TestHeldBackMessagesAreNotDrained(t *testing.T) {
	w := newWitness(t)
	c := newAutoConsumer(w, nil)
	pc := c.ExpectConsumePartition("orders", 0, 0)
	pc.ExpectMessagesDrainedOnClose()
	consume(t, c, "orders", 0, 0)
	pc.Pause()
	pc.YieldMessage(message("a"))
	_ = c.Close()
	w.saw(t, "1 messages were not received")
}

func TestInterceptorsSeeEachMessageOnce(t *testing.T) {
	config := sarama.NewConfig()
	seen := &seen{}
	config.Consumer.Interceptors = []sarama.ConsumerInterceptor{seen}
	c := NewMockAutoConsumer(t, config)
	expected := c.ExpectConsumePartition("orders", 0, 7)
	for range 3 {
		expected.YieldMessage(message("a"))
	}
	take(t, consume(t, c, "orders", 0, 7), 3)
	_ = c.Close()
	if !slices.Equal(seen.offsets, []int64{7, 8, 9}) {
		t.Errorf("interceptors saw %v; want 7 8 9", seen.offsets)
	}
}

type seen struct{ offsets []int64 }

func (s *seen) OnConsume(m *sarama.ConsumerMessage) { s.offsets = append(s.offsets, m.Offset) }

func TestTopicMetadata(t *testing.T) {
	w := newWitness(t)
	c := newAutoConsumer(w, nil)
	_, err := c.Topics()
	_, err2 := c.Partitions("orders")
	if !errors.Is(err, ErrUnexpectedCall) || !errors.Is(err2, ErrUnexpectedCall) {
		t.Errorf("errors %v and %v; want %v", err, err2, ErrUnexpectedCall)
	}
	w.saw(t, "Topics is called unexpectedly; call SetTopicMetadata", "Partitions is called unexpectedly")

	c.SetTopicMetadata(map[string][]int32{"orders": {0, 1}, "bills": {0}})
	topics, err := c.Topics()
	partitions, err2 := c.Partitions("orders")
	if err != nil || err2 != nil || !slices.Equal(topics, []string{"bills", "orders"}) || !slices.Equal(partitions, []int32{0, 1}) {
		t.Errorf("topics %v, %v, partitions %v, %v", topics, err, partitions, err2)
	}
	if _, err := c.Partitions("nothing"); !errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		t.Errorf("error %v; want %v", err, sarama.ErrUnknownTopicOrPartition)
	}
	w.saw(t)
}

func TestWhatOthersAppendIsConsumed(t *testing.T) {
	c := NewMockAutoConsumer(t, nil)
	c.ExpectConsumePartition("orders", 0, sarama.OffsetOldest)
	pc := consume(t, c, "orders", 0, sarama.OffsetOldest)
	if _, err := c.Cluster().Produce("orders", 0, memkafka.Record{Value: []byte("a")}); err != nil {
		t.Fatal(err)
	}
	if got := take(t, pc, 1); got != "0=a" {
		t.Errorf("received %s; want 0=a", got)
	}
}
