package disk

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/gokasim/gokasim/storage"
)

// openKeeping opens a table on a disk in memory that keeps so many bytes of rows, and has recovered.
func openKeeping(t testing.TB, sizeBytes int64, name string, shared *Shared) *store {
	t.Helper()
	if shared == nil {
		shared = &Shared{RowBytes: sizeBytes}
	}
	s := open(t, "/"+name, withFS(vfs.NewMem()), WithShared(shared))
	if err := s.MarkRecovered(); err != nil {
		t.Fatal(err)
	}
	return s
}

// kept is what the cache of a table knows of a row.
func kept(s *store, key string) (value []byte, known bool) { return s.engine.rows.get(key) }

func TestARowThatWasReadIsKeptUntilItIsWritten(t *testing.T) {
	s := openKeeping(t, 1<<20, "table", nil)
	if err := s.Set("key", []byte("first")); err != nil {
		t.Fatal(err)
	}
	if _, known := kept(s, "key"); known {
		t.Error("a row that nobody has read is kept")
	}
	wantValue := func(want string) {
		t.Helper()
		if got, err := s.Get("key"); err != nil || string(got) != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
		if got, known := kept(s, "key"); !known || string(got) != want {
			t.Errorf("%q is kept (%v), want %q", got, known, want)
		}
	}
	wantValue("first")
	mine := []byte("second")
	if err := s.Set("key", mine); err != nil {
		t.Fatal(err)
	}
	mine[0] = 'X'
	wantValue("second")
	rows := []storage.Row{{Key: "key", Value: []byte("third")}, {Key: "key"}, {Key: "key", Value: []byte("fourth")}}
	if err := s.WriteBatch(rows, 7); err != nil {
		t.Fatal(err)
	}
	wantValue("fourth")
	if err := s.Delete("key"); err != nil {
		t.Fatal(err)
	}
	if value, known := kept(s, "key"); value != nil || !known {
		t.Errorf("after the deletion %q is kept (%v)", value, known)
	}
	if has, err := s.Has("key"); has || err != nil {
		t.Errorf("a deleted row is there: %v, %v", has, err)
	}
	if err := s.Set("key", []byte{}); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Get("key"); got == nil || len(got) != 0 || err != nil {
		t.Errorf("an empty row reads %v, %v", got, err)
	}
}

func TestAnswersFromBeforeAWriteAreNotKept(t *testing.T) {
	rows := []storage.Row{{Key: "key", Value: []byte("new")}}
	for name, write := range map[string]func(table *cachedTable, keep func()){
		"begun and ended": func(table *cachedTable, keep func()) {
			table.show(rows, table.hide(rows), true)
			keep()
		},
		"under way": func(table *cachedTable, keep func()) {
			hidden := table.hide(rows)
			keep()
			table.show(rows, hidden, true)
		},
	} {
		t.Run(name, func(t *testing.T) {
			table := newCachedTable(newRowCache(1 << 20))
			version := table.version.Load()
			write(table, func() { table.keep("key", []byte("old"), version) })
			if value, known := table.get("key"); known {
				t.Errorf("%q is kept", value)
			}
			if n := table.rows.Load(); n != 0 {
				t.Errorf("the table counts %d rows, none is kept", n)
			}
		})
	}
}

func TestWhileARowIsWrittenItIsNotAnsweredFromTheCache(t *testing.T) {
	table := newCachedTable(newRowCache(1 << 20))
	other := newCachedTable(table.cache)
	for _, tab := range []*cachedTable{table, other} {
		tab.keep("key", []byte("old"), tab.version.Load())
	}
	rows := []storage.Row{{Key: "key", Value: []byte("new")}}
	hidden := table.hide(rows)
	if _, known := table.get("key"); known {
		t.Error("the old row is answered while the new one is being written")
	}
	table.keep("key", []byte("old"), table.version.Load())
	if _, known := table.get("key"); known {
		t.Error("an answer is kept while a row is being written")
	}
	if value, known := other.get("key"); !known || string(value) != "old" {
		t.Errorf("the row of another table is %q (%v)", value, known)
	}
	table.show(rows, hidden, false)
	if _, known := table.get("key"); known {
		t.Error("a row whose write failed is kept")
	}
}

func TestATableThatIsOpenedAgainKeepsNothing(t *testing.T) {
	fs := vfs.NewMem()
	st, err := New("/table", withFS(fs), WithShared(new(Shared)))
	if err != nil {
		t.Fatal(err)
	}
	s := st.(*store)
	other := openKeeping(t, 0, "other", s.config.shared) // the cache stays
	for _, value := range []string{"before", ""} {
		if err := s.Open(); err != nil {
			t.Fatal(err)
		}
		if err := s.MarkRecovered(); err != nil {
			t.Fatal(err)
		}
		if value != "" {
			if err := s.Set("key", []byte(value)); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := s.Get("key"); err != nil || string(got) != value {
			t.Errorf("got %q, %v, want %q", got, err, value)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Get("key"); err == nil {
			t.Error("a closed table answers")
		}
		if err := fs.RemoveAll("/table"); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := other.Get("key"); got != nil || err != nil {
		t.Errorf("the other table has %q, %v", got, err)
	}
}

// TestRowsThatAreKeptStayWithinTheirBytes compares tables that share a small cache with maps, through reads and writes that
// do not fit.
func TestRowsThatAreKeptStayWithinTheirBytes(t *testing.T) {
	const limit = 64 << 10
	shared := &Shared{RowBytes: limit}
	chance := rand.New(rand.NewPCG(1, 2))
	tables, models := make([]*store, 3), make([]map[string][]byte, 3)
	for i := range tables {
		tables[i], models[i] = openKeeping(t, 0, fmt.Sprint("table-", i), shared), map[string][]byte{}
	}
	for step := range 5_000 {
		i, key := chance.IntN(len(tables)), fmt.Sprint("key-", chance.IntN(400))
		switch chance.IntN(4) {
		case 0:
			value := bytes.Repeat([]byte{byte(step)}, chance.IntN(2000))
			if err := tables[i].WriteBatch([]storage.Row{{Key: key, Value: []byte("x")}, {Key: key, Value: value}}, int64(step)); err != nil {
				t.Fatal(err)
			}
			models[i][key] = value
		case 1:
			if err := tables[i].Delete(key); err != nil {
				t.Fatal(err)
			}
			delete(models[i], key)
		default:
			got, err := tables[i].Get(key)
			want, there := models[i][key]
			if err != nil || !bytes.Equal(got, want) || (got != nil) != there {
				t.Fatalf("step %d: table %d has %d bytes for %s, %v; want %d bytes (%v)", step, i, len(got), key, err, len(want), there)
			}
		}
	}
	sum, rows := int64(0), 0
	for i := range shared.rows.shards {
		s := &shared.rows.shards[i]
		counted := int64(0)
		for _, r := range s.slots {
			if r.table != nil {
				counted += r.bytes()
				rows++
			}
		}
		if counted != s.bytes || len(s.index)+len(s.free) != len(s.slots) {
			t.Errorf("a shard counts %d bytes of %d; %d rows and %d empty slots are %d", s.bytes, counted, len(s.index), len(s.free), len(s.slots))
		}
		sum += counted
	}
	if sum > limit || rows == 0 {
		t.Errorf("%d rows with %d bytes are kept, want some and at most %d bytes", rows, sum, limit)
	}
	for i, tab := range tables {
		if n := tab.engine.rows.rows.Load(); n < 0 || n > int64(rows) {
			t.Errorf("table %d counts %d rows, of %d in all", i, n, rows)
		}
	}
}

// TestReadersNeverSeeAnOlderRowThanBefore has a writer set all rows to the same number in one batch, again and again, while
// others read them one by one and all together: no read may be older than one that the same reader made before.
func TestReadersNeverSeeAnOlderRowThanBefore(t *testing.T) {
	for name, size := range map[string]int64{"all rows fit": 1 << 20, "few rows fit": 8 << 10, "none is kept": -1} {
		t.Run(name, func(t *testing.T) {
			const batches, readers, keys = 300, 3, 12
			s := openKeeping(t, size, "table", nil)
			write := func(n uint64) error {
				rows := make([]storage.Row, 0, 2*keys)
				for i := range keys {
					key := fmt.Sprint("key-", i)
					rows = append(rows, storage.Row{Key: key, Value: make([]byte, 8)}, // written over by the next one
						storage.Row{Key: key, Value: binary.BigEndian.AppendUint64(nil, n)})
				}
				return s.WriteBatch(rows, int64(n))
			}
			if err := write(1); err != nil {
				t.Fatal(err)
			}
			var written atomic.Uint64 // the batch that WriteBatch has returned for
			written.Store(1)
			var all sync.WaitGroup
			all.Go(func() {
				for n := uint64(2); n <= batches; n++ {
					if err := write(n); err != nil {
						t.Error(err)
					}
					written.Store(n)
				}
				written.Store(batches)
			})
			for reader := range readers {
				all.Go(func() {
					chance := rand.New(rand.NewPCG(3, uint64(reader)))
					for seen := uint64(0); seen < batches && !t.Failed(); {
						seen = max(seen, written.Load())
						value, err := read(s, chance)
						if err != nil || len(value) != 8 || binary.BigEndian.Uint64(value) < seen {
							t.Errorf("read %x, %v, after %d", value, err, seen)
							return
						}
						seen = binary.BigEndian.Uint64(value)
					}
				})
			}
			all.Wait()
		})
	}
}

// read reads one of the rows, by its key or by an iterator.
func read(s *store, chance *rand.Rand) ([]byte, error) {
	if chance.IntN(8) > 0 {
		return s.Get(fmt.Sprint("key-", chance.IntN(12)))
	}
	it, err := s.Iterator()
	if err != nil {
		return nil, err
	}
	defer it.Release()
	it.Next()
	return it.Value()
}

// BenchmarkGetAgain reads the rows of eight tables of 1,250 rows, with and without rows that are kept.
func BenchmarkGetAgain(b *testing.B) {
	for name, size := range map[string]int64{"kept": 0, "not kept": -1} {
		b.Run(name, func(b *testing.B) {
			shared := &Shared{RowBytes: size}
			tables := make([]*store, 8)
			keys := make([]string, 10_000)
			for i := range tables {
				tables[i] = openKeeping(b, 0, fmt.Sprint("table-", i), shared)
			}
			for i := range keys {
				keys[i] = fmt.Sprintf("key-%07d", i)
				if err := tables[i%8].Set(keys[i], make([]byte, 100)); err != nil {
					b.Fatal(err)
				}
			}
			for _, tab := range tables {
				if err := tab.engine.flush(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if value, err := tables[i%8].Get(keys[i]); len(value) != 100 || err != nil {
					b.Fatal(len(value), err)
				}
				i = (i + 1) % len(keys)
			}
		})
	}
}
