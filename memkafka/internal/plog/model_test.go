package plog_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/gokasim/gokasim/internal/histories"
	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
	"github.com/gokasim/gokasim/memkafka/internal/plog"
)

// TestLogIsItsModel holds a log against a slice of all records ever appended, through random histories of appends,
// transactions, duplicates, compaction, retention, deletion, replication and restarts.
func TestLogIsItsModel(t *testing.T) {
	histories.Check(t, func(t *rapid.T) {
		m := newModel(t)
		t.Repeat(map[string]func(*rapid.T){
			"append":         m.append,
			"append again":   m.appendAgain,
			"end txn":        m.endTxn,
			"roll":           func(*rapid.T) { m.log.Roll(m.now) },
			"advance":        func(t *rapid.T) { m.now += kafka.Millis(rapid.IntRange(1, 700).Draw(t, "ms")) },
			"clean":          m.clean,
			"roll and clean": func(t *rapid.T) { m.log.Roll(m.now); m.clean(t) },
			"retain":         m.retain,
			"delete records": m.deleteRecords,
			"high watermark": m.moveHigh,
			"restart":        m.restart,
			"":               m.check,
		})
	})
}

// modelEntry is one offset of the log: a record or a marker.
type modelEntry struct {
	rec     kafka.Record
	pid     int64 // batch.NoProducerID if it is not idempotent
	txn     bool
	marker  bool
	aborted bool
	gone    bool         // compacted away
	horizon kafka.Millis // of a tombstone that a pass has seen
}

type modelProducer struct {
	epoch kafka.Epoch
	next  int32
	first kafka.Offset // of its open transaction, NoOffset if none is open
	last  *batch.Batch // as it was sent
	at    plog.Appended
}

type model struct {
	log       *plog.Log
	cfg       plog.Config
	now       kafka.Millis
	start     kafka.Offset
	high      kafka.Offset
	entries   []modelEntry // by offset
	producers []*modelProducer
	unstable  [][2]kafka.Offset // first offset and marker of transactions that ended above the high watermark
}

func newModel(t *rapid.T) *model {
	cfg := plog.DefaultConfig()
	cfg.SegmentBytes = int64(rapid.SampledFrom([]int{700, 2000, 1 << 30}).Draw(t, "segment.bytes"))
	cfg.SegmentMs = 2000
	cfg.Compact = rapid.Bool().Draw(t, "compact")
	cfg.Delete = !cfg.Compact || rapid.Bool().Draw(t, "delete")
	cfg.RetentionMs = rapid.SampledFrom([]int64{-1, 3000}).Draw(t, "retention.ms")
	cfg.RetentionBytes = rapid.SampledFrom([]int64{-1, 3000}).Draw(t, "retention.bytes")
	cfg.MinCompactionLagMs = rapid.SampledFrom([]int64{0, 500}).Draw(t, "min.compaction.lag.ms")
	cfg.DeleteRetentionMs = 1000
	if rapid.Bool().Draw(t, "log append time") {
		cfg.TimestampType = batch.LogAppendTime
	}
	m := &model{log: plog.New(cfg), cfg: cfg, now: 10_000}
	for range 3 {
		m.producers = append(m.producers, &modelProducer{first: kafka.NoOffset})
	}
	if rapid.Bool().Draw(t, "followers") {
		m.log.HoldHighWatermark(true)
	}
	return m
}

func (m *model) append(t *rapid.T) {
	var recs []kafka.Record
	for range rapid.IntRange(1, 5).Draw(t, "records") {
		r := kafka.Record{
			Timestamp: m.now - kafka.Millis(rapid.IntRange(-300, 300).Draw(t, "late")),
			Key:       []byte(rapid.SampledFrom([]string{"a", "b", "c", ""}).Draw(t, "key")),
		}
		if rapid.IntRange(0, 3).Draw(t, "tombstone") > 0 {
			r.Value = fmt.Appendf(nil, "v%d", len(m.entries)+len(recs))
		}
		recs = append(recs, r)
	}
	opts := []batch.Option{batch.WithCodec(rapid.SampledFrom([]batch.Codec{batch.None, batch.LZ4}).Draw(t, "codec"))}
	e := modelEntry{pid: batch.NoProducerID, horizon: kafka.NoTimestamp}
	var p *modelProducer
	if pid := rapid.IntRange(-1, len(m.producers)-1).Draw(t, "producer"); pid >= 0 {
		p = m.producers[pid]
		e.pid = int64(pid)
		opts = append(opts, batch.WithProducer(e.pid, p.epoch, p.next))
		if e.txn = p.first != kafka.NoOffset || rapid.Bool().Draw(t, "txn"); e.txn {
			opts = append(opts, batch.Transactional())
		}
	}
	sent := batch.FromRecords(recs, opts...)
	got, err := m.log.Append(m.now, sent.Clone())
	end := kafka.Offset(len(m.entries))
	if err != nil || got.Base != end || got.Last != end+kafka.Offset(len(recs))-1 || got.Duplicate {
		t.Fatalf("append at %d: %+v, %v", end, got, err)
	}
	if p != nil {
		p.last, p.at = sent, got
		p.next += int32(len(recs))
		if e.txn && p.first == kafka.NoOffset {
			p.first = end
		}
	}
	for i, r := range recs {
		r.Offset = end + kafka.Offset(i)
		if m.cfg.TimestampType == batch.LogAppendTime {
			r.Timestamp = m.now
		}
		e.rec = r
		m.entries = append(m.entries, e)
	}
	m.grown()
}

// grown moves the high watermark of a log without followers.
func (m *model) grown() {
	if !m.log.Snapshot().HoldHighWatermark {
		m.high = kafka.Offset(len(m.entries))
	}
}

func (m *model) appendAgain(t *rapid.T) {
	p := rapid.SampledFrom(m.producers).Draw(t, "producer")
	if p.last == nil || p.last.IsTransactional() != (p.first != kafka.NoOffset) {
		t.Skip("nothing to repeat")
	}
	got, err := m.log.Append(m.now, p.last)
	if err != nil || !got.Duplicate || got.Base != p.at.Base || got.Last != p.at.Last {
		t.Fatalf("repeated batch: %+v, %v; it was at %+v", got, err, p.at)
	}
}

func (m *model) endTxn(t *rapid.T) {
	pid := rapid.IntRange(0, len(m.producers)-1).Draw(t, "producer")
	p := m.producers[pid]
	end := batch.Marker{Commit: rapid.Bool().Draw(t, "commit")}
	if rapid.IntRange(0, 3).Draw(t, "fence") == 0 {
		p.epoch, p.next, p.last = p.epoch+1, 0, nil
	}
	got, err := m.log.AppendMarker(m.now, plog.Marker{ProducerID: int64(pid), ProducerEpoch: p.epoch, Marker: end})
	if err != nil || got.Base != kafka.Offset(len(m.entries)) {
		t.Fatalf("marker: %+v, %v", got, err)
	}
	if p.first != kafka.NoOffset {
		for i := p.first; i < got.Base; i++ {
			if e := &m.entries[i]; e.pid == int64(pid) && e.txn {
				e.aborted = !end.Commit
			}
		}
		m.unstable = append(m.unstable, [2]kafka.Offset{p.first, got.Base})
		p.first = kafka.NoOffset
	}
	m.entries = append(m.entries, modelEntry{marker: true, rec: kafka.Record{Offset: got.Base, Timestamp: m.now}})
	m.grown()
}

func (m *model) moveHigh(t *rapid.T) {
	if !m.log.Snapshot().HoldHighWatermark {
		t.Skip("it moves by itself")
	}
	ends := []kafka.Offset{kafka.Offset(len(m.entries))}
	for _, b := range m.batches(t) {
		if b.NextOffset() >= m.high {
			ends = append(ends, b.NextOffset())
		}
	}
	m.high = rapid.SampledFrom(ends).Draw(t, "to")
	m.log.SetHighWatermark(m.high)
}

// batches is what the log holds, beyond the high watermark too.
func (m *model) batches(t *rapid.T) []*batch.Batch {
	var all []*batch.Batch
	for _, s := range m.log.Snapshot().Segments {
		for _, wire := range s.Batches {
			b, err := batch.FromBytes(wire)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b)
		}
	}
	return all
}

func (m *model) lastStable() kafka.Offset {
	stable := m.high
	for _, p := range m.producers {
		if p.first != kafka.NoOffset {
			stable = min(stable, p.first)
		}
	}
	for _, t := range m.unstable {
		if t[1] >= m.high && t[1] >= m.start {
			stable = min(stable, t[0])
		}
	}
	return max(stable, m.start)
}

func (m *model) clean(t *rapid.T) {
	d := m.log.Dirtiness(m.now)
	segments := m.log.Segments()
	before := m.log.Snapshot()
	c := m.log.Clean(m.now)
	if !m.cfg.Compact || d.FirstDirty >= d.FirstUncleanable {
		if diff := cmp.Diff(before, m.log.Snapshot()); diff != "" {
			t.Fatalf("a pass with nothing to do changed the log:\n%s", diff)
		}
		return
	}
	if active := segments[len(segments)-1].Base; c.To > active || c.To > m.lastStable() {
		t.Fatalf("cleaned up to %d, the active segment begins at %d, last stable is %d", c.To, active, m.lastStable())
	}
	newest := map[string]kafka.Offset{}
	for _, e := range m.entries[c.From:c.To] {
		if !e.gone && !e.marker && !e.aborted {
			newest[string(e.rec.Key)] = e.rec.Offset
		}
	}
	for i := range m.entries[:c.To] {
		e := &m.entries[i]
		expired := e.horizon != kafka.NoTimestamp && e.horizon <= m.now
		at, found := newest[string(e.rec.Key)]
		e.gone = e.gone || e.aborted || !e.marker && (found && at > e.rec.Offset || expired)
		if e.rec.Value == nil && e.horizon == kafka.NoTimestamp {
			e.horizon = m.now + kafka.Millis(m.cfg.DeleteRetentionMs)
		}
	}
	after := m.log.Snapshot()
	if diff := cmp.Diff(before.Producers, after.Producers); diff != "" {
		t.Fatalf("compaction changed what is known of producers:\n%s", diff)
	}
	if last := after.Segments[len(after.Segments)-1]; last.Base != segments[len(segments)-1].Base {
		t.Fatalf("the active segment began at %d, now at %d", segments[len(segments)-1].Base, last.Base)
	}
}

func (m *model) retain(t *rapid.T) {
	before := m.log.Segments()
	n := m.log.Retain(m.now).Segments
	size := int64(0)
	for _, s := range before {
		size += s.Bytes
	}
	wanted := func(s plog.SegmentInfo, size int64) bool {
		old := m.cfg.RetentionMs >= 0 && int64(m.now-s.MaxTimestamp) > m.cfg.RetentionMs && s.MaxTimestamp >= 0
		big := m.cfg.RetentionBytes >= 0 && size-s.Bytes >= m.cfg.RetentionBytes
		below := s.Next <= m.start && !s.Active
		return !below && !(m.cfg.Delete && (old || big)) || s.Next > m.high
	}
	for _, s := range before[:n] {
		// Segments without a timestamp of their own go by the time of the last append: not known here.
		if wanted(s, size) && s.Batches > 0 {
			t.Fatalf("segment %+v was deleted; now %d, size %d", s, m.now, size)
		}
		size -= s.Bytes
		m.start = max(m.start, s.Next)
	}
	if n < len(before) && before[n].Batches > 0 && !wanted(before[n], size) {
		t.Fatalf("segment %+v was kept; now %d, size %d", before[n], m.now, size)
	}
}

func (m *model) deleteRecords(t *rapid.T) {
	to := kafka.Offset(rapid.IntRange(-1, len(m.entries)+1).Draw(t, "before"))
	got, err := m.log.DeleteRecords(to)
	if !m.cfg.Delete {
		if plog.CodeOf(err) != kafka.PolicyViolation {
			t.Fatalf("deleting records of a compacted topic: %v", err)
		}
		return
	}
	if to > m.high {
		if plog.CodeOf(err) != kafka.OffsetOutOfRange {
			t.Fatalf("delete up to %d past the high watermark %d: %v", to, m.high, err)
		}
		return
	}
	if to == -1 {
		to = m.high
	}
	m.start = max(m.start, to)
	if err != nil || got != m.start {
		t.Fatalf("delete up to %d: log start %d, %v", to, got, err)
	}
}

func (m *model) restart(t *rapid.T) {
	s := m.log.Snapshot()
	l, err := plog.Restore(m.cfg, s)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, l.Snapshot()); diff != "" {
		t.Fatalf("restored log differs (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(m.log.Segments(), l.Segments()); diff != "" {
		t.Fatalf("restored segments differ (-before +after):\n%s", diff)
	}
	m.log = l
}

// check asks log and model the same questions.
func (m *model) check(t *rapid.T) {
	l := m.log
	got := [4]kafka.Offset{l.LogStart(), l.LastStable(), l.HighWatermark(), l.LogEnd()}
	if want := [4]kafka.Offset{m.start, m.lastStable(), m.high, kafka.Offset(len(m.entries))}; got != want {
		t.Fatalf("log start, last stable, high watermark, log end %v, want %v", got, want)
	}
	from := kafka.Offset(rapid.IntRange(0, len(m.entries)).Draw(t, "from"))
	n := rapid.IntRange(1, 10).Draw(t, "at most")
	for _, committed := range []bool{false, true} {
		m.checkRead(t, from, n, committed)
		m.checkFetch(t, from, committed)
	}
	m.checkBatches(t)
	if !m.cfg.Compact {
		m.checkTimes(t)
	}
}

// visible is the entries that a reader from offset from on gets.
func (m *model) visible(from kafka.Offset, committed bool) []kafka.Record {
	limit := m.high
	if committed {
		limit = m.lastStable()
	}
	var recs []kafka.Record
	for _, e := range m.entries[min(from, limit):limit] {
		if !e.marker && !e.gone && !(committed && e.aborted) {
			recs = append(recs, e.rec)
		}
	}
	return recs
}

func (m *model) checkRead(t *rapid.T, from kafka.Offset, n int, committed bool) {
	limit := m.high
	if committed {
		limit = m.lastStable()
	}
	recs, next, err := m.log.ReadInto(nil, from, n, committed)
	if from < m.start {
		if plog.CodeOf(err) != kafka.OffsetOutOfRange {
			t.Fatalf("read from %d below log start %d: %v", from, m.start, err)
		}
		return
	}
	want := m.visible(from, committed)
	if diff := cmp.Diff(want[:min(n, len(want))], recs, cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Fatalf("read %d from %d, committed %t: %v (-want +got):\n%s", n, from, committed, err, diff)
	}
	if len(want) < n && next != max(from, limit) {
		t.Fatalf("read from %d, committed %t: all read, next is %d instead of %d", from, committed, next, max(from, limit))
	}
	if next < from || len(recs) > 0 && next <= recs[len(recs)-1].Offset || len(want) > n && next > want[n].Offset {
		t.Fatalf("read from %d, committed %t: next %d after %v", from, committed, next, offsets(recs))
	}
}

// checkFetch reads as a consumer does: whole batches, less what the aborted list says.
func (m *model) checkFetch(t *rapid.T, from kafka.Offset, committed bool) {
	if from < m.start {
		return
	}
	want := m.visible(from, committed)
	var got []kafka.Record
	for at := from; ; {
		f, err := m.log.Fetch(at, 300, committed)
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Batches) == 0 {
			break
		}
		for _, b := range f.Batches {
			for r := range b.All() {
				if r.Offset >= from && !b.IsControl() && !(committed && droppedBy(f.Aborted, b)) {
					got = append(got, r)
				}
			}
		}
		at = f.Batches[len(f.Batches)-1].NextOffset()
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("fetched from %d, committed %t (-want +got):\n%s", from, committed, diff)
	}
}

func droppedBy(aborted []plog.AbortedTxn, b *batch.Batch) bool {
	return b.IsTransactional() && slices.ContainsFunc(aborted, func(a plog.AbortedTxn) bool {
		return a.ProducerID == b.ProducerID() && a.First <= b.BaseOffset() && b.BaseOffset() < a.Last
	})
}

// checkBatches looks at how the log lies in its segments.
func (m *model) checkBatches(t *rapid.T) {
	at := kafka.Offset(0)
	for _, s := range m.log.Snapshot().Segments {
		at = max(at, s.Base)
		for _, wire := range s.Batches {
			b, err := batch.FromBytes(wire)
			if err != nil {
				t.Fatal(err)
			}
			if b.BaseOffset() < at {
				t.Fatalf("batch [%d, %d] lies before %d", b.BaseOffset(), b.LastOffset(), at)
			}
			at = b.NextOffset()
		}
	}
}

func (m *model) checkTimes(t *rapid.T) {
	segments := m.log.Segments()
	ts := m.now - kafka.Millis(rapid.IntRange(-300, 3000).Draw(t, "timestamp"))
	want := kafka.NoOffset
	for _, s := range segments {
		if s.MaxTimestamp < ts {
			continue
		}
		for _, e := range m.entries[max(s.Base, m.start):max(s.Next, m.start)] {
			if e.rec.Timestamp >= ts {
				want = e.rec.Offset
				break
			}
		}
		break
	}
	got, at, ok := m.log.OffsetForTime(ts)
	if want >= m.high {
		want = kafka.NoOffset
	}
	if got != want || ok != (want != kafka.NoOffset) || ok && m.entries[got].rec.Timestamp != at {
		t.Fatalf("offset for time %d: %d, %d, %t; want %d", ts, got, at, ok, want)
	}
}
