package plog

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
)

func hundredByteRecords(n int) []kafka.Record {
	recs := make([]kafka.Record, n)
	for i := range recs {
		recs[i] = kafka.Record{Timestamp: kafka.Millis(1000 + i), Key: fmt.Appendf(nil, "key-%012d", i), Value: make([]byte, 84)}
	}
	return recs
}

// benchLog replaces its log now and then, so that a long run does not fill the memory.
type benchLog struct {
	*Log
	max kafka.Offset
}

func (l *benchLog) append(b *testing.B, recs []kafka.Record) {
	if l.Log == nil || l.LogEnd() >= l.max {
		l.Log = New(DefaultConfig())
	}
	if _, err := l.Append(1000, batch.FromRecords(recs)); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkAppendBatch1000(b *testing.B) {
	recs := hundredByteRecords(1000)
	l := benchLog{max: 1 << 20}
	b.ReportAllocs()
	for b.Loop() {
		l.append(b, recs)
	}
	b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrecords/s")
}

func BenchmarkAppendSingle(b *testing.B) {
	rec := hundredByteRecords(1)[0]
	l := benchLog{max: 1 << 18}
	b.ReportAllocs()
	for b.Loop() {
		l.append(b, []kafka.Record{rec})
	}
}

func BenchmarkAppendIdempotent(b *testing.B) {
	rec := hundredByteRecords(1)[0]
	var l *Log
	var seq int32
	b.ReportAllocs()
	for b.Loop() {
		if l == nil || l.LogEnd() >= 1<<18 {
			l, seq = New(DefaultConfig()), 0
		}
		if _, err := l.Append(1000, batch.FromRecords([]kafka.Record{rec}, batch.WithProducer(7, 0, seq))); err != nil {
			b.Fatal(err)
		}
		seq++
	}
}

func filled(b *testing.B, records, perBatch int) *Log {
	l := New(DefaultConfig())
	recs := hundredByteRecords(perBatch)
	for l.LogEnd() < kafka.Offset(records) {
		if _, err := l.Append(1000, batch.FromRecords(recs)); err != nil {
			b.Fatal(err)
		}
	}
	return l
}

func BenchmarkReadInto(b *testing.B) {
	for _, perBatch := range []int{1, 1000} {
		for _, perRead := range []int{1, 500} {
			b.Run(fmt.Sprintf("batch=%d/read=%d", perBatch, perRead), func(b *testing.B) {
				l := filled(b, 1<<17, perBatch)
				var dst []kafka.Record
				var at kafka.Offset
				records := 0
				b.ReportAllocs()
				for b.Loop() {
					var err error
					dst, at, err = l.ReadInto(dst[:0], at, perRead, true)
					if err != nil {
						b.Fatal(err)
					}
					records += len(dst)
					if at >= l.LogEnd() {
						at = 0
					}
				}
				b.ReportMetric(float64(records)/b.Elapsed().Seconds()/1e6, "Mrecords/s")
			})
		}
	}
}

func BenchmarkFetch(b *testing.B) {
	l := filled(b, 1<<17, 1000)
	var at kafka.Offset
	records := 0
	b.ReportAllocs()
	for b.Loop() {
		f, err := l.Fetch(at, 1<<20, true)
		if err != nil {
			b.Fatal(err)
		}
		for _, bt := range f.Batches {
			for r := range bt.All() {
				records++
				at = r.Offset + 1
			}
		}
		if at >= l.LogEnd() {
			at = 0
		}
	}
	b.ReportMetric(float64(records)/b.Elapsed().Seconds()/1e6, "Mrecords/s")
}

func BenchmarkStoredBytes(b *testing.B) {
	const records, payload = 1 << 19, 100
	for b.Loop() {
		before := heap()
		l := filled(b, records, 1000)
		after := heap()
		b.ReportMetric(float64(after-before)/float64(l.LogEnd())-payload, "overhead-B/record")
		runtime.KeepAlive(l)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkClean compacts a log whose keys have each been written twice, in batches of 1,000. Its cost for a record has to
// stay the same as logs grow.
func BenchmarkClean(b *testing.B) {
	for _, records := range []int{1e4, 1e5, 1e6, 1e7} {
		b.Run(fmt.Sprintf("records=%.0e", float64(records)), func(b *testing.B) {
			batches := twiceWritten(b, records)
			cfg := DefaultConfig()
			cfg.Compact = true
			for b.Loop() {
				b.StopTimer()
				l := New(cfg)
				for _, bt := range batches {
					if err := l.AppendReplica(1000, bt); err != nil {
						b.Fatal(err)
					}
				}
				l.Roll(1000)
				b.StartTimer()
				if c := l.Clean(2000); c.RecordsBefore != records || c.RecordsAfter != records/2 {
					b.Fatalf("%+v", c)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(records), "ns/record")
		})
	}
}

func twiceWritten(b *testing.B, records int) []*batch.Batch {
	l := New(DefaultConfig())
	recs := hundredByteRecords(1000)
	key := 0
	var batches []*batch.Batch
	for range records / 1000 {
		for i := range recs {
			recs[i].Key = fmt.Appendf(recs[i].Key[:0], "key-%012d", key%(records/2))
			key++
		}
		bt := batch.FromRecords(recs)
		if _, err := l.Append(1000, bt); err != nil {
			b.Fatal(err)
		}
		batches = append(batches, bt)
	}
	return batches
}
