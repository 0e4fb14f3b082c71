package plog_test

import (
	"strings"
	"testing"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
	"github.com/gokasim/gokasim/memkafka/internal/plog"
)

// That a restored log is the one that was saved is part of the model test.
func TestRestoreRefusesWhatDoesNotFit(t *testing.T) {
	good := func() plog.Snapshot {
		l := plog.New(plog.DefaultConfig())
		mustAppend(t, l, rec("a", "0"))
		if _, err := l.Append(now, batch.FromRecords([]kafka.Record{rec("b", "1")}, batch.WithProducer(1, 0, 0))); err != nil {
			t.Fatal(err)
		}
		l.Roll(now)
		mustAppend(t, l, rec("c", "2"))
		s := l.Snapshot()
		for i := range s.Segments {
			for j, wire := range s.Segments[i].Batches {
				s.Segments[i].Batches[j] = append([]byte(nil), wire...)
			}
		}
		return s
	}
	if _, err := plog.Restore(plog.DefaultConfig(), good()); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		spoil func(s *plog.Snapshot)
		want  string
	}{
		"offsets out of order": {func(s *plog.Snapshot) { s.HighWatermark = 9 }, "high watermark 9"},
		"no segment":           {func(s *plog.Snapshot) { s.Segments = nil }, "no segment"},
		"a segment too late":   {func(s *plog.Snapshot) { s.Segments = s.Segments[1:] }, "log start 0"},
		"a flipped bit":        {func(s *plog.Snapshot) { s.Segments[0].Batches[0][65] ^= 1 }, "crc"},
		"batches out of order": {func(s *plog.Snapshot) { b := s.Segments[0].Batches; b[0], b[1] = b[1], b[0] }, "does not lie in"},
		"a batch past the end": {func(s *plog.Snapshot) { s.LogEnd, s.HighWatermark = 2, 2 }, "does not lie in"},
		"too long a memory":    {func(s *plog.Snapshot) { s.Producers[0].Sent = make([]plog.SentBatch, 6) }, "at most 5"},
		"a negative log start": {func(s *plog.Snapshot) { s.LogStart = -1 }, "log start -1"},
	} {
		t.Run(name, func(t *testing.T) {
			s := good()
			c.spoil(&s)
			if _, err := plog.Restore(plog.DefaultConfig(), s); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}
