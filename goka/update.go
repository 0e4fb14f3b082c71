package goka

import (
	"reflect"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/storage"
)

// UpdateCallback applies a record of a table's topic to the storage of its partition: in recovery of a group's table
// and in everything that happens to joined and looked-up tables and to views. A nil value is a deletion.
type UpdateCallback func(s storage.Storage, partition int32, key string, value []byte) error

// ContextUpdateCallback is an UpdateCallback that knows more of the record.
type ContextUpdateCallback func(ctx UpdateContext, s storage.Storage, key string, value []byte) error

// UpdateContext tells a ContextUpdateCallback about the record.
type UpdateContext interface {
	// Topic returns the table's topic.
	Topic() Stream
	// Partition returns the partition.
	Partition() int32
	// Offset returns the record's offset.
	Offset() int64
	// Headers returns the record's headers, never nil.
	Headers() Headers
	// Timestamp returns the record's timestamp, the zero time when it has none.
	Timestamp() time.Time
}

// DefaultUpdate sets the key to the value, or deletes it when the value is nil.
func DefaultUpdate(s storage.Storage, partition int32, key string, value []byte) error {
	if value == nil {
		return s.Delete(key)
	}
	return s.Set(key, value)
}

// DefaultUpdateContext is the UpdateContext of a record.
type DefaultUpdateContext struct {
	msg     *sarama.ConsumerMessage
	headers *Headers // made at the first call of Headers
}

// NewUpdateContext returns the context of a record, as an update callback under test may want it.
func NewUpdateContext(msg *sarama.ConsumerMessage) DefaultUpdateContext {
	return DefaultUpdateContext{msg: msg, headers: new(Headers)}
}

// Topic returns the table's topic.
func (c DefaultUpdateContext) Topic() Stream { return Stream(c.msg.Topic) }

// Partition returns the partition.
func (c DefaultUpdateContext) Partition() int32 { return c.msg.Partition }

// Offset returns the record's offset.
func (c DefaultUpdateContext) Offset() int64 { return c.msg.Offset }

// Timestamp returns the record's timestamp.
func (c DefaultUpdateContext) Timestamp() time.Time { return c.msg.Timestamp }

// Headers returns the record's headers, never nil.
func (c DefaultUpdateContext) Headers() Headers {
	if c.headers == nil {
		return HeadersFromSarama(c.msg.Headers)
	}
	if *c.headers == nil {
		*c.headers = HeadersFromSarama(c.msg.Headers)
	}
	return *c.headers
}

// withContext returns cb as a ContextUpdateCallback. For DefaultUpdate and nil it is nil, which means that records may
// be applied many at a time.
func withContext(cb UpdateCallback) ContextUpdateCallback {
	if cb == nil || reflect.ValueOf(cb).Pointer() == reflect.ValueOf(DefaultUpdate).Pointer() {
		return nil
	}
	return func(ctx UpdateContext, s storage.Storage, key string, value []byte) error {
		return cb(s, ctx.Partition(), key, value)
	}
}
