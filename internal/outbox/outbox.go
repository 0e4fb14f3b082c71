// Package outbox is records on their way to Kafka, in batches. It does the work of sarama's AsyncProducer on sarama's clients,
// connections and encoding, without handing each record from goroutine to goroutine.
//
// A record goes into the batch of its partition that is being filled, and stays with the goroutine that called Produce until
// then. Each broker has one goroutine, a sender, that sends one request at a time, with a batch of every partition that is
// ready: so a batch holds what came while the one before it was under way. These are the rules:
//
//   - A record is settled exactly once, with its offset or with an error, whatever brokers do and however the outbox is closed.
//   - A partition has one batch under way. The next one waits until that has been written or has failed for good, however often
//     it is sent again: so records are written in the order of their Produce calls.
//   - A batch that has failed for good fails alone. The ones behind it are sent: who wants no holes stops producing.
//   - An idempotent outbox writes no record twice. A batch that is sent again is the very same, under the same sequence numbers. It
//     gets other ones only when no attempt can have been written; when one can, it fails, and the partition goes on
//     under a higher epoch, which shuts out what may still be under way of it (see ledger).
//   - Buffered records are bounded: Produce waits while there are more than 32 MiB of them, as with buffer.memory. Only who is told of
//     a result waits later, for part of that room is made when it returns.
//
// Outbox.mu guards all state, and partitioners are called with it held, one at a time as sarama calls them, so that they must not call
// Produce. It does not guard the batch that a partition has under way: that belongs to the goroutine that has the partition in hand, a
// sender or a seeker of leaders. No request is made, and nobody is told of results, with mu held.
package outbox

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// Settle is told how a record went, exactly once, from any goroutine and possibly before Produce returns. When err is nil,
// Partition and Offset of msg say where it is, and Offset is negative where the broker did not say. Otherwise err is a
// *sarama.ProducerError, or ErrClosed. It must not block: the sender of a broker waits for it. It may call Produce, for which
// there is more room then.
type Settle func(msg *sarama.ProducerMessage, err error)

// ErrClosed is what records fail with that come after Close.
var ErrClosed = errors.New("the outbox is closed")

// bufferBytes is how much may wait for its result, as with buffer.memory of Kafka's own producers.
const bufferBytes = 32 << 20

// answers is how many times as much may wait when who is told of a result produces: who produces for each result as much as there was
// does not wait.
const answers = 4

// requestOverhead is what sarama leaves for all in a request that is not records.
const requestOverhead = 10 << 10

// lastWait is how long Close waits for what should end soon, each time before and after it cuts connections.
const lastWait = 5 * time.Second

// Outbox writes records.
type Outbox struct {
	client       sarama.Client
	config       sarama.Config
	cut          func()
	settle       Settle
	limit        int // bytes that may be buffered
	requestLimit int // bytes of the batches in one request
	lastWait     time.Duration
	first        stamp // of every partition's first batch

	working sync.WaitGroup // the goroutines of senders, seekers and lookups
	over    chan struct{}  // closed when what has not been written by then fails

	mu        sync.Mutex // guards what follows, and all of topics, partitions and senders
	room      sync.Cond  // on mu: something was settled, or the outbox closed
	topics    map[string]*topic
	senders   map[int32]*sender // by their broker's id
	closed    bool              // Produce takes no more
	stopped   bool              // senders are to end
	buffered  int               // bytes of unsettled records
	unsettled int               // records without a result
	waiting   int               // calls of Produce that wait for room
	empty     chan struct{}     // closed once closed is set and nothing is unsettled
	isEmpty   bool
	ending    error // what the rest fails with once over is closed
	givenUp   int   // records that have failed with it
}

// Serves reports whether an outbox does all that a configuration asks for. It leaves to sarama's own producer transactions,
// interceptors, batches that wait (Producer.Flush), a bound of the records that are sent again (Producer.Retry.MaxBufferLength and
// MaxBufferBytes: all that is buffered is bounded here), requests without a response, and formats before Kafka 0.11.
func Serves(config *sarama.Config) bool {
	p := &config.Producer
	return config.Version.IsAtLeast(sarama.V0_11_0_0) && p.Transaction.ID == "" && len(p.Interceptors) == 0 && p.RequiredAcks != sarama.NoResponse &&
		p.Flush.Bytes == 0 && p.Flush.Messages == 0 && p.Flush.MaxMessages == 0 && p.Flush.Frequency == 0 &&
		p.Retry.MaxBufferLength == 0 && p.Retry.MaxBufferBytes == 0
}

// New makes an outbox that writes as config says, which it Serves, and that tells settle of results. The client is the outbox's
// from now on; its own configuration may differ in what only a producer needs. The function cut, called when the outbox has closed or New
// fails, ends the connections of the client for good. An idempotent outbox gets its producer id before New returns.
func New(client sarama.Client, config *sarama.Config, cut func(), settle Settle) (*Outbox, error) {
	o := &Outbox{
		client: client, config: *config, cut: cut, settle: settle, first: unstamped,
		limit: bufferBytes, requestLimit: int(sarama.MaxRequestSize) - requestOverhead, lastWait: lastWait,
		over: make(chan struct{}), empty: make(chan struct{}),
		topics: make(map[string]*topic), senders: make(map[int32]*sender),
	}
	o.room.L = &o.mu
	o.config.Version = client.Config().Version // sarama lowers it for some services
	if config.Producer.Idempotent {
		var err error
		if o.first, err = o.firstProducerID(); err != nil {
			err = errors.Join(err, client.Close())
			cut()
			return nil, err
		}
	}
	return o, nil
}

// Produce writes a record, in its turn. It waits while too much is buffered.
func (o *Outbox) Produce(msg *sarama.ProducerMessage) {
	switch err := o.accept(msg); {
	case err == nil:
	case errors.Is(err, ErrClosed):
		o.settle(msg, err)
	default:
		o.settle(msg, &sarama.ProducerError{Msg: msg, Err: err})
	}
}

// letter is a record as it goes into a batch.
type letter struct {
	msg        *sarama.ProducerMessage
	key, value []byte
	at         int64 // milliseconds since 1970
	size       int   // bytes, as sarama counts them
}

func (o *Outbox) accept(msg *sarama.ProducerMessage) (err error) {
	l := letter{msg: msg, size: msg.ByteSize(2)}
	if l.size > o.config.Producer.MaxMessageBytes {
		return sarama.ConfigurationError(fmt.Sprintf("Attempt to produce message larger than configured Producer.MaxMessageBytes: %d > %d",
			l.size, o.config.Producer.MaxMessageBytes))
	}
	if msg.Key != nil {
		if l.key, err = msg.Key.Encode(); err != nil {
			return err
		}
	}
	if msg.Value != nil {
		if l.value, err = msg.Value.Encode(); err != nil {
			return err
		}
	}
	now := time.Now()
	l.at = now.UnixMilli()
	if !msg.Timestamp.IsZero() {
		l.at = msg.Timestamp.UnixMilli()
	}

	o.mu.Lock()
	defer o.mu.Unlock()
	limit := o.limit
	if o.full(l.size, limit) && isTold() {
		limit *= answers
	}
	for o.full(l.size, limit) {
		o.waiting++
		o.room.Wait()
		o.waiting--
	}
	if o.closed {
		return ErrClosed
	}
	t := o.topic(msg.Topic)
	if t.old(now) {
		o.lookUp(t)
	}
	if choices := t.choices(msg); len(choices) == 0 || len(t.waiting) > 0 {
		t.waiting = append(t.waiting, l)
		o.lookUp(t)
	} else if err := o.post(t, l, choices); err != nil {
		return err
	}
	o.buffered += l.size
	o.unsettled++
	return nil
}

// full reports whether a record of so many bytes has to wait for room.
func (o *Outbox) full(size, limit int) bool {
	return o.buffered > 0 && o.buffered+size > limit && !o.closed
}

// isTold reports whether the goroutine that calls it is being told of a result: whether tell is among its callers.
func isTold() bool {
	pcs := make([]uintptr, 64)
	n := runtime.Callers(2, pcs)
	for n == len(pcs) {
		pcs = make([]uintptr, 2*n)
		n = runtime.Callers(2, pcs)
	}
	frames := runtime.CallersFrames(pcs[:n])
	for {
		frame, more := frames.Next()
		if strings.HasSuffix(frame.Function, "internal/outbox.(*Outbox).tell") {
			return true
		}
		if !more {
			return false
		}
	}
}

// result is how a batch went.
type result struct {
	*batch
	err    error
	offset int64 // of its first record; negative when it is not known
}

// tell settles the records of batches that are done.
func (o *Outbox) tell(results []result) {
	for _, r := range results {
		logResult(r)
		for i, msg := range r.messages {
			if r.err != nil {
				o.settle(msg, &sarama.ProducerError{Msg: msg, Err: r.err})
				continue
			}
			if !r.appended.IsZero() {
				msg.Timestamp = r.appended
			}
			msg.Offset = -1
			if r.offset >= 0 {
				msg.Offset = r.offset + int64(i)
			}
			o.settle(msg, nil)
		}
		o.release(r)
		r.recycle()
	}
}

// release takes note that a batch is settled.
func (o *Outbox) release(r result) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.unsettled -= len(r.messages)
	o.buffered -= r.bytes
	if r.err != nil && errors.Is(r.err, o.ending) {
		o.givenUp += len(r.messages)
	}
	if o.waiting > 0 {
		o.room.Broadcast()
	}
	o.noteEmpty()
}

func (o *Outbox) noteEmpty() {
	if o.closed && o.unsettled == 0 && !o.isEmpty {
		o.isEmpty = true
		close(o.empty)
	}
}

// Close sends what is pending, and waits for the results, as long as within says. What has none by then fails, and Close returns how
// many records that were. Calls of Produce that wait fail with ErrClosed. All goroutines have ended when Close returns, unless one is
// held up by code that is neither ours nor sarama's, such as a proxy's dialer. A second call does nothing.
func (o *Outbox) Close(within time.Duration) (failed int, err error) {
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return 0, nil
	}
	o.closed = true
	o.room.Broadcast()
	o.noteEmpty()
	o.mu.Unlock()

	if !closedWithin(o.empty, within) {
		o.giveUp(within)
	}
	o.mu.Lock()
	failed = o.givenUp
	o.stopped = true
	for _, s := range o.senders {
		s.more.Signal()
	}
	o.mu.Unlock()
	ended := make(chan struct{})
	var closing error
	go func() {
		defer close(ended)
		o.working.Wait()
		closing = o.client.Close()
		o.cut()
	}()
	if closedWithin(ended, o.lastWait) {
		return failed, closing
	}
	o.cut() // all is settled, and yet the client may wait for metadata
	if closedWithin(ended, o.lastWait) {
		return failed, closing
	}
	return failed, fmt.Errorf("connections have not ended for %s", 2*o.lastWait)
}

// closedWithin waits for a channel that is closed, and reports whether it was in time.
func closedWithin(c <-chan struct{}, d time.Duration) bool {
	timeout := time.NewTimer(d)
	defer timeout.Stop()
	select {
	case <-c:
		return true
	case <-timeout.C:
		return false
	}
}

// noResult is what records fail with that have no result when Close has waited long enough.
type noResult struct{ waited time.Duration }

func (n noResult) Error() string {
	return fmt.Sprintf("no result within %s of closing the producer; see whether the partition's leader answers", n.waited)
}

// giveUp fails all that is not settled. Batches under way are failed by who has them in hand, and hears that the connections are
// cut; or here, when that takes long.
func (o *Outbox) giveUp(waited time.Duration) {
	var failed []result
	o.mu.Lock()
	o.ending = noResult{waited}
	close(o.over)
	for _, t := range o.topics {
		failed = append(failed, t.returned(o.ending)...)
		for _, p := range t.partitions {
			for _, b := range p.queue {
				failed = append(failed, result{batch: b, err: o.ending})
			}
			p.queue = nil
		}
	}
	o.mu.Unlock()
	o.cut()
	o.tell(failed)
	if closedWithin(o.empty, o.lastWait) {
		return
	}
	failed = failed[:0]
	o.mu.Lock()
	for _, t := range o.topics {
		for _, p := range t.partitions {
			if b := p.current; b != nil {
				b.taken = true
				failed = append(failed, result{batch: b, err: o.ending})
			}
		}
	}
	o.mu.Unlock()
	o.tell(failed)
}
