// Package dump reads and writes recorded topics: one record a line, in the JSON that kcat -J prints, byte by byte, so
// that binary keys and values come back as they were.
package dump

import (
	"github.com/gokasim/gokasim/internal/kafka"
)

// Record is one line of a dump.
type Record struct {
	Topic         string       // empty when the line names none
	Partition     int32        // NoPartition when the line names none
	Offset        kafka.Offset // kafka.NoOffset when the line names none
	TimestampType TimestampType
	Timestamp     kafka.Millis // kafka.NoTimestamp when the line has none
	Broker        int32        // the node that gave the record, NoBroker when unknown
	Key           []byte       // nil is a null key, which differs from an empty one
	Value         []byte       // nil is a tombstone, which differs from an empty value
	Headers       []kafka.Header

	// File and Line say where the record was read; both are zero in a record that was not.
	File string
	Line int
}

// NoPartition is the partition of a line that names none.
const NoPartition int32 = -1

// NoBroker is the broker of a line that names none, and kcat's word for a broker it does not know.
const NoBroker int32 = -1

// TimestampType says who gave a record its time (message.timestamp.type).
type TimestampType int8

// The types of a timestamp, in kcat's order; a line with a time and no type has TimestampUnknown.
const (
	TimestampUnknown TimestampType = iota
	TimestampCreate
	TimestampLogAppend
)

// String returns kcat's word for t.
func (t TimestampType) String() string {
	switch t {
	case TimestampCreate:
		return "create"
	case TimestampLogAppend:
		return "logappend"
	default:
		return "unknown"
	}
}
