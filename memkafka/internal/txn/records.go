package txn

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/gokasim/gokasim/internal/kafka"
)

// Kafka's records of __transaction_state. The key is its version, 0, and the transactional id. The value begins with its
// version: 0, or since transaction.version 1 the flexible version 1, which has the fields of KIP-890 as tags
// (TransactionLogKey.json and TransactionLogValue.json in Kafka's source).
const (
	keyVersion      = 0
	valueVersion    = 0
	valueFlexible   = 1
	tagPreviousID   = 0
	tagNextID       = 1
	tagVersion      = 2
	nullArray       = -1
	maxVarintLength = 5
)

// record is what __transaction_state keeps of a transaction.
func (c *Coordinator) record(t *transaction) kafka.Record {
	version := int16(valueVersion)
	if c.cfg.Version > 0 || t.version > 0 {
		version = valueFlexible
	}
	return kafka.Record{Timestamp: c.now, Key: encodeKey(t.id), Value: encodeValue(t, version)}
}

func encodeKey(id string) []byte {
	w := writer{}
	w.int16(keyVersion)
	w.string(id)
	return w.b
}

func encodeValue(t *transaction, version int16) []byte {
	w := writer{flexible: version == valueFlexible}
	w.int16(version)
	w.int64(t.producer.ID)
	w.int16(t.producer.Epoch)
	w.int32(int32(t.timeout))
	w.b = append(w.b, byte(t.state))
	w.partitions(t)
	w.int64(int64(t.updated))
	w.int64(int64(t.start))
	if w.flexible {
		w.tags(t)
	}
	return w.b
}

// writer builds values in Kafka's primitive types.
type writer struct {
	b        []byte
	flexible bool
}

func (w *writer) int16(v int16) { w.b = binary.BigEndian.AppendUint16(w.b, uint16(v)) }
func (w *writer) int32(v int32) { w.b = binary.BigEndian.AppendUint32(w.b, uint32(v)) }
func (w *writer) int64(v int64) { w.b = binary.BigEndian.AppendUint64(w.b, uint64(v)) }

func (w *writer) uvarint(v int) { w.b = binary.AppendUvarint(w.b, uint64(v)) }

func (w *writer) string(v string) {
	if w.flexible {
		w.uvarint(len(v) + 1)
	} else {
		w.int16(int16(len(v)))
	}
	w.b = append(w.b, v...)
}

// array writes an array's length.
func (w *writer) array(n int) {
	if w.flexible {
		w.uvarint(n + 1)
	} else {
		w.int32(int32(n))
	}
}

// partitions writes them by topic, and null in the state Empty.
func (w *writer) partitions(t *transaction) {
	if t.state == Empty {
		w.array(nullArray)
		return
	}
	var topics [][]kafka.TopicPartition
	for i, tp := range t.partitions {
		if i == 0 || tp.Topic != t.partitions[i-1].Topic {
			topics = append(topics, nil)
		}
		last := &topics[len(topics)-1]
		*last = append(*last, tp)
	}
	w.array(len(topics))
	for _, partitions := range topics {
		w.string(partitions[0].Topic)
		w.array(len(partitions))
		for _, tp := range partitions {
			w.int32(tp.Partition)
		}
		if w.flexible {
			w.uvarint(0) // no tags
		}
	}
}

// tags writes the tagged fields that differ from their defaults.
func (w *writer) tags(t *transaction) {
	tags := writer{}
	count := 0
	if t.previousID != noProducerID {
		count++
		tags.uvarint(tagPreviousID)
		tags.uvarint(8)
		tags.int64(t.previousID)
	}
	if t.nextID != noProducerID {
		count++
		tags.uvarint(tagNextID)
		tags.uvarint(8)
		tags.int64(t.nextID)
	}
	if t.version != 0 {
		count++
		tags.uvarint(tagVersion)
		tags.uvarint(2)
		tags.int16(t.version)
	}
	w.uvarint(count)
	w.b = append(w.b, tags.b...)
}

// ErrRecord reports a record that Kafka's coordinator would not write.
var ErrRecord = errors.New("malformed record of __transaction_state")

// IDOf is the transactional id that a record of __transaction_state is about. It is false for kinds of records that this
// package does not write, which replaying passes over.
func IDOf(r kafka.Record) (id string, ok bool, err error) {
	k := reader{b: r.Key}
	if version := k.int16(); k.err == nil && version != keyVersion {
		return "", false, nil
	}
	id = k.string()
	if k.err == nil && len(k.b) > 0 {
		k.err = fmt.Errorf("%d bytes too many", len(k.b))
	}
	if k.err != nil {
		return "", false, fmt.Errorf("%w: key %x: %w", ErrRecord, r.Key, k.err)
	}
	return id, true, nil
}

func decodeValue(id string, value []byte) (*transaction, error) {
	v := reader{b: value}
	version := v.int16()
	if v.err == nil && version != valueVersion && version != valueFlexible {
		return nil, fmt.Errorf("%w: transactional id %q in version %d; versions 0 and 1 can be read", ErrRecord, id, version)
	}
	v.flexible = version == valueFlexible
	t := &transaction{id: id, previousID: noProducerID, nextID: noProducerID, lastEpoch: noEpoch}
	t.producer.ID, t.producer.Epoch = v.int64(), v.int16()
	t.timeout = kafka.Millis(v.int32())
	t.state = State(v.int8())
	if v.err == nil && (t.state < Empty || t.state > PrepareEpochFence) {
		v.err = fmt.Errorf("state %d is none", t.state)
	}
	t.partitions = v.partitions()
	t.updated, t.start = kafka.Millis(v.int64()), kafka.Millis(v.int64())
	if v.flexible {
		v.tags(t)
	}
	if v.err != nil {
		return nil, fmt.Errorf("%w: transactional id %q, value %x: %w", ErrRecord, id, value, v.err)
	}
	return t, nil
}

// errShort reports a value that ends too early.
var errShort = errors.New("value ends too early")

// reader takes values apart. After the first error it returns zeros, and err tells.
type reader struct {
	b        []byte
	flexible bool
	err      error
}

func (r *reader) take(n int) []byte {
	if r.err == nil && (n < 0 || n > len(r.b)) {
		r.err = fmt.Errorf("%w: %d bytes wanted, %d left", errShort, n, len(r.b))
	}
	if r.err != nil {
		return nil
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) int8() int8 {
	if v := r.take(1); r.err == nil {
		return int8(v[0])
	}
	return 0
}

func (r *reader) int16() int16 {
	if v := r.take(2); r.err == nil {
		return int16(binary.BigEndian.Uint16(v))
	}
	return 0
}

func (r *reader) int32() int32 {
	if v := r.take(4); r.err == nil {
		return int32(binary.BigEndian.Uint32(v))
	}
	return 0
}

func (r *reader) int64() int64 {
	if v := r.take(8); r.err == nil {
		return int64(binary.BigEndian.Uint64(v))
	}
	return 0
}

func (r *reader) uvarint() int {
	if r.err != nil {
		return 0
	}
	v, n := binary.Uvarint(r.b[:min(maxVarintLength, len(r.b))])
	if n <= 0 || v > 1<<31-1 {
		r.err = fmt.Errorf("%w: a length expected at %x", errShort, r.b)
		return 0
	}
	r.b = r.b[n:]
	return int(v)
}

func (r *reader) string() string {
	if r.flexible {
		return string(r.take(r.uvarint() - 1))
	}
	return string(r.take(int(r.int16())))
}

// array reads an array's length, and refuses one that the rest of the value cannot hold. Null is an empty array.
func (r *reader) array() int {
	var n int
	if r.flexible {
		n = r.uvarint() - 1
	} else {
		n = int(r.int32())
	}
	if r.err == nil && (n < nullArray || n > len(r.b)) {
		r.err = fmt.Errorf("%w: an array of %d elements in %d bytes", errShort, n, len(r.b))
	}
	if r.err != nil {
		return 0
	}
	return max(n, 0)
}

func (r *reader) partitions() []kafka.TopicPartition {
	var partitions []kafka.TopicPartition
	for range r.array() {
		topic := r.string()
		for range r.array() {
			partitions = append(partitions, kafka.TopicPartition{Topic: topic, Partition: r.int32()})
		}
		if r.flexible {
			r.skipTags()
		}
	}
	return union(partitions, nil)
}

// tags reads the tagged fields, and passes over those of later versions.
func (r *reader) tags(t *transaction) {
	for range r.uvarint() {
		tag := r.uvarint()
		field := reader{b: r.take(r.uvarint())}
		switch tag {
		case tagPreviousID:
			t.previousID = field.int64()
		case tagNextID:
			t.nextID = field.int64()
		case tagVersion:
			t.version = field.int16()
		}
		if r.err == nil {
			r.err = field.err
		}
		if r.err != nil {
			return
		}
	}
}

func (r *reader) skipTags() {
	for range r.uvarint() {
		r.uvarint()
		r.take(r.uvarint())
		if r.err != nil {
			return
		}
	}
}
