package dump

import (
	"container/heap"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gokasim/gokasim/internal/kafka"
)

// Merge reads several dumps as one, in the order of rank, then time, then the order in which the readers were given.
// It holds one record of each.
//
// The order inside a file is never changed: a record that belongs before one above it in its file comes right after
// that one. Late counts them. Segments in one folder are one file, in the order of their offsets.
type Merge struct {
	rank    func(*Record) int
	loading []*source // have no record yet
	ready   sources   // a heap; the first one's record is in the caller's hands
	lent    bool
	late    int
}

type source struct {
	*Reader
	then  []*Reader // the segments behind it
	order int       // position among the readers
	rec   Record
	rank  int
	time  kafka.Millis
}

// NewMerge merges readers, which stay the caller's to close. A nil rank puts records without a time first.
func NewMerge(rank func(*Record) int, readers ...*Reader) *Merge {
	if rank == nil {
		rank = timelessFirst
	}
	m := &Merge{rank: rank}
	folders := map[string]*source{}
	for i, r := range readers {
		folder := ""
		if r.segment != nil {
			folder = filepath.Dir(r.name)
		}
		if s := folders[folder]; s != nil && folder != "" {
			s.then = append(s.then, r)
			continue
		}
		s := &source{Reader: r, order: i, time: kafka.NoTimestamp}
		folders[folder] = s
		m.loading = append(m.loading, s)
	}
	for _, s := range m.loading {
		if len(s.then) > 0 {
			s.then = append(s.then, s.Reader)
			slices.SortFunc(s.then, func(a, b *Reader) int { return strings.Compare(filepath.Base(a.name), filepath.Base(b.name)) })
			s.Reader, s.then = s.then[0], s.then[1:]
		}
	}
	return m
}

func timelessFirst(rec *Record) int {
	if rec.Timestamp < 0 {
		return 0
	}
	return 1
}

// Next returns the next record, valid until the following call, and io.EOF after the last one. After a *LineError the
// next call goes on behind the line; after any other error it goes on with the remaining files.
func (m *Merge) Next() (*Record, error) {
	if m.lent {
		m.lent = false
		s := m.ready[0]
		switch err := m.load(s); {
		case err == nil:
			heap.Fix(&m.ready, 0)
		case isLineError(err):
			heap.Pop(&m.ready)
			m.loading = append(m.loading, s)
			return nil, err
		default:
			heap.Pop(&m.ready)
			if err != io.EOF {
				return nil, err
			}
		}
	}
	for len(m.loading) > 0 {
		s := m.loading[0]
		switch err := m.load(s); {
		case err == nil:
			m.loading = m.loading[1:]
			heap.Push(&m.ready, s)
		case isLineError(err):
			return nil, err
		default:
			m.loading = m.loading[1:]
			if err != io.EOF {
				return nil, err
			}
		}
	}
	if len(m.ready) == 0 {
		return nil, io.EOF
	}
	m.lent = true
	return &m.ready[0].rec, nil
}

// Late returns how many records had a time before that of a record above them in their file.
func (m *Merge) Late() int { return m.late }

// load reads the next record of s and places it, at the earliest right after the one before.
func (m *Merge) load(s *source) error {
	err := s.Next(&s.rec)
	for err == io.EOF && len(s.then) > 0 {
		s.Reader, s.then = s.then[0], s.then[1:]
		err = s.Next(&s.rec)
	}
	if err != nil {
		return err
	}
	rank := m.rank(&s.rec)
	switch {
	case rank > s.rank:
		s.rank, s.time = rank, s.rec.Timestamp
	case rank == s.rank && s.rec.Timestamp >= s.time:
		s.time = s.rec.Timestamp
	case rank == s.rank && s.rec.Timestamp >= 0:
		m.late++
	}
	return nil
}

func isLineError(err error) bool {
	var bad *LineError
	return errors.As(err, &bad)
}

// sources is a heap of the sources that have a record.
type sources []*source

func (h sources) Len() int      { return len(h) }
func (h sources) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h sources) Less(i, j int) bool {
	a, b := h[i], h[j]
	if a.rank != b.rank {
		return a.rank < b.rank
	}
	if a.time != b.time {
		return a.time < b.time
	}
	return a.order < b.order
}
func (h *sources) Push(x any) { *h = append(*h, x.(*source)) }
func (h *sources) Pop() any {
	last := len(*h) - 1
	s := (*h)[last]
	*h = (*h)[:last]
	return s
}
