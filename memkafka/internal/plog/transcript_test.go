package plog_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
	"github.com/gokasim/gokasim/memkafka/internal/plog"
)

// TestTranscripts runs the histories in testdata/histories. Their commands:
//
//	log [compact] [delete] [setting=value …]       a new log at time 0
//	append [ts=ms] [pid= epoch= seq=] [txn]        one batch: key=value, key (a tombstone), -=value (a null key)
//	commit|abort pid= epoch= [coordinator=]        a marker
//	advance 1h                                     time passes
//	roll, clean, retain, delete-records before=, expire, truncate to=
//	read [from=] [committed], batches, segments, offsets, dirtiness, aborted, time ts=
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/histories", func(t *testing.T, path string) {
		var h history
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			return strings.TrimSpace(h.run(t, d)) + "\n"
		})
	})
}

type history struct {
	log *plog.Log
	now kafka.Millis
}

func (h *history) run(t *testing.T, d *datadriven.TestData) string {
	switch d.Cmd {
	case "log":
		h.now = 0
		h.log = plog.New(configOf(t, d))
		return "ok"
	case "advance":
		by, err := time.ParseDuration(d.CmdArgs[0].Key)
		if err != nil {
			t.Fatal(err)
		}
		h.now += kafka.Millis(by.Milliseconds())
		return fmt.Sprintf("now %d", h.now)
	case "append":
		return said(h.log.Append(h.now, h.batchOf(t, d)))
	case "commit", "abort":
		return said(h.log.AppendMarker(h.now, plog.Marker{
			ProducerID:    int64(number(t, d, "pid", 0)),
			ProducerEpoch: kafka.Epoch(number(t, d, "epoch", 0)),
			Marker:        batch.Marker{Commit: d.Cmd == "commit", CoordinatorEpoch: int32(number(t, d, "coordinator", 0))},
			TxnVersion:    int8(number(t, d, "version", 1)),
		}))
	case "roll":
		h.log.Roll(h.now)
		return "ok"
	case "clean":
		c := h.log.Clean(h.now)
		if c.From == c.To {
			return fmt.Sprintf("nothing dirty from %d on", c.From)
		}
		return fmt.Sprintf("dirty [%d, %d): %d of %d records stay, %d segments become %d",
			c.From, c.To, c.RecordsAfter, c.RecordsBefore, c.SegmentsBefore, c.SegmentsAfter)
	case "retain":
		return fmt.Sprintf("%d segments deleted, log start %d", h.log.Retain(h.now).Segments, h.log.LogStart())
	case "delete-records":
		start, err := h.log.DeleteRecords(kafka.Offset(number(t, d, "before", -1)))
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("log start %d", start)
	case "expire":
		return fmt.Sprintf("%d expired", h.log.ExpireProducers(h.now))
	case "truncate":
		h.log.TruncateTo(kafka.Offset(number(t, d, "to", 0)))
		return h.offsets()
	case "read":
		recs, next, err := h.log.ReadInto(nil, kafka.Offset(number(t, d, "from", int(h.log.LogStart()))), 1000, d.HasArg("committed"))
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("%s\nnext %d", lines(recs), next)
	case "batches":
		return h.batches(t)
	case "segments":
		var b strings.Builder
		for _, s := range h.log.Segments() {
			fmt.Fprintf(&b, "[%d, %d) %d batches, newest %d", s.Base, s.Next, s.Batches, s.MaxTimestamp)
			if s.Active {
				b.WriteString(", active")
			}
			b.WriteByte('\n')
		}
		return b.String()
	case "offsets":
		return h.offsets()
	case "dirtiness":
		d := h.log.Dirtiness(h.now)
		return fmt.Sprintf("dirty [%d, %d), ratio %.2f, overdue %t, eligible %t", d.FirstDirty, d.FirstUncleanable, d.Ratio, d.Overdue, d.Eligible)
	case "aborted":
		var b strings.Builder
		for _, a := range h.log.AbortedTxns() {
			fmt.Fprintf(&b, "producer %d: [%d, %d] stable %d\n", a.ProducerID, a.First, a.Last, a.LastStable)
		}
		if b.Len() == 0 {
			return "none"
		}
		return b.String()
	case "time":
		o, ts, ok := h.log.OffsetForTime(kafka.Millis(number(t, d, "ts", 0)))
		if !ok {
			return "none"
		}
		return fmt.Sprintf("offset %d, timestamp %d", o, ts)
	}
	t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
	return ""
}

func said(a plog.Appended, err error) string {
	switch {
	case err != nil:
		return err.Error()
	case a.Duplicate:
		return fmt.Sprintf("%d..%d again", a.Base, a.Last)
	default:
		return fmt.Sprintf("%d..%d", a.Base, a.Last)
	}
}

func (h *history) offsets() string {
	return fmt.Sprintf("log start %d, last stable %d, high watermark %d, log end %d",
		h.log.LogStart(), h.log.LastStable(), h.log.HighWatermark(), h.log.LogEnd())
}

// batches shows what is stored, with markers, aborted data and what compaction emptied.
func (h *history) batches(t *testing.T) string {
	var b strings.Builder
	for _, bt := range allBatches(t, h.log) {
		fmt.Fprintf(&b, "[%d, %d]", bt.BaseOffset(), bt.LastOffset())
		if bt.HasProducer() {
			fmt.Fprintf(&b, " producer %d/%d", bt.ProducerID(), bt.ProducerEpoch())
			if seq := bt.BaseSequence(); seq >= 0 {
				fmt.Fprintf(&b, " seq %d..%d", seq, bt.LastSequence())
			}
		}
		if at, ok := bt.DeleteHorizon(); ok {
			fmt.Fprintf(&b, " horizon %d", at)
		}
		switch m, ok := bt.Marker(); {
		case ok && m.Commit:
			b.WriteString(" commit")
		case ok:
			b.WriteString(" abort")
		case bt.Len() == 0:
			b.WriteString(" empty")
		default:
			b.WriteString(": " + strings.ReplaceAll(lines(bt.Records()), "\n", ", "))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// allBatches reads the log as a replica would.
func allBatches(t testing.TB, l *plog.Log) []*batch.Batch {
	t.Helper()
	var all []*batch.Batch
	for from := l.LogStart(); from < l.HighWatermark(); {
		f, err := l.Fetch(from, 1<<20, false)
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Batches) == 0 {
			break
		}
		all = append(all, f.Batches...)
		from = all[len(all)-1].NextOffset()
	}
	return all
}

func lines(recs []kafka.Record) string {
	var out []string
	for _, r := range recs {
		key, value := "-", ""
		if r.Key != nil {
			key = string(r.Key)
		}
		if r.Value != nil {
			value = "=" + string(r.Value)
		}
		out = append(out, fmt.Sprintf("%d %s%s", r.Offset, key, value))
	}
	return strings.Join(out, "\n")
}

func (h *history) batchOf(t *testing.T, d *datadriven.TestData) *batch.Batch {
	ts := kafka.Millis(number(t, d, "ts", int(h.now)))
	var recs []kafka.Record
	for _, f := range strings.Fields(d.Input) {
		key, value, hasValue := strings.Cut(f, "=")
		r := kafka.Record{Timestamp: ts}
		if key != "-" {
			r.Key = []byte(key)
		}
		if hasValue {
			r.Value = []byte(value)
		}
		recs = append(recs, r)
	}
	var opts []batch.Option
	if d.HasArg("pid") {
		opts = append(opts, batch.WithProducer(int64(number(t, d, "pid", 0)), kafka.Epoch(number(t, d, "epoch", 0)), int32(number(t, d, "seq", 0))))
	}
	if d.HasArg("txn") {
		opts = append(opts, batch.Transactional())
	}
	return batch.FromRecords(recs, opts...)
}

func number(t *testing.T, d *datadriven.TestData, name string, unset int) int {
	for _, a := range d.CmdArgs {
		if a.Key == name {
			n, err := strconv.Atoi(a.Vals[0])
			if err != nil {
				t.Fatalf("%s: %s: %v", d.Pos, name, err)
			}
			return n
		}
	}
	return unset
}

func configOf(t *testing.T, d *datadriven.TestData) plog.Config {
	cfg := plog.DefaultConfig()
	cfg.Compact, cfg.Delete = d.HasArg("compact"), d.HasArg("delete") || !d.HasArg("compact")
	for _, a := range d.CmdArgs {
		if a.Key == "compact" || a.Key == "delete" {
			continue
		}
		v, err := strconv.ParseFloat(a.Vals[0], 64)
		if err != nil {
			t.Fatalf("%s: %v", d.Pos, err)
		}
		switch n := int64(v); a.Key {
		case "segment.bytes":
			cfg.SegmentBytes = n
		case "segment.ms":
			cfg.SegmentMs = n
		case "retention.ms":
			cfg.RetentionMs = n
		case "retention.bytes":
			cfg.RetentionBytes = n
		case "min.cleanable.dirty.ratio":
			cfg.MinCleanableDirtyRatio = v
		case "min.compaction.lag.ms":
			cfg.MinCompactionLagMs = n
		case "max.compaction.lag.ms":
			cfg.MaxCompactionLagMs = n
		case "delete.retention.ms":
			cfg.DeleteRetentionMs = n
		default:
			t.Fatalf("%s: unknown setting %s", d.Pos, a.Key)
		}
	}
	return cfg
}
