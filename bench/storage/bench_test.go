package storage

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gokasim/gokasim/storage"
)

// values are 4096 JSON objects of 100 bytes, a third of it random.
var values = func() [][]byte {
	chance := rand.New(rand.NewPCG(1, 1))
	values := make([][]byte, 4096)
	for i := range values {
		v := fmt.Sprintf(`{"user":"%08x","count":%d,"carrier":"ZZ","sum":%d,"id":"`, chance.Uint32(), chance.IntN(10_000), chance.IntN(1_000_000))
		for len(v) < 98 {
			v += string("0123456789abcdef"[chance.IntN(16)])
		}
		values[i] = []byte(v[:98] + `"}`)
	}
	return values
}()

func value(i int) []byte { return values[i&4095] }

// key spreads numbers over the key space, or keeps their order.
func key(i int, random bool) string {
	if random {
		return fmt.Sprintf("user-%016x", uint64(i)*0x9e3779b97f4a7c15)
	}
	return fmt.Sprintf("user-%016x", i)
}

func keys(n int, random bool) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = key(i, random)
	}
	return keys
}

// each runs fn as a benchmark of each engine.
func each(b *testing.B, fn func(b *testing.B, open func(dir string) table)) {
	for _, e := range engines {
		b.Run("engine="+e.name, func(b *testing.B) {
			fn(b, func(dir string) table { return e.open(b, dir) })
		})
	}
}

// stopwatch measures processor time, of background work too, which other programs on the machine disturb less than
// they disturb the clock.
type stopwatch struct{ begun int64 }

func start() stopwatch { return stopwatch{processorNanos()} }

// report gives both kinds of time per row.
func (w stopwatch) report(b *testing.B, rows int) {
	b.ReportMetric(float64(processorNanos()-w.begun)/float64(rows), "cpu-ns/row")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
}

func processorNanos() int64 {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return used.Utime.Nano() + used.Stime.Nano()
}

// BenchmarkSet writes 100-byte rows, each with its offset, in writes of 1, 100 and 1000 rows, over a million keys.
func BenchmarkSet(b *testing.B) {
	const n = 1_000_000
	for _, random := range []bool{false, true} {
		keys := keys(n, random)
		for _, size := range []int{1, 100, 1000} {
			b.Run(fmt.Sprintf("order=%s/batch=%d", map[bool]string{false: "sequential", true: "random"}[random], size), func(b *testing.B) {
				each(b, func(b *testing.B, open func(string) table) {
					t := open(b.TempDir())
					t.recovered()
					defer t.close()
					i := 0
					rows := make([]storage.Row, size)
					b.ReportAllocs()
					w := start()
					for b.Loop() {
						if size == 1 {
							t.set(keys[i%n], value(i), int64(i))
							i++
							continue
						}
						for j := range rows {
							rows[j] = storage.Row{Key: keys[i%n], Value: value(i)}
							i++
						}
						t.batch(rows, int64(i))
					}
					w.report(b, i)
				})
			})
		}
	}
}

// BenchmarkSetBatchOfOne is one row and its offset as one write, where the engine has that.
func BenchmarkSetBatchOfOne(b *testing.B) {
	const n = 1_000_000
	keys := keys(n, true)
	each(b, func(b *testing.B, open func(string) table) {
		t := open(b.TempDir())
		t.recovered()
		defer t.close()
		rows := make([]storage.Row, 1)
		b.ReportAllocs()
		w := start()
		for i := 0; b.Loop(); i++ {
			rows[0] = storage.Row{Key: keys[i%n], Value: value(i)}
			t.batch(rows, int64(i))
		}
		w.report(b, b.N)
	})
}

// load fills a new table in dir with n rows in random order, as recovery does, and closes it.
func load(open func(string) table, dir string, n int) {
	t := open(dir)
	rows := make([]storage.Row, 0, 1000)
	for i := range n {
		rows = append(rows, storage.Row{Key: key(i, true), Value: value(i)})
		if len(rows) == cap(rows) {
			t.batch(rows, int64(i))
			rows = rows[:0]
		}
	}
	t.batch(rows, int64(n))
	t.recovered()
	t.close()
}

// BenchmarkLoad is a recovery from a changelog, from the first row until the table is closed.
func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{1_000_000, 10_000_000} {
		b.Run(fmt.Sprintf("rows=%dM", n/1_000_000), func(b *testing.B) {
			each(b, func(b *testing.B, open func(string) table) {
				if _, ok := open(b.TempDir()).(*boltTable); ok && n > 1_000_000 && os.Getenv("BBOLT_10M") == "" {
					b.Skip("takes many minutes; set BBOLT_10M")
				}
				var dir string
				runs := 0
				w := start()
				for b.Loop() {
					dir = b.TempDir()
					load(open, dir, n)
					runs++
				}
				w.report(b, runs*n)
				b.ReportMetric(float64(size(b, dir))/float64(n), "diskB/row")
			})
		})
	}
}

// BenchmarkGet reads random rows: hot ones over and over from a table of 100,000, and cold ones, each for the first time
// since the table of a million was opened and its files were dropped from the page cache.
func BenchmarkGet(b *testing.B) {
	b.Run("hot", func(b *testing.B) {
		const n = 100_000
		keys := keys(n, true)
		each(b, func(b *testing.B, open func(string) table) {
			dir := b.TempDir()
			load(open, dir, n)
			t := open(dir)
			defer t.close()
			if _, ok := t.(*ours); ok && t.get(keys[0]) == nil { // memory is empty again
				fill(t, n)
			}
			settle(t)
			b.ReportAllocs()
			w := start()
			for i := 0; b.Loop(); i++ {
				if len(t.get(keys[i*7919%n])) != 100 {
					b.Fatal("a row is missing")
				}
			}
			w.report(b, b.N)
		})
	})
	b.Run("cold", func(b *testing.B) {
		const n = 1_000_000
		each(b, func(b *testing.B, open func(string) table) {
			dir := b.TempDir()
			load(open, dir, n)
			drop(b, dir)
			t := open(dir)
			defer func() { t.close() }()
			if len(t.get(key(0, true))) == 0 {
				b.Skip("keeps nothing on disk")
			}
			t.recovered()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%50_000 == 49_999 { // the table is warm by now
					b.StopTimer()
					t.close()
					drop(b, dir)
					t = open(dir)
					b.StartTimer()
				}
				if len(t.get(key(i*7919%n, true))) != 100 {
					b.Fatal("a row is missing")
				}
			}
		})
	})
	b.Run("missing", func(b *testing.B) {
		const n = 1_000_000
		missing := keys(2*n, true)[n:]
		each(b, func(b *testing.B, open func(string) table) {
			dir := b.TempDir()
			load(open, dir, n)
			t := open(dir)
			defer t.close()
			settle(t)
			if lt, ok := t.(*level); ok {
				b.ReportAllocs()
				w := start()
				defer func() { w.report(b, b.N) }()
				for i := 0; b.Loop(); i++ {
					if has, _ := lt.db.Has([]byte(missing[i%n]), nil); has {
						b.Fatal("a row too many")
					}
				}
				return
			}
			b.ReportAllocs()
			w := start()
			defer func() { w.report(b, b.N) }()
			for i := 0; b.Loop(); i++ {
				if len(t.get(missing[i%n])) != 0 {
					b.Fatal("a row too many")
				}
			}
		})
	})
}

func fill(t table, n int) {
	for i := range n {
		t.set(key(i, true), value(i), int64(i))
	}
}

// settle lets the engine finish what a load left to do: what runs beside the passes over all rows ends with them.
func settle(t table) {
	t.recovered()
	for range 5 {
		t.iterate()
	}
}

// BenchmarkIterate goes over a million rows that were loaded, closed and opened, when the engine has nothing else to do.
func BenchmarkIterate(b *testing.B) {
	const n = 1_000_000
	each(b, func(b *testing.B, open func(string) table) {
		dir := b.TempDir()
		load(open, dir, n)
		t := open(dir)
		if t.iterate() == 0 {
			fill(t, n)
		}
		settle(t)
		b.ReportAllocs()
		w := start()
		for b.Loop() {
			if got := t.iterate(); got != n {
				b.Fatalf("%d rows", got)
			}
		}
		w.report(b, b.N*n)
		t.close()
		b.ReportMetric(float64(size(b, dir))/n, "diskB/row")
	})
}

// size returns the bytes of all files in dir.
func size(b testing.TB, dir string) (sizeBytes int64) {
	must(b, filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			sizeBytes += info.Size()
		}
		return err
	}))
	return sizeBytes
}

// drop makes the system forget the content of all files in dir.
func drop(b testing.TB, dir string) {
	runtime.GC() // bbolt's mapping of the file is gone for good
	must(b, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasSuffix(path, "LOCK") {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := f.Sync(); err != nil {
			return err
		}
		return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	}))
}
