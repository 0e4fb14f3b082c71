package kafkamock

import (
	"errors"
	"fmt"
	"sync"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

var errNeverConsumed = errors.New("the partition was never consumed")

// MockAutoPartitionConsumer is a sarama.PartitionConsumer for one partition of a MockAutoConsumer. The test feeds it by
// YieldMessage and YieldError, before it is consumed and after. It may be used by any number of goroutines.
type MockAutoPartitionConsumer struct {
	consumer *MockAutoConsumer
	tp       memkafka.TopicPartition
	wanted   int64 // what ConsumePartition is expected to ask for
	shift    int64 // an offset as clients see it, less the one in the log
	start    int64 // where it begins, in the log

	messages chan *sarama.ConsumerMessage
	errors   chan *sarama.ConsumerError
	dropped  chan struct{} // closed when nobody takes messages any more
	ended    chan struct{} // closed after messages and errors

	mu             sync.Mutex // guards what follows
	consumed       bool
	paused         bool
	closing        bool
	end            int64         // closing: where the last message to hand out ends, in the log
	changed        chan struct{} // closed and made anew when one of these three changes
	position       int64         // in the log: all below was put into messages
	wholeMessages  bool          // ExpectMessagesDrainedOnClose
	wholeErrors    bool          // ExpectErrorsDrainedOnClose
	stopped        bool          // dropped is closed
	looked         bool          // Close looked at the expectations
	leftMessages   int           // counted by Close
	leftoverErrors sarama.ConsumerErrors
}

func newAutoPartitionConsumer(c *MockAutoConsumer, tp memkafka.TopicPartition, wanted int64) *MockAutoPartitionConsumer {
	return &MockAutoPartitionConsumer{
		consumer: c,
		tp:       tp,
		wanted:   wanted,
		messages: make(chan *sarama.ConsumerMessage, max(c.config.ChannelBufferSize, 0)),
		errors:   make(chan *sarama.ConsumerError, max(c.config.ChannelBufferSize, sarama.NewConfig().ChannelBufferSize)),
		dropped:  make(chan struct{}),
		ended:    make(chan struct{}),
		changed:  make(chan struct{}),
	}
}

// place finds out where it begins. Last is the one before it for the same partition, nil for the first.
func (pc *MockAutoPartitionConsumer) place(last *MockAutoPartitionConsumer) error {
	_, high, err := pc.consumer.cluster.Offsets(pc.tp.Topic, pc.tp.Partition)
	if err != nil {
		return err
	}
	end := int64(high)
	if last != nil {
		pc.shift = last.shift
	}
	switch {
	case pc.wanted == sarama.OffsetOldest:
	case pc.wanted < 0:
		pc.start = end
	case end == 0:
		pc.shift = pc.wanted
	default:
		pc.start = pc.wanted - pc.shift
		if pc.start < 0 || pc.start > end {
			err = fmt.Errorf("offset %d is none of the log, which reaches from %d to %d", pc.wanted, pc.shift, end+pc.shift)
			pc.start = end
		}
	}
	pc.position = pc.start
	return err
}

// awaited reports whether the partition is still to be consumed.
func (pc *MockAutoPartitionConsumer) awaited() bool {
	pc.mu.Lock()
	defer pc.mu.Unlock()
	return !pc.consumed && !pc.closing
}

// claim says that the partition is being consumed, and reports whether it is so for the first time.
func (pc *MockAutoPartitionConsumer) claim() bool {
	pc.mu.Lock()
	defer pc.mu.Unlock()
	if pc.consumed || pc.closing {
		return false
	}
	pc.consumed = true
	return true
}

// positioned is what a consumer of a simulated log offers beside sarama's interface: the channel is closed once every
// record below the offset was handed over, also when the last offsets hold no record.
type positioned interface {
	Reached(offset int64) <-chan struct{}
}

// begin starts the flow from the log into Messages.
func (pc *MockAutoPartitionConsumer) begin() error {
	config := sarama.NewConfig()
	config.ChannelBufferSize = 0 // what waits, waits where Pause reaches it
	reader, err := saramaclient.NewConsumer(pc.consumer.cluster, config)
	if err == nil {
		var log sarama.PartitionConsumer
		if log, err = reader.ConsumePartition(pc.tp.Topic, pc.tp.Partition, pc.start); err == nil {
			go pc.flow(reader, log)
			return nil
		}
		err = errors.Join(err, reader.Close())
	}
	pc.finish()
	return err
}

// flow hands messages on until all that were there when it was closed are handed on, or nobody wants them any more.
func (pc *MockAutoPartitionConsumer) flow(reader sarama.Consumer, log sarama.PartitionConsumer) {
	defer pc.finish()
	defer func() { _ = reader.Close() }() // it always returns nil
	var (
		next    *sarama.ConsumerMessage // taken from the log
		reached <-chan struct{}         // closing: until the end was taken from the log
		all     bool                    // reached was closed
	)
	for {
		s := pc.state()
		if s.closing && (s.paused || all && next == nil) {
			return
		}
		if s.closing && !all && reached == nil {
			reached = log.(positioned).Reached(s.end)
		}
		var in <-chan *sarama.ConsumerMessage
		var out chan<- *sarama.ConsumerMessage
		switch {
		case next == nil:
			in = log.Messages()
		case !s.paused:
			out = pc.messages
		}
		select {
		case msg, open := <-in:
			if !open || s.closing && msg.Offset >= s.end {
				return
			}
			next = pc.shown(msg)
		case out <- next:
			pc.moved(next.Offset - pc.shift + 1)
			next = nil
		case <-reached:
			reached, all = nil, true
		case <-s.changed:
		case <-pc.dropped:
			return
		}
	}
}

// flowState is what flow has to heed.
type flowState struct {
	paused, closing bool
	end             int64
	changed         <-chan struct{} // closed when any of these changes
}

func (pc *MockAutoPartitionConsumer) state() flowState {
	pc.mu.Lock()
	defer pc.mu.Unlock()
	return flowState{paused: pc.paused, closing: pc.closing, end: pc.end, changed: pc.changed}
}

func (pc *MockAutoPartitionConsumer) moved(position int64) {
	pc.mu.Lock()
	defer pc.mu.Unlock()
	pc.position = position
}

// shown is a message of the log as clients see it.
func (pc *MockAutoPartitionConsumer) shown(msg *sarama.ConsumerMessage) *sarama.ConsumerMessage {
	msg.Offset += pc.shift
	for _, i := range pc.consumer.config.Consumer.Interceptors {
		i.OnConsume(msg)
	}
	return msg
}

// finish closes the channels. It is called once, by who sends on them.
func (pc *MockAutoPartitionConsumer) finish() {
	pc.mu.Lock()
	pc.beginClosing()
	close(pc.messages)
	close(pc.errors)
	pc.mu.Unlock()
	close(pc.ended)
}

// beginClosing notes, with mu held, how far messages are still handed out.
func (pc *MockAutoPartitionConsumer) beginClosing() {
	if pc.closing {
		return
	}
	pc.closing = true
	pc.end = pc.position
	if _, high, err := pc.consumer.cluster.Offsets(pc.tp.Topic, pc.tp.Partition); err == nil {
		pc.end = int64(high)
	}
	pc.tell()
}

// tell wakes flow, with mu held.
func (pc *MockAutoPartitionConsumer) tell() {
	close(pc.changed)
	pc.changed = make(chan struct{})
}

// YieldMessage appends a message to the partition, and notes in it its topic, partition and offset. It is sent on
// Messages once the partition is consumed. Nobody looks whether it is received, unless ExpectMessagesDrainedOnClose was
// called. Its time is kept in milliseconds, its BlockTimestamp is not. YieldMessage does not wait.
func (pc *MockAutoPartitionConsumer) YieldMessage(msg *sarama.ConsumerMessage) {
	pc.consumer.t.Helper()
	pc.mu.Lock()
	defer pc.mu.Unlock()
	if pc.closing {
		pc.consumer.t.Errorf("kafkamock: a message is yielded for %s, which is closed", pc.tp)
		return
	}
	offset, err := pc.consumer.cluster.Append(pc.tp.Topic, pc.tp.Partition, recordOf(msg))
	if err != nil {
		pc.consumer.t.Errorf("kafkamock: yield a message: %v", err)
		return
	}
	msg.Topic, msg.Partition, msg.Offset = pc.tp.Topic, pc.tp.Partition, int64(offset)+pc.shift
}

// YieldError sends an error on Errors, as a *sarama.ConsumerError. Nobody looks whether it is received, unless
// ExpectErrorsDrainedOnClose was called. It does not wait: it fails the test when there are too many errors that nobody
// receives (ChannelBufferSize, and 256 at least).
func (pc *MockAutoPartitionConsumer) YieldError(err error) {
	pc.consumer.t.Helper()
	pc.mu.Lock()
	defer pc.mu.Unlock()
	if pc.closing {
		pc.consumer.t.Errorf("kafkamock: an error is yielded for %s, which is closed: %v", pc.tp, err)
		return
	}
	select {
	case pc.errors <- &sarama.ConsumerError{Topic: pc.tp.Topic, Partition: pc.tp.Partition, Err: err}:
	default:
		pc.consumer.t.Errorf("kafkamock: nobody receives the errors of %s: %d are waiting, no room for: %v", pc.tp, cap(pc.errors), err)
	}
}

// ExpectMessagesDrainedOnClose expects that every message was received when Close is called.
func (pc *MockAutoPartitionConsumer) ExpectMessagesDrainedOnClose() {
	pc.mu.Lock()
	defer pc.mu.Unlock()
	pc.wholeMessages = true
}

// ExpectErrorsDrainedOnClose expects that every error was received when Close is called.
func (pc *MockAutoPartitionConsumer) ExpectErrorsDrainedOnClose() {
	pc.mu.Lock()
	defer pc.mu.Unlock()
	pc.wholeErrors = true
}

// Messages returns the channel of messages. It is closed after AsyncClose or Close.
func (pc *MockAutoPartitionConsumer) Messages() <-chan *sarama.ConsumerMessage { return pc.messages }

// Errors returns the channel of errors. It is closed after AsyncClose or Close.
func (pc *MockAutoPartitionConsumer) Errors() <-chan *sarama.ConsumerError { return pc.errors }

// HighWaterMarkOffset returns the offset of the next message that is yielded.
func (pc *MockAutoPartitionConsumer) HighWaterMarkOffset() int64 {
	_, high, err := pc.consumer.cluster.Offsets(pc.tp.Topic, pc.tp.Partition)
	if err != nil {
		return pc.shift // the test is over
	}
	return int64(high) + pc.shift
}

// Pause holds back messages that are yielded from now on, and earlier ones that are not in Messages yet, until Resume.
// It may be called before the partition is consumed.
func (pc *MockAutoPartitionConsumer) Pause() { pc.setPaused(true) }

// Resume ends Pause.
func (pc *MockAutoPartitionConsumer) Resume() { pc.setPaused(false) }

func (pc *MockAutoPartitionConsumer) setPaused(paused bool) {
	pc.mu.Lock()
	defer pc.mu.Unlock()
	pc.paused = paused
	pc.tell()
}

// IsPaused reports whether Pause is in force.
func (pc *MockAutoPartitionConsumer) IsPaused() bool {
	pc.mu.Lock()
	defer pc.mu.Unlock()
	return pc.paused
}

// AsyncClose lets Messages and Errors be closed once all that was yielded before, and is not paused, was received. It
// does not wait for that; Close gives up what nobody received.
func (pc *MockAutoPartitionConsumer) AsyncClose() {
	pc.mu.Lock()
	began := pc.consumed || pc.closing
	pc.beginClosing()
	pc.mu.Unlock()
	if !began {
		pc.finish() // nobody else sends
	}
}

// Close ends the partition consumer and looks whether its expectations are met: the test fails when the partition was
// never consumed, or when messages or errors are left that were expected to be received. It returns the errors that are
// left as sarama.ConsumerErrors. It may be called twice.
func (pc *MockAutoPartitionConsumer) Close() error {
	t := pc.consumer.t
	t.Helper()
	pc.stop()
	pc.mu.Lock()
	defer pc.mu.Unlock()
	first := !pc.looked
	pc.looked = true
	if first && !pc.consumed {
		t.Errorf("kafkamock: %s was expected to be consumed from %s, and was not", pc.tp, offsetName(pc.wanted))
	}
	if first && pc.wholeMessages && pc.leftMessages > 0 {
		t.Errorf("kafkamock: %s was expected to be drained when it is closed; %d messages were not received, the last has offset %d",
			pc.tp, pc.leftMessages, pc.end-1+pc.shift)
	}
	if first && pc.wholeErrors && len(pc.leftoverErrors) > 0 {
		t.Errorf("kafkamock: the errors of %s were expected to be drained when it is closed; %d were not received, the first: %v",
			pc.tp, len(pc.leftoverErrors), pc.leftoverErrors[0])
	}
	switch {
	case !pc.consumed:
		return fmt.Errorf("close %s: %w", pc.tp, errNeverConsumed)
	case first && len(pc.leftoverErrors) > 0:
		return pc.leftoverErrors
	}
	return nil
}

// stop ends the flow, and counts what nobody received.
func (pc *MockAutoPartitionConsumer) stop() {
	pc.AsyncClose()
	pc.mu.Lock()
	if !pc.stopped {
		pc.stopped = true
		close(pc.dropped)
	}
	pc.mu.Unlock()
	<-pc.ended
	for range pc.messages {
		pc.mu.Lock()
		pc.leftMessages++
		pc.mu.Unlock()
	}
	for err := range pc.errors {
		pc.mu.Lock()
		pc.leftoverErrors = append(pc.leftoverErrors, err)
		pc.mu.Unlock()
	}
	pc.mu.Lock()
	defer pc.mu.Unlock()
	if pc.position < pc.end { // some never got as far as Messages
		records, _ := pc.consumer.cluster.Fetch(pc.tp.Topic, pc.tp.Partition, memkafka.Offset(pc.position), int(pc.end-pc.position))
		pc.leftMessages += len(records)
		pc.position = pc.end
	}
}
