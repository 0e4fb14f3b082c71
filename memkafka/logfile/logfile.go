// Package logfile reads the files in which Kafka keeps a partition: segments, the files NNNNNNNNNNNNNNNNNNNN.log in a folder
// TOPIC-PARTITION of a broker's log.dirs.
package logfile

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
)

// MaxBatch is the size in bytes from which a batch is refused: far more than max.message.bytes lets a broker take.
const MaxBatch = 256 << 20

const (
	prefixBytes = 12 // base offset and length, which a batch's length does not count
	magicAt     = 16
)

// Header is what a batch says of itself before its records (KIP-98).
type Header struct {
	Position      int64        // in the file, in bytes
	Size          int          // in bytes
	BaseOffset    kafka.Offset // of its first record, compacted away or not
	LastOffset    kafka.Offset // of its last record, compacted away or not
	Count         int32        // records; compaction may have left fewer than offsets
	LeaderEpoch   int32        // of the leader that wrote it; -1 for none
	CRC           uint32       // CRC-32C, as it is written
	BaseTimestamp kafka.Millis // or the delete horizon
	MaxTimestamp  kafka.Millis // of its records
	ProducerID    int64        // -1 for none
	ProducerEpoch int16        // -1 without a producer id
	BaseSequence  int32        // -1 without a producer id
	LastSequence  int32        // -1 without a producer id
	Codec         string       // as compression.type names it
	LogAppendTime bool         // the broker set the times (message.timestamp.type)
	Transactional bool         // part of a transaction
	Control       bool         // a transaction's marker
	HasHorizon    bool         // BaseTimestamp is the delete horizon (KIP-534)
	Valid         bool         // the checksum is right
	wire          []byte
	codec         batch.Codec
}

// Marker is how a transaction ended.
type Marker = batch.Marker

// Reader reads the batches of a segment, one after the other.
type Reader struct {
	name  string
	from  *bufio.Reader
	at    int64
	ended error
}

// NewReader reads a segment from r; name stands for it in errors.
func NewReader(name string, r io.Reader) *Reader {
	return &Reader{name: name, from: bufio.NewReaderSize(r, 256<<10)}
}

// A TruncatedError reports bytes at the end of a segment that are no whole batch, as a broker that crashed leaves them. All before
// them was read.
type TruncatedError struct {
	Name  string // of the file
	Bytes int64  // after the last whole batch
}

// Error names the file and how many bytes were left over.
func (e *TruncatedError) Error() string {
	return fmt.Sprintf("%s: its last %d bytes are no whole batch; all before them was read", e.Name, e.Bytes)
}

// Looks reports whether a file that begins with b, of 17 bytes or more, can be a segment.
func Looks(b []byte) bool {
	if len(b) <= magicAt {
		return false
	}
	length := int32(binary.BigEndian.Uint32(b[8:]))
	return b[0] == 0 && length >= 14 && length <= MaxBatch && b[magicAt] <= 2
}

// Next returns the next batch, io.EOF after the last one, and a *TruncatedError when the file ends inside one. Other errors name the file and
// the position.
func (r *Reader) Next() (*Header, error) {
	if r.ended != nil {
		return nil, r.ended
	}
	h, err := r.next()
	if err != nil {
		r.ended = err
		var cut *TruncatedError
		if errors.As(err, &cut) {
			r.ended = io.EOF
		}
	}
	return h, err
}

func (r *Reader) next() (*Header, error) {
	var prefix [magicAt + 1]byte
	n, err := io.ReadFull(r.from, prefix[:])
	switch {
	case err == io.EOF:
		return nil, io.EOF
	case err == io.ErrUnexpectedEOF:
		return nil, &TruncatedError{Name: r.name, Bytes: int64(n)}
	case err != nil:
		return nil, fmt.Errorf("reading %s at byte %d: %w", r.name, r.at, err)
	}
	length := int64(int32(binary.BigEndian.Uint32(prefix[8:])))
	switch magic := prefix[magicAt]; {
	case prefix == [magicAt + 1]byte{}:
		return nil, r.padding(n) // a preallocated file (log.preallocate)
	case magic < 2:
		return nil, fmt.Errorf("%s at byte %d: message format %d, which Kafka wrote before 0.11, is not read; let a broker of 1.0 to 3.9 write the topic anew", r.name, r.at, magic)
	case magic > 2 || length < batch.HeaderBytes-prefixBytes || length > MaxBatch:
		return nil, fmt.Errorf("%s at byte %d: a batch of format %d and %d bytes is none; is this a segment of a partition, or is it damaged?", r.name, r.at, magic, length)
	}
	wire := make([]byte, prefixBytes+length)
	copy(wire, prefix[:])
	m, err := io.ReadFull(r.from, wire[len(prefix):])
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return nil, &TruncatedError{Name: r.name, Bytes: int64(len(prefix) + m)}
	case err != nil:
		return nil, fmt.Errorf("reading %s at byte %d: %w", r.name, r.at, err)
	}
	h := parse(wire)
	h.Position = r.at
	r.at += int64(len(wire))
	return h, nil
}

// padding passes over zeros up to the end of the file.
func (r *Reader) padding(already int) error {
	for n := int64(already); ; n++ {
		switch c, err := r.from.ReadByte(); {
		case err == io.EOF:
			return io.EOF
		case err != nil:
			return fmt.Errorf("reading %s at byte %d: %w", r.name, r.at+n, err)
		case c != 0:
			return fmt.Errorf("%s at byte %d: zeros, and more behind them; is this a segment of a partition, or is it damaged?", r.name, r.at)
		}
	}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func parse(wire []byte) *Header {
	be := binary.BigEndian
	attributes := be.Uint16(wire[21:])
	delta := int32(be.Uint32(wire[23:]))
	h := &Header{
		Size:          len(wire),
		BaseOffset:    kafka.Offset(be.Uint64(wire)),
		LeaderEpoch:   int32(be.Uint32(wire[12:])),
		CRC:           be.Uint32(wire[17:]),
		BaseTimestamp: kafka.Millis(be.Uint64(wire[27:])),
		MaxTimestamp:  kafka.Millis(be.Uint64(wire[35:])),
		ProducerID:    int64(be.Uint64(wire[43:])),
		ProducerEpoch: int16(be.Uint16(wire[51:])),
		BaseSequence:  int32(be.Uint32(wire[53:])),
		Count:         int32(be.Uint32(wire[57:])),
		LogAppendTime: attributes&(1<<3) != 0,
		Transactional: attributes&(1<<4) != 0,
		Control:       attributes&(1<<5) != 0,
		HasHorizon:    attributes&(1<<6) != 0,
		wire:          wire,
		codec:         batch.Codec(attributes & 7),
	}
	h.Codec = h.codec.String()
	h.LastOffset = h.BaseOffset + kafka.Offset(delta)
	h.LastSequence = batch.NoSequence
	if h.BaseSequence != batch.NoSequence {
		h.LastSequence = batch.AddSequence(h.BaseSequence, delta)
	}
	h.Valid = crc32.Checksum(wire[21:], castagnoli) == h.CRC
	return h
}

// Records returns the records of the batch, markers included. They stay valid. A batch whose checksum is wrong is an error.
func (h *Header) Records() ([]kafka.Record, error) {
	b, err := batch.FromBytes(h.wire)
	if err != nil {
		return nil, fmt.Errorf("the batch at byte %d, offsets %d to %d: %w", h.Position, h.BaseOffset, h.LastOffset, err)
	}
	return b.Records(), nil
}

// Marker returns the transaction marker in the batch, false when it is data, or compaction has dropped it.
func (h *Header) Marker() (Marker, bool) {
	if !h.Control {
		return Marker{}, false
	}
	b, err := batch.FromBytes(h.wire)
	if err != nil {
		return Marker{}, false
	}
	return b.Marker()
}
