package storagetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/gokasim/gokasim/storage"
)

func recoveryEndsMoreThanOnce(t *table) {
	t.set("a", "1")
	t.setOffset(1)
	t.must(t.MarkRecovered())
	t.set("b", "2")
	t.setOffset(2)
	t.must(t.MarkRecovered())
	t.must(t.MarkRecovered())
	t.wantRows(t.all(), []row{{"a", "1"}, {"b", "2"}})
	t.reopen()
	t.wantRows(t.all(), []row{{"a", "1"}, {"b", "2"}})
	t.must(t.MarkRecovered())

	// A partition that is given up does not wait for its recovery to be told.
	marked := make(chan error, 1)
	t.set("c", "3")
	go func() { marked <- t.MarkRecovered() }()
	t.must(t.Storage.Close())
	if err := <-marked; err != nil && !errors.Is(err, storage.ErrClosed) {
		t.Fatalf("MarkRecovered beside Close: %v, want none or storage.ErrClosed", err)
	}
	t.reopen()
	t.wantRow("c", "3")
}

func closeComesTwiceAndEarly(t *table) {
	t.must(t.Storage.Close())
	t.must(t.Storage.Close())
	t.build()
	t.must(t.Storage.Close())
	t.must(t.Storage.Close())
	t.build()
	t.must(t.Storage.Open())
	t.wantNoRow("a")
}

// callsAfterClose makes every call on a closed storage. Some storages answer and some refuse; none may panic.
func callsAfterClose(t *table) {
	t.set("a", "1")
	it := t.all()
	t.must(t.Storage.Close())
	it.Next()
	it.Seek([]byte("a"))
	it.Key()
	_, _ = it.Value()
	_ = it.Err()
	it.Release()

	st := t.Storage
	_, _ = st.Has("a")
	_, _ = st.Get("a")
	_ = st.Set("b", []byte("2"))
	_ = st.Delete("b")
	_ = st.SetOffset(3)
	_, _ = st.GetOffset(0)
	_ = st.MarkRecovered()
	if w, ok := st.(storage.BatchWriter); ok {
		_ = w.WriteBatch([]storage.Row{{Key: "c", Value: []byte("3")}}, 4)
	}
	if it, err := st.Iterator(); err == nil {
		it.Next()
		it.Release()
	}
	if it, err := st.IteratorWithRange([]byte("a"), nil); err == nil {
		it.Next()
		it.Release()
	}
}

func rowsAndOffsetSurviveClosing(t *table) {
	var want []row
	for i := range 1000 {
		r := row{fmt.Sprintf("key-%04d", i), fmt.Sprint("value ", i)}
		t.set(r.key, r.value)
		t.setOffset(int64(i))
		if i%10 == 0 {
			t.delete(r.key)
		} else {
			want = append(want, r)
		}
		if i%300 == 0 {
			t.reopen()
		}
	}
	t.reopen()
	t.wantRows(t.all(), want)
	t.wantOffset(999)
	t.must(t.MarkRecovered())
	t.delete(want[0].key)
	t.reopen()
	t.wantRows(t.all(), want[1:])
	t.wantOffset(999)
}

func closeWhileReadersRead(t *table) {
	for i := range 300 {
		t.set(fmt.Sprintf("key-%03d", i), "v")
	}
	var reading, done sync.WaitGroup
	var closed atomic.Bool
	failures := make(chan error, 4)
	for range cap(failures) {
		reading.Add(1)
		done.Go(func() {
			begun := sync.OnceFunc(reading.Done)
			defer begun()
			for !closed.Load() {
				if err := readAll(t.Storage, 300); err != nil {
					failures <- err
					return
				}
				begun()
			}
		})
	}
	reading.Wait()
	err := t.Storage.Close()
	closed.Store(true)
	done.Wait()
	t.must(err)
	close(failures)
	for err := range failures {
		if !errors.Is(err, storage.ErrClosed) {
			t.Fatalf("a reader beside Close: %v, want none or storage.ErrClosed", err)
		}
	}
	t.reopen()
	t.wantRow("key-007", "v")
}

// readAll reads one row by its key and all by an iterator.
func readAll(st storage.Storage, want int) error {
	value, err := st.Get("key-007")
	if err != nil {
		return err
	}
	if string(value) != "v" {
		return fmt.Errorf("Get = %q", value)
	}
	it, err := st.Iterator()
	if err != nil {
		return err
	}
	defer it.Release()
	found := 0
	for it.Next() {
		if _, err := it.Value(); err != nil {
			return err
		}
		found++
	}
	if err := it.Err(); err != nil {
		return err
	}
	if found != want {
		return fmt.Errorf("an iterator showed %d rows and no error, want %d", found, want)
	}
	return nil
}

// readersSeeWholeBatches writes batches that give all rows one value, beside readers who must never see two, until
// each of them has seen enough different ones.
func readersSeeWholeBatches(t *table) {
	const rows, enough, most = 20, 40, 3_000
	write := func(n int) error {
		batch := make([]storage.Row, rows)
		for i := range batch {
			batch[i] = storage.Row{Key: fmt.Sprintf("key-%02d", i), Value: fmt.Appendf(nil, "batch %d", n)}
		}
		if w, ok := t.Storage.(storage.BatchWriter); ok {
			return w.WriteBatch(batch, int64(n))
		}
		for _, r := range batch {
			if err := t.Set(r.Key, r.Value); err != nil {
				return err
			}
		}
		return t.SetOffset(int64(n))
	}
	_, whole := t.Storage.(storage.BatchWriter)
	t.must(write(0))

	var finished atomic.Bool
	var satisfied atomic.Int32
	var readers sync.WaitGroup
	failures := make(chan error, 3)
	for range cap(failures) {
		readers.Go(func() {
			defer satisfied.Add(1)
			last := ""
			for seen := 0; seen < enough && !finished.Load(); {
				value, err := seeOneValue(t.Storage, rows, whole)
				if err != nil {
					failures <- err
					return
				}
				if value != last {
					last, seen = value, seen+1
				}
			}
		})
	}
	var err error
	last := 0
	for n := 1; n <= most && err == nil && satisfied.Load() < int32(cap(failures)); n++ {
		if err = write(n); err == nil {
			last = n
		}
	}
	finished.Store(true)
	readers.Wait()
	t.must(err)
	close(failures)
	for err := range failures {
		t.Fatalf("a reader beside the writer: %v", err)
	}
	t.wantRow("key-00", fmt.Sprint("batch ", last))
	t.wantOffset(int64(last))
}

// seeOneValue reads all rows by one iterator, and returns the value that the first one has.
func seeOneValue(st storage.Storage, rows int, whole bool) (first string, _ error) {
	if value, err := st.Get("key-05"); err != nil || value == nil {
		return "", fmt.Errorf("Get = %q, %w", value, err)
	}
	it, err := st.Iterator()
	if err != nil {
		return "", err
	}
	defer it.Release()
	seen := 0
	for it.Next() {
		value, err := it.Value()
		if err != nil {
			return "", err
		}
		if seen == 0 {
			first = string(value)
		}
		if whole && string(value) != first {
			return "", fmt.Errorf("one iterator shows %q and %q", first, value)
		}
		seen++
	}
	if err := it.Err(); err != nil {
		return "", err
	}
	if seen != rows {
		return "", fmt.Errorf("an iterator shows %d rows, want %d", seen, rows)
	}
	return first, nil
}

func nothingComesBack(t *table) {
	t.set("a", "1")
	t.setOffset(7)
	t.delete("a")
	t.set("b", "")
	t.must(t.MarkRecovered())
	if w, ok := t.Storage.(storage.BatchWriter); ok {
		t.must(w.WriteBatch([]storage.Row{{Key: "c", Value: []byte("2")}, {Key: "d"}}, 8))
	}
	t.wantNoRow("a")
	t.wantNoRow("b")
	t.wantNoRow("c")
	t.wantNoOffset()
	t.wantRows(t.all(), nil)
	t.reopen()
	t.wantNoRow("a")
	t.wantNoOffset()
}
