package storage_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gokasim/gokasim/storage"
)

func filled(b *testing.B, rows int) (storage.Storage, []string) {
	st := storage.NewMemory()
	keys := make([]string, rows)
	for i := range keys {
		keys[i] = fmt.Sprintf("user-%010d", rand.Uint64N(1e10))
		if err := st.Set(keys[i], make([]byte, 100)); err != nil {
			b.Fatal(err)
		}
	}
	return st, keys
}

func BenchmarkMemory(b *testing.B) {
	for _, rows := range []int{1_000, 1_000_000} {
		st, keys := filled(b, rows)
		value := make([]byte, 100)
		b.Run(fmt.Sprintf("rows=%d/get", rows), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				_, _ = st.Get(keys[i%rows])
			}
		})
		b.Run(fmt.Sprintf("rows=%d/set", rows), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				_ = st.Set(keys[i%rows], value)
			}
		})
		b.Run(fmt.Sprintf("rows=%d/first iterator", rows), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				st, _ := filled(b, rows)
				b.StartTimer()
				it, _ := st.Iterator()
				it.Release()
			}
		})
		b.Run(fmt.Sprintf("rows=%d/iterator", rows), func(b *testing.B) {
			it, _ := st.Iterator()
			it.Release()
			b.ReportAllocs()
			for b.Loop() {
				it, _ := st.Iterator()
				it.Next()
				it.Release()
			}
		})
		b.Run(fmt.Sprintf("rows=%d/set beside an iterator", rows), func(b *testing.B) {
			it, _ := st.Iterator()
			defer it.Release()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				_ = st.Set(keys[i%rows], value)
			}
		})
		b.Run(fmt.Sprintf("rows=%d/iterate", rows), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				it, _ := st.Iterator()
				for it.Next() {
					_, _ = it.Value()
				}
				it.Release()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows), "ns/row")
		})
	}
}
