package dump

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/logfile"
)

// segment reads a segment file of a broker: what a consumer that reads committed data would see.
type segment struct {
	from      *logfile.Reader
	topic     string
	partition int32
	aborted   map[int64][]span // by producer
	records   []kafka.Record
	at        *logfile.Header
	count     int
}

// span are the offsets of a transaction that is not to be seen.
type span struct{ first, last kafka.Offset }

// newSegment finds topic and partition in the name of the folder, and the transactions that were aborted or never ended: their data comes before
// what says so, so that the file, and the segments after it, are read twice.
func newSegment(name string, from io.Reader, o Options) (*segment, error) {
	s := &segment{from: logfile.NewReader(name, from), topic: o.Topic, partition: NoPartition}
	abs, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	folder := filepath.Base(filepath.Dir(abs))
	if i := strings.LastIndexByte(folder, '-'); i > 0 {
		if p, err := strconv.ParseInt(folder[i+1:], 10, 32); err == nil && p >= 0 {
			s.partition = int32(p)
			if s.topic == "" {
				s.topic = folder[:i]
			}
		}
	}
	s.aborted, err = unseen(name)
	return s, err
}

// unseen reads the segment called name, and those after it in the same folder for as long as a transaction is open.
func unseen(name string) (map[int64][]span, error) {
	dir, base := filepath.Split(name)
	siblings, err := os.ReadDir(filepath.Clean(dir)) // in order
	if err != nil {
		return nil, err
	}
	files := []string{name}
	if len(base) == len("00000000000000000000.log") {
		for _, e := range siblings {
			if f := e.Name(); f > base && len(f) == len(base) && strings.HasSuffix(f, ".log") {
				files = append(files, filepath.Join(dir, f))
			}
		}
	}
	found, open := map[int64][]span{}, map[int64]kafka.Offset{}
	var last kafka.Offset
	for i, f := range files {
		if i > 0 && len(open) == 0 {
			break
		}
		if err := transactions(f, i == 0, found, open, &last); err != nil {
			return nil, err
		}
	}
	for producer, first := range open {
		found[producer] = append(found[producer], span{first, 1<<63 - 1})
	}
	return found, nil
}

func transactions(name string, begin bool, found map[int64][]span, open map[int64]kafka.Offset, last *kafka.Offset) (err error) {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r := logfile.NewReader(name, f)
	for {
		h, err := r.Next()
		var cut *logfile.TruncatedError
		if err == io.EOF || errors.As(err, &cut) {
			return nil
		}
		if err != nil {
			return err
		}
		*last = h.LastOffset
		marker, ended := h.Marker()
		first, isOpen := open[h.ProducerID]
		switch {
		case ended && isOpen:
			if !marker.Commit {
				found[h.ProducerID] = append(found[h.ProducerID], span{first, h.LastOffset})
			}
			delete(open, h.ProducerID)
		case begin && h.Transactional && !h.Control && !isOpen:
			open[h.ProducerID] = h.BaseOffset
		}
	}
}

// next reads a record into rec.
func (s *segment) next(rec *Record) error {
	for s.count == len(s.records) {
		h, err := s.from.Next()
		var cut *logfile.TruncatedError
		if errors.As(err, &cut) {
			return &LineError{Line: s.line(), Column: 1, Reason: fmt.Sprintf("the last %d bytes of the segment are no whole batch, as a broker that crashed leaves them", cut.Bytes)}
		}
		if err != nil {
			return err
		}
		s.at, s.records, s.count = h, nil, 0
		if h.Control || h.Transactional && s.isUnseen(h) {
			continue
		}
		if s.records, err = h.Records(); err != nil {
			return &LineError{Line: s.line(), Column: 1, Reason: err.Error()}
		}
	}
	from := s.records[s.count]
	s.count++
	*rec = Record{
		Topic: s.topic, Partition: s.partition, Offset: from.Offset, TimestampType: TimestampCreate, Timestamp: from.Timestamp, Broker: NoBroker,
		Key: from.Key, Value: from.Value, Headers: append(rec.Headers[:0], from.Headers...), Line: s.line(),
	}
	if s.at.LogAppendTime {
		rec.TimestampType = TimestampLogAppend
	}
	return nil
}

func (s *segment) isUnseen(h *logfile.Header) bool {
	for _, a := range s.aborted[h.ProducerID] {
		if h.BaseOffset >= a.first && h.LastOffset <= a.last {
			return true
		}
	}
	return false
}

// line counts records where a file has no lines: the offset within the partition, from 1.
func (s *segment) line() int {
	if s.at == nil {
		return 1
	}
	return int(s.at.BaseOffset) + s.count + 1
}
