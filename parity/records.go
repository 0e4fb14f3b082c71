package parity

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/script"
)

// Attributes of a batch.
const (
	codecBits     = 7
	logAppendTime = 1 << 3
	transactional = 1 << 4
	control       = 1 << 5
)

var codecs = []string{"none", "gzip", "snappy", "lz4", "zstd"}

// batch is a record batch that a script sends.
type batch struct {
	attributes int16
	producer   producer
	sequence   int32
	records    []kmsg.Record // TimestampDelta64 is the time itself
	magic      int8
	corrupt    bool // its checksum is wrong
	garbage    bool // its records do not decompress
	count      int32
}

// bytes encodes the batch as it is, right or wrong. A count below 0 is the number of records.
func (b batch) bytes() ([]byte, error) {
	first, largest := int64(-1), int64(-1)
	if len(b.records) > 0 {
		first = b.records[0].TimestampDelta64
	}
	var body []byte
	for i, r := range b.records {
		largest = max(largest, r.TimestampDelta64)
		r.TimestampDelta64 -= first
		r.OffsetDelta = int32(i)
		r.Length = int32(len(r.AppendTo(nil)) - 1) // a length of 0 takes one byte
		body = r.AppendTo(body)
	}
	body, err := compressed(int(b.attributes&codecBits), body)
	if err != nil {
		return nil, err
	}
	if b.garbage {
		body = []byte("garbage")
	}
	count := b.count
	if count < 0 {
		count = int32(len(b.records))
	}
	k := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: b.magic, Attributes: b.attributes, LastOffsetDelta: int32(len(b.records)) - 1,
		FirstTimestamp: first, MaxTimestamp: largest, ProducerID: b.producer.id, ProducerEpoch: b.producer.epoch,
		FirstSequence: b.sequence, NumRecords: count, Records: body,
	}
	wire := k.AppendTo(nil)
	binary.BigEndian.PutUint32(wire[8:], uint32(len(wire)-12))
	sum := crc32.Checksum(wire[21:], crc32.MakeTable(crc32.Castagnoli))
	if b.corrupt {
		sum++
	}
	binary.BigEndian.PutUint32(wire[17:], sum)
	return wire, nil
}

func compressed(codec int, body []byte) ([]byte, error) {
	var out bytes.Buffer
	var w io.WriteCloser
	switch codecs[codec] {
	case "gzip":
		w = gzip.NewWriter(&out)
	case "snappy":
		return snappy.Encode(nil, body), nil
	case "lz4":
		w = lz4.NewWriter(&out)
	case "zstd":
		e, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		w = e
	default:
		return body, nil
	}
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	err := w.Close()
	return out.Bytes(), err
}

func decompressed(codec int, body []byte) ([]byte, error) {
	switch codec {
	case 0:
		return body, nil
	case 1:
		r, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(r)
	case 2:
		if bytes.HasPrefix(body, []byte("\x82SNAPPY\x00")) {
			return xerial(body[16:])
		}
		return snappy.Decode(nil, body)
	case 3:
		return io.ReadAll(lz4.NewReader(bytes.NewReader(body)))
	case 4:
		r, err := zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		defer r.Close()
		return io.ReadAll(r)
	}
	return nil, fmt.Errorf("codec %d; expected one of %v", codec, codecs)
}

// xerial decodes blocks of snappy with their lengths, the form of Java's library.
func xerial(blocks []byte) ([]byte, error) {
	var out []byte
	for len(blocks) >= 4 {
		n := int(binary.BigEndian.Uint32(blocks))
		if n > len(blocks)-4 {
			return nil, io.ErrUnexpectedEOF
		}
		block, err := snappy.Decode(nil, blocks[4:4+n])
		if err != nil {
			return nil, err
		}
		out, blocks = append(out, block...), blocks[4+n:]
	}
	return out, nil
}

// batches is the lines of record batches that came with a fetch: one for each batch, and below it one for each record.
func (n *names) batches(wire []byte) []string {
	var lines []string
	for len(wire) > 0 {
		if len(wire) < 17 || len(wire) < 12+int(binary.BigEndian.Uint32(wire[8:])) {
			return lines // what does not fit into a fetch is cut off, and of no use to anybody
		}
		size := 12 + int(binary.BigEndian.Uint32(wire[8:]))
		lines = append(lines, n.batch(wire[:size])...)
		wire = wire[size:]
	}
	return lines
}

func (n *names) batch(wire []byte) []string {
	var b kmsg.RecordBatch
	if err := b.ReadFrom(wire); err != nil {
		return []string{"batch that cannot be read: " + err.Error()}
	}
	head := fmt.Sprintf("batch first=%d last=%d leader-epoch=%d", b.FirstOffset, b.FirstOffset+int64(b.LastOffsetDelta), b.PartitionLeaderEpoch)
	if b.ProducerID >= 0 {
		head += fmt.Sprintf(" producer=%s producer-epoch=%d sequence=%d", n.producer(b.ProducerID), b.ProducerEpoch, b.FirstSequence)
	}
	for _, f := range []struct {
		bit  int16
		word string
	}{{transactional, "transactional"}, {control, "control"}, {logAppendTime, "log-append-time"}} {
		if b.Attributes&f.bit != 0 {
			head += " " + f.word
		}
	}
	codec := int(b.Attributes & codecBits)
	if codec > 0 && codec < len(codecs) {
		head += " codec=" + codecs[codec]
	}
	if b.NumRecords == 0 {
		head += " empty"
	}
	if uint32(b.CRC) != crc32.Checksum(wire[21:], crc32.MakeTable(crc32.Castagnoli)) {
		head += " wrong checksum"
	}
	lines := []string{head}
	body, err := decompressed(codec, b.Records)
	if err != nil {
		return append(lines, "  records that cannot be read: "+err.Error())
	}
	for range b.NumRecords {
		var r kmsg.Record
		length, width := binary.Varint(body)
		if width <= 0 || length < 0 || int(length) > len(body)-width {
			return append(lines, "  records cut off")
		}
		size := width + int(length)
		if err := r.ReadFrom(body[:size]); err != nil {
			return append(lines, "  record that cannot be read: "+err.Error())
		}
		body = body[size:]
		lines = append(lines, "  "+n.record(b, r))
	}
	return lines
}

func (n *names) record(b kmsg.RecordBatch, r kmsg.Record) string {
	line := fmt.Sprintf("record offset=%d", b.FirstOffset+int64(r.OffsetDelta))
	if b.Attributes&control != 0 && len(r.Key) >= 4 {
		types := map[uint16]string{0: "abort", 1: "commit"}
		return line + " marker=" + types[binary.BigEndian.Uint16(r.Key[2:])]
	}
	text := func(name string, value []byte) {
		if value == nil {
			line += " " + name + "=null"
			return
		}
		line += " " + name + "=" + script.Quote(abridged(string(value)))
	}
	text("key", r.Key)
	text("value", r.Value)
	at := b.FirstTimestamp + r.TimestampDelta64
	if b.Attributes&logAppendTime != 0 {
		at = b.MaxTimestamp
	}
	line += " timestamp=" + n.time(at)
	for _, h := range r.Headers {
		text("header."+h.Key, h.Value)
	}
	return line
}

// abridged is a text that is not too long to read.
func abridged(text string) string {
	if len(text) <= 60 {
		return text
	}
	if strings.Count(text, text[:1]) == len(text) {
		return fmt.Sprintf("%s times %d", text[:1], len(text))
	}
	return fmt.Sprintf("%s and %d bytes more", text[:40], len(text)-40)
}
