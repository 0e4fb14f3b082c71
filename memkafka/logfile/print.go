package logfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gokasim/gokasim/internal/kafka"
)

// PrintOptions say what Print shows beside batches.
type PrintOptions struct {
	Records bool // each record, with key and value (--print-data-log of Kafka's own tool)
	Deep    bool // each record, without key and value (--deep-iteration)
	Bare    bool // key and value alone, without what else is known of the record (--skip-record-metadata)
}

// Print writes a segment as kafka-dump-log.sh of Apache Kafka 4.3 does, line by line, without its first line, which names the file. It returns an
// error for a file that is no segment or ends inside a batch, after all that could be read.
func Print(w io.Writer, name string, from io.Reader, o PrintOptions) error {
	out := bufio.NewWriter(w)
	if start, ok := startOf(name); ok {
		_, _ = fmt.Fprintf(out, "Log starting offset: %d\n", start) // Flush tells
	}
	r := NewReader(name, from)
	for {
		h, err := r.Next()
		if err != nil {
			var cut *TruncatedError
			if errors.As(err, &cut) {
				_, _ = fmt.Fprintf(out, "Found %d invalid bytes at the end of %s\n", cut.Bytes, filepath.Base(name))
			}
			if err == io.EOF {
				err = nil
			}
			return errors.Join(err, out.Flush())
		}
		h.print(out)
		if o.Records || o.Deep {
			if err := h.printRecords(out, o); err != nil {
				return errors.Join(fmt.Errorf("%s: %w", name, err), out.Flush())
			}
		}
	}
}

// startOf is the offset that a segment's name says.
func startOf(name string) (int64, bool) {
	n, err := strconv.ParseInt(strings.TrimSuffix(filepath.Base(name), ".log"), 10, 64)
	return n, err == nil
}

func (h *Header) print(w io.Writer) {
	horizon := "OptionalLong.empty"
	if h.HasHorizon {
		horizon = fmt.Sprintf("OptionalLong[%d]", h.BaseTimestamp)
	}
	_, _ = fmt.Fprintf(w, "baseOffset: %d lastOffset: %d count: %d baseSequence: %d lastSequence: %d producerId: %d producerEpoch: %d "+
		"partitionLeaderEpoch: %d isTransactional: %t isControl: %t deleteHorizonMs: %s position: %d %s: %d size: %d magic: 2 "+
		"compresscodec: %s crc: %d isvalid: %t\n",
		h.BaseOffset, h.LastOffset, h.Count, h.BaseSequence, h.LastSequence, h.ProducerID, h.ProducerEpoch, h.LeaderEpoch, h.Transactional,
		h.Control, horizon, h.Position, h.timestampType(), h.MaxTimestamp, h.Size, h.Codec, h.CRC, h.Valid)
}

func (h *Header) timestampType() string {
	if h.LogAppendTime {
		return "LogAppendTime"
	}
	return "CreateTime"
}

func (h *Header) printRecords(w io.Writer, o PrintOptions) error {
	records, err := h.Records()
	if err != nil {
		return err
	}
	marker, ended := h.Marker()
	for _, rec := range records {
		line := []byte("|")
		if !o.Bare {
			line = h.appendMetadata(line, &rec)
		}
		switch {
		case ended:
			word := "ABORT"
			if marker.Commit {
				word = "COMMIT"
			}
			line = fmt.Appendf(line, " endTxnMarker: %s coordinatorEpoch: %d", word, marker.CoordinatorEpoch)
		case o.Records:
			if rec.Key != nil {
				line = append(append(line, " key: "...), rec.Key...)
			}
			if rec.Value != nil {
				line = append(append(line, " payload: "...), rec.Value...)
			}
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return nil
}

func (h *Header) appendMetadata(line []byte, rec *kafka.Record) []byte {
	sequence := int32(-1)
	if h.BaseSequence >= 0 {
		sequence = h.BaseSequence + int32(rec.Offset-h.BaseOffset)
	}
	line = fmt.Appendf(line, " offset: %d %s: %d keySize: %d valueSize: %d sequence: %d headerKeys: [", rec.Offset, h.timestampType(), rec.Timestamp,
		size(rec.Key), size(rec.Value), sequence)
	for j, header := range rec.Headers {
		if j > 0 {
			line = append(line, ',')
		}
		line = append(line, header.Key...)
	}
	return append(line, ']')
}

// size is a length as Kafka counts it: -1 for null.
func size(b []byte) int {
	if b == nil {
		return -1
	}
	return len(b)
}
