package tester

import (
	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/memkafka"
)

// Offset is the place of a message in a queue. It is a name for int64, as io.Seeker has its own idea of a Seek(int64).
type Offset = int64

// QueueTracker reads the messages of a topic one after the other. With several partitions it reads those that are there
// partition by partition, and its offsets count the messages that it read.
type QueueTracker struct {
	tester *Tester
	topic  string
	read   []placed          // all messages so far, in the order of reading
	ends   []memkafka.Offset // by partition: how far read goes
	next   int64
}

// NewQueueTracker returns a tracker that begins with the next message of the topic.
func (tt *Tester) NewQueueTracker(topic string) *QueueTracker {
	tt.mark.Helper()
	q := &QueueTracker{tester: tt, topic: topic}
	q.next = q.Hwm()
	return q
}

// fill reads what came since.
func (q *QueueTracker) fill() {
	records, err := q.tester.rawRecords(q.topic, q.ends)
	if err != nil {
		q.tester.mark.Helper()
		q.tester.fatalf("track topic %s: %v", q.topic, err)
		return
	}
	for _, r := range records {
		for len(q.ends) <= int(r.partition) {
			q.ends = append(q.ends, 0)
		}
		q.read = append(q.read, r)
		q.ends[r.partition] = r.Offset + 1
	}
}

func (q *QueueTracker) take() (placed, bool) {
	q.tester.mark.Helper()
	if q.next < 0 {
		q.tester.fatalf("track topic %s: there is no message at offset %d; Seek takes 0 or more", q.topic, q.next)
		return placed{}, false
	}
	if q.next >= int64(len(q.read)) {
		q.fill()
	}
	if q.next >= int64(len(q.read)) {
		return placed{}, false
	}
	r := q.read[q.next]
	q.next++
	return r, true
}

// Next returns key and decoded value of the next message, false when there is none.
func (q *QueueTracker) Next() (string, interface{}, bool) {
	q.tester.mark.Helper()
	_, key, value, ok := q.NextWithHeaders()
	return key, value, ok
}

// NextWithHeaders is Next, with the headers of the message.
func (q *QueueTracker) NextWithHeaders() (goka.Headers, string, interface{}, bool) {
	q.tester.mark.Helper()
	r, ok := q.take()
	if !ok {
		return nil, "", nil, false
	}
	value, err := q.tester.codecs.decode(q.topic, r.Value)
	if err != nil {
		q.tester.fatalf("message %d of topic %s, key %q: %v", q.next-1, q.topic, r.Key, err)
	}
	return headersTo(r.Headers), string(r.Key), value, true
}

// NextRaw returns key and value of the next message as they are in the topic, false when there is none.
func (q *QueueTracker) NextRaw() (string, []byte, bool) {
	q.tester.mark.Helper()
	_, key, value, ok := q.NextRawWithHeaders()
	return key, value, ok
}

// NextRawWithHeaders is NextRaw, with the headers of the message.
func (q *QueueTracker) NextRawWithHeaders() (goka.Headers, string, []byte, bool) {
	q.tester.mark.Helper()
	r, ok := q.take()
	if !ok {
		return nil, "", nil, false
	}
	return headersTo(r.Headers), string(r.Key), r.Value, true
}

func headersTo(headers []memkafka.Header) goka.Headers {
	h := goka.Headers{}
	for _, header := range headers {
		h[header.Key] = header.Value
	}
	return h
}

// Seek makes the message at offset the next one.
func (q *QueueTracker) Seek(offset Offset) { q.next = offset }

// NextOffset returns the offset of the next message.
func (q *QueueTracker) NextOffset() int64 { return q.next }

// Hwm returns the number of messages in the topic, which is the offset of the next one to come.
func (q *QueueTracker) Hwm() int64 {
	q.tester.mark.Helper()
	q.fill()
	return int64(len(q.read))
}
