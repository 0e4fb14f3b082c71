package kafkamock

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

// MockConsumerGroup is a sarama.ConsumerGroup whose only member is the code under test. Each topic has one partition, 0:
// a log of a simulated cluster, which SendMessage appends to. A generation that ends hands the messages that it did not
// mark to the next one, as Kafka does. It may be used by any number of goroutines.
type MockConsumerGroup struct {
	t          reporter
	cluster    *memkafka.Cluster
	member     sarama.ConsumerGroup
	errs       chan error
	forwarding sync.WaitGroup // the goroutine that fills errs from member
	closing    chan struct{}  // closed by the first Close
	closeOnce  sync.Once

	mu      sync.Mutex // guards what follows
	timeout time.Duration
	failure error
	topics  []string                  // what Consume was asked for last; nil before
	session *MockConsumerGroupSession // the one that runs; nil between two
	sent    map[string]int64          // by topic: the offset after the last message that was sent
	marked  map[string]int64          // by topic: the offset that was marked last
	waiting []waiter                  // in the order of SendMessage
	closed  bool
}

// waiter is a SendMessage whose channel is still open.
type waiter struct {
	need map[string]int64 // by topic: the offset to be marked
	done chan struct{}
}

// NewMockConsumerGroup returns a group that ends with t.
func NewMockConsumerGroup(t *testing.T) *MockConsumerGroup { return newConsumerGroup(t) }

func newConsumerGroup(t reporter) *MockConsumerGroup {
	t.Helper()
	config := sarama.NewConfig()
	config.ClientID = "kafkamock"
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Return.Errors = true
	cluster := memkafka.New(memkafka.WithInitialRebalanceDelay(0))
	member, err := saramaclient.NewConsumerGroup(cluster, "mock", config)
	if err != nil {
		panic("kafkamock: a member of a new cluster: " + err.Error())
	}
	cg := &MockConsumerGroup{
		t:       t,
		cluster: cluster,
		member:  member,
		errs:    make(chan error, config.ChannelBufferSize),
		closing: make(chan struct{}),
		timeout: DefaultTimeout,
		sent:    map[string]int64{},
		marked:  map[string]int64{},
	}
	cg.forwarding.Add(1)
	go cg.forwardErrors()
	t.Cleanup(cg.release)
	return cg
}

// forwardErrors passes on what the member reports, as a failed commit. As with sarama, it is dropped when nobody reads.
func (cg *MockConsumerGroup) forwardErrors() {
	defer cg.forwarding.Done()
	for err := range cg.member.Errors() {
		select {
		case cg.errs <- err:
		default:
		}
	}
}

// release closes the group at the end of the test. It does not wait for ever for a handler that is stuck.
func (cg *MockConsumerGroup) release() {
	cg.t.Helper()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_ = cg.Close() // it always returns nil
	}()
	timeout := time.NewTimer(cg.bound())
	defer timeout.Stop()
	select {
	case <-closed:
	case <-timeout.C:
		cg.t.Errorf("kafkamock: the handler of the consumer group did not end within %v of closing the group; "+
			"ConsumeClaim has to return when Messages is closed", cg.bound())
	}
	cg.cluster.Close()
}

// Cluster returns the cluster that holds the topics. What others append there is consumed like what SendMessage
// appends.
func (cg *MockConsumerGroup) Cluster() *memkafka.Cluster { return cg.cluster }

// SetTimeout sets how long SendMessageWait waits: DefaultTimeout unless set. It has to be more than 0.
func (cg *MockConsumerGroup) SetTimeout(d time.Duration) {
	cg.t.Helper()
	if d <= 0 {
		cg.t.Errorf("kafkamock: a timeout of %v leaves no time; give more than 0", d)
		return
	}
	cg.mu.Lock()
	defer cg.mu.Unlock()
	cg.timeout = d
}

func (cg *MockConsumerGroup) bound() time.Duration {
	cg.mu.Lock()
	defer cg.mu.Unlock()
	return cg.timeout
}

// Consume runs handler for one generation after the other, each with partition 0 of all topics, until ctx ends or the
// group is closed; then it returns nil. An error of the handler ends it, and is returned. A group that was closed
// before returns sarama.ErrClosedConsumerGroup.
func (cg *MockConsumerGroup) Consume(ctx context.Context, topics []string, handler sarama.ConsumerGroupHandler) error {
	cg.t.Helper()
	if err := cg.begin(topics); err != nil {
		return err
	}
	for {
		if err := cg.failed(); err != nil {
			return err
		}
		g := &generation{group: cg, handler: handler}
		if over, err := g.run(ctx, topics); over || err != nil {
			return err
		}
	}
}

// begin makes the topics. It fails the test when messages were sent that nobody will ever consume.
func (cg *MockConsumerGroup) begin(topics []string) error {
	cg.t.Helper()
	cg.mu.Lock()
	defer cg.mu.Unlock()
	if cg.closed {
		return sarama.ErrClosedConsumerGroup
	}
	for _, topic := range topics {
		if err := ensurePartitions(cg.cluster, topic, 1); err != nil {
			return fmt.Errorf("consume topic %s: %w", topic, err)
		}
	}
	for _, topic := range slices.Sorted(maps.Keys(cg.sent)) {
		if !slices.Contains(topics, topic) && cg.marked[topic] < cg.sent[topic] {
			cg.t.Errorf("kafkamock: a message was sent to topic %s, but the group consumes %s", topic, strings.Join(topics, ", "))
			cg.forget(topic)
		}
	}
	cg.topics = slices.Clone(topics)
	cg.tellWaiting()
	return nil
}

// forget lets nobody wait for a topic any more. Called with mu held.
func (cg *MockConsumerGroup) forget(topic string) {
	delete(cg.sent, topic)
	for _, w := range cg.waiting {
		delete(w.need, topic)
	}
}

func (cg *MockConsumerGroup) failed() error {
	cg.mu.Lock()
	defer cg.mu.Unlock()
	return cg.failure
}

// FailOnConsume lets Consume return err: at once when it is called, and when the generation that runs ends. Nil ends
// that.
func (cg *MockConsumerGroup) FailOnConsume(err error) {
	cg.mu.Lock()
	defer cg.mu.Unlock()
	cg.failure = err
}

// SendMessage appends a message to its topic, as partition 0, and notes in it its partition and offset, which counts
// from 0 in each topic. The channel that it returns is closed when the group has marked this message and all that were
// sent before. Without a session the message waits for one; a topic that the group does not consume, and a group that is
// closed, fail the test, and the channel is closed then.
func (cg *MockConsumerGroup) SendMessage(message *sarama.ConsumerMessage) <-chan struct{} {
	cg.t.Helper()
	done, err := cg.send(message)
	if err != nil {
		cg.t.Errorf("kafkamock: send a message to topic %s: %v", message.Topic, err)
	}
	return done
}

// SendMessageWait is SendMessage, and waits until the message is marked. It fails the test when that takes longer than
// the timeout, or when the group is closed before.
func (cg *MockConsumerGroup) SendMessageWait(message *sarama.ConsumerMessage) {
	cg.t.Helper()
	done, err := cg.send(message)
	if err != nil {
		cg.t.Errorf("kafkamock: send a message to topic %s: %v", message.Topic, err)
		return
	}
	bound := cg.bound()
	timeout := time.NewTimer(bound)
	defer timeout.Stop()
	select {
	case <-done:
	case <-cg.closing:
		cg.t.Errorf("kafkamock: message %s/0 at offset %d was not marked before the group was closed", message.Topic, message.Offset)
	case <-timeout.C:
		cg.t.Errorf("kafkamock: message %s/0 at offset %d was not marked within %v: %s", message.Topic, message.Offset, bound, cg.blame())
	}
}

// send appends a message. With an error, the channel is closed, so that nobody waits for it.
func (cg *MockConsumerGroup) send(message *sarama.ConsumerMessage) (<-chan struct{}, error) {
	done := make(chan struct{})
	cg.mu.Lock()
	defer cg.mu.Unlock()
	if err := cg.append(message); err != nil {
		close(done)
		return done, err
	}
	cg.sent[message.Topic] = message.Offset + 1
	cg.waiting = append(cg.waiting, waiter{need: maps.Clone(cg.sent), done: done})
	return done, nil
}

// append writes a message to its log. Called with mu held.
func (cg *MockConsumerGroup) append(message *sarama.ConsumerMessage) error {
	if cg.closed {
		return fmt.Errorf("the group is closed: %w", sarama.ErrClosedConsumerGroup)
	}
	if cg.topics != nil && !slices.Contains(cg.topics, message.Topic) {
		return fmt.Errorf("the group consumes %s", strings.Join(cg.topics, ", "))
	}
	if err := ensurePartitions(cg.cluster, message.Topic, 1); err != nil {
		return err
	}
	offset, err := cg.cluster.Append(message.Topic, 0, recordOf(message))
	if err != nil {
		return err
	}
	message.Partition, message.Offset = 0, int64(offset)
	return nil
}

// blame says what the group has not done yet.
func (cg *MockConsumerGroup) blame() string {
	cg.mu.Lock()
	defer cg.mu.Unlock()
	if cg.topics == nil {
		return "Consume was not called"
	}
	if cg.session == nil {
		return "no session runs; is Consume still running?"
	}
	var missing []string
	for _, topic := range slices.Sorted(maps.Keys(cg.sent)) {
		if cg.marked[topic] < cg.sent[topic] {
			missing = append(missing, fmt.Sprintf("%s/0 up to offset %d of %d", topic, cg.marked[topic], cg.sent[topic]))
		}
	}
	return fmt.Sprintf("the session of generation %d has marked %s", cg.session.GenerationID(), strings.Join(missing, " and "))
}

// noteMark tells those who wait that all below offset is marked.
func (cg *MockConsumerGroup) noteMark(topic string, offset int64) {
	cg.mu.Lock()
	defer cg.mu.Unlock()
	cg.marked[topic] = max(cg.marked[topic], offset)
	cg.tellWaiting()
}

// tellWaiting closes the channels of messages that are marked, with all before them. Called with mu held.
func (cg *MockConsumerGroup) tellWaiting() {
	// what a later waiter needs, it needs at least as much of as an earlier one
	for len(cg.waiting) > 0 && cg.isMarked(cg.waiting[0].need) {
		close(cg.waiting[0].done)
		cg.waiting = cg.waiting[1:]
	}
}

func (cg *MockConsumerGroup) isMarked(need map[string]int64) bool {
	for topic, offset := range need {
		if cg.marked[topic] < offset {
			return false
		}
	}
	return true
}

// noteReset takes back what was marked.
func (cg *MockConsumerGroup) noteReset(topic string, offset int64) {
	cg.mu.Lock()
	defer cg.mu.Unlock()
	cg.marked[topic] = min(cg.marked[topic], offset)
}

// Errors returns the channel of errors. It is closed by Close.
func (cg *MockConsumerGroup) Errors() <-chan error { return cg.errs }

// SendError sends an error on Errors. It does not wait: it fails the test when 256 errors are there that nobody
// receives, and when the group is closed.
func (cg *MockConsumerGroup) SendError(err error) {
	cg.t.Helper()
	cg.mu.Lock()
	defer cg.mu.Unlock()
	if cg.closed {
		cg.t.Errorf("kafkamock: an error is sent to a consumer group that is closed: %v", err)
		return
	}
	select {
	case cg.errs <- err:
	default:
		cg.t.Errorf("kafkamock: nobody receives the errors of the consumer group: %d are waiting, no room for: %v", cap(cg.errs), err)
	}
}

// Pause holds back the messages of partitions that the running session has, until Resume. What the handler's claim
// has buffered is still received.
func (cg *MockConsumerGroup) Pause(partitions map[string][]int32) { cg.member.Pause(partitions) }

// Resume ends Pause.
func (cg *MockConsumerGroup) Resume(partitions map[string][]int32) { cg.member.Resume(partitions) }

// PauseAll is Pause for all partitions.
func (cg *MockConsumerGroup) PauseAll() { cg.member.PauseAll() }

// ResumeAll is Resume for all partitions.
func (cg *MockConsumerGroup) ResumeAll() { cg.member.ResumeAll() }

// Close ends the session that runs, waits for its handler, and closes Errors. It may be called twice.
func (cg *MockConsumerGroup) Close() error {
	cg.closeOnce.Do(func() {
		cg.mu.Lock()
		cg.closed = true
		cg.mu.Unlock()
		close(cg.closing)
		_ = cg.member.Close() // what it returns is the last of its errors, all of which Errors has
		cg.forwarding.Wait()
		close(cg.errs)
	})
	return nil
}
