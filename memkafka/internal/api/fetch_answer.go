package api

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/plog"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// fetchAnswer is the answer to a Fetch. It writes itself, since batches go out from where the log has them: what a
// kmsg.FetchResponse would say, byte for byte.
type fetchAnswer struct {
	version   int16
	code      kafka.ErrorCode
	sessionID int32
	throttle  int32 // ms
	committed bool
	topics    []fetchedTopic
	leaders   []Node // of partitions that this broker does not lead
}

type fetchedTopic struct {
	name       string
	id         [16]byte
	partitions []fetchedPartition
}

type fetchedPartition struct {
	partition int32
	code      kafka.ErrorCode

	high, stable, start kafka.Offset
	aborted             []plog.AbortedTxn
	batches             []*batch.Batch
	size                int // of batches

	diverging *kmsg.FetchResponseTopicPartitionDivergingEpoch
	leader    *leadership // news to the client (KIP-951)
}

// leadership is who leads a partition, at the time of a look at it: answers are written later.
type leadership struct {
	leader int32 // cluster.NoLeader for nobody
	epoch  kafka.Epoch
}

func leadershipOf(p *cluster.Partition) leadership { return leadership{p.Leader, p.LeaderEpoch} }

func newFetchAnswer(request *kmsg.FetchRequest) *fetchAnswer {
	a := &fetchAnswer{version: request.Version, committed: request.IsolationLevel == readCommitted, topics: make([]fetchedTopic, len(request.Topics))}
	for i := range request.Topics {
		asked, t := &request.Topics[i], &a.topics[i]
		t.name, t.id = asked.Topic, asked.TopicID
		t.partitions = make([]fetchedPartition, len(asked.Partitions))
		for j := range asked.Partitions {
			t.partitions[j].partition = asked.Partitions[j].Partition
		}
	}
	return a
}

// SetThrottle says for how many milliseconds the client will not be listened to.
func (a *fetchAnswer) SetThrottle(throttle int32) { a.throttle = throttle }

// overhead is about how many bytes the answer has beside batches.
func (a *fetchAnswer) overhead() int {
	const head, topic, partition = 20, 20, 42
	n := head
	for i := range a.topics {
		n += topic + len(a.topics[i].partitions)*partition
	}
	return n
}

// refused is an answer without partitions.
func (a *fetchAnswer) refused(code kafka.ErrorCode) *fetchAnswer {
	a.code, a.topics = code, nil
	return a
}

// leadBy reports whether a broker leads a partition whose leader is news to the client.
func (a *fetchAnswer) leadBy(id int32) bool {
	for i := range a.topics {
		for j := range a.topics[i].partitions {
			if p := a.topics[i].partitions[j].leader; p != nil && p.leader == id {
				return true
			}
		}
	}
	return false
}

func (p *fetchedPartition) fail(code kafka.ErrorCode) {
	*p = fetchedPartition{partition: p.partition, code: code, high: -1, stable: -1, start: -1}
}

func (p *fetchedPartition) found(f plog.Fetched) {
	*p = fetchedPartition{
		partition: p.partition, high: f.HighWatermark, stable: f.LastStable, start: f.LogStart,
		aborted: f.Aborted, batches: f.Batches, size: f.Bytes,
	}
}

// Key is the key of Fetch.
func (*fetchAnswer) Key() int16 { return fetch.key }

const flexibleFetch = 12

// IsFlexible reports whether the version has tagged fields.
func (a *fetchAnswer) IsFlexible() bool { return a.version >= flexibleFetch }

// AppendTo appends the whole body to dst.
func (a *fetchAnswer) AppendTo(dst []byte) []byte {
	var w wire.Writer
	a.WriteTo(&w)
	return append(dst, w.Bytes()...)
}

// WriteTo writes the body.
func (a *fetchAnswer) WriteTo(w *wire.Writer) {
	e := encoder{w: w, flexible: a.IsFlexible()}
	e.int32(a.throttle)
	if a.version >= 7 {
		e.int16(int16(a.code))
		e.int32(a.sessionID)
	}
	e.length(len(a.topics))
	for i := range a.topics {
		t := &a.topics[i]
		if a.version >= 13 {
			e.bytes(t.id[:])
		} else {
			e.string(t.name)
		}
		e.length(len(t.partitions))
		for j := range t.partitions {
			a.writePartition(&e, &t.partitions[j])
		}
		e.tags(0)
	}
	if len(a.leaders) == 0 {
		e.tags(0)
		return
	}
	e.tags(1)
	e.tag(0, a.leadersTag())
}

func (a *fetchAnswer) writePartition(e *encoder, p *fetchedPartition) {
	e.int32(p.partition)
	e.int16(int16(p.code))
	e.int64(int64(p.high))
	e.int64(int64(p.stable))
	if a.version >= 5 {
		e.int64(int64(p.start))
	}
	if a.committed && p.code == kafka.None {
		e.length(len(p.aborted))
	} else {
		e.length(-1)
	}
	for _, t := range p.aborted {
		e.int64(t.ProducerID)
		e.int64(int64(t.First))
		e.tags(0)
	}
	if a.version >= 11 {
		e.int32(-1) // no replica is better
	}
	size := 0
	for _, b := range p.batches {
		size += b.Size()
	}
	e.size(size)
	for _, b := range p.batches {
		e.w.Other(b.Bytes())
	}
	n := 0
	if p.diverging != nil {
		n++
	}
	if p.leader != nil {
		n++
	}
	e.tags(n)
	if d := p.diverging; d != nil {
		v := binary.BigEndian.AppendUint32(nil, uint32(d.Epoch))
		e.tag(0, append(binary.BigEndian.AppendUint64(v, uint64(d.EndOffset)), 0))
	}
	if p.leader != nil {
		v := binary.BigEndian.AppendUint32(nil, uint32(p.leader.leader))
		e.tag(1, append(binary.BigEndian.AppendUint32(v, uint32(p.leader.epoch)), 0))
	}
}

func (a *fetchAnswer) leadersTag() []byte {
	v := binary.AppendUvarint(nil, uint64(len(a.leaders))+1)
	for _, n := range a.leaders {
		v = binary.BigEndian.AppendUint32(v, uint32(n.ID))
		v = append(binary.AppendUvarint(v, uint64(len(n.Host))+1), n.Host...)
		v = binary.BigEndian.AppendUint32(v, uint32(n.Port))
		if n.Rack == "" {
			v = append(v, 0)
		} else {
			v = append(binary.AppendUvarint(v, uint64(len(n.Rack))+1), n.Rack...)
		}
		v = append(v, 0)
	}
	return v
}

// encoder writes the protocol's types.
type encoder struct {
	w        *wire.Writer
	flexible bool
}

func (e *encoder) int16(v int16)  { e.w.Own = binary.BigEndian.AppendUint16(e.w.Own, uint16(v)) }
func (e *encoder) int32(v int32)  { e.w.Own = binary.BigEndian.AppendUint32(e.w.Own, uint32(v)) }
func (e *encoder) int64(v int64)  { e.w.Own = binary.BigEndian.AppendUint64(e.w.Own, uint64(v)) }
func (e *encoder) bytes(v []byte) { e.w.Own = append(e.w.Own, v...) }
func (e *encoder) uvarint(v int)  { e.w.Own = binary.AppendUvarint(e.w.Own, uint64(v)) }

func (e *encoder) string(v string) {
	if e.flexible {
		e.uvarint(len(v) + 1)
	} else {
		e.int16(int16(len(v)))
	}
	e.w.Own = append(e.w.Own, v...)
}

// length begins an array of n elements; -1 is null. size begins as many bytes.
func (e *encoder) length(n int) {
	if e.flexible {
		e.uvarint(n + 1)
	} else {
		e.int32(int32(n))
	}
}

func (e *encoder) size(n int) { e.length(n) }

// tags begins n tagged fields.
func (e *encoder) tags(n int) {
	if e.flexible {
		e.uvarint(n)
	}
}

func (e *encoder) tag(number int, value []byte) {
	if e.flexible {
		e.uvarint(number)
		e.uvarint(len(value))
		e.bytes(value)
	}
}
