package storagetest_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/gokasim/gokasim/storage"
	"github.com/gokasim/gokasim/storage/storagetest"
)

// broken is a storage with one defect. Each of them was found in a storage that people used.
type broken struct {
	storage.Storage
	defect string
	closed bool
	value  []byte // what Get returned last
}

func (b *broken) Set(key string, value []byte) error {
	if b.defect == "takes nil for empty" && value == nil {
		value = []byte{}
	}
	return b.Storage.Set(key, value)
}

func (b *broken) Get(key string) ([]byte, error) {
	value, err := b.Storage.Get(key)
	switch {
	case b.defect == "empty value is none" && len(value) == 0:
		return nil, err
	case b.defect == "missing row is an error" && value == nil:
		return nil, errors.New("not found")
	case b.defect == "Get uses one buffer" && value != nil:
		b.value = append(append(b.value[:0], value...), ' ')[:len(value)]
		return b.value, err
	}
	return value, err
}

func (b *broken) SetOffset(offset int64) error {
	switch b.defect {
	case "offset is a row":
		return b.Storage.Set("__offset", []byte("1"))
	case "offset 0 is not stored":
		if offset == 0 {
			return nil
		}
	}
	return b.Storage.SetOffset(offset)
}

func (b *broken) MarkRecovered() error {
	if b.defect == "recovery ends once" {
		if b.closed {
			panic("close of closed channel")
		}
		b.closed = true
	}
	return b.Storage.MarkRecovered()
}

func (b *broken) Close() error {
	if b.defect == "closes once" {
		if b.closed {
			return errors.New("closed before")
		}
		b.closed = true
	}
	return b.Storage.Close()
}

func (b *broken) Iterator() (storage.Iterator, error) { return b.IteratorWithRange(nil, nil) }

func (b *broken) IteratorWithRange(start, limit []byte) (storage.Iterator, error) {
	switch {
	case b.defect == "limit is in the range" && len(limit) > 0:
		limit = append(bytes.Clone(limit), 0)
	case b.defect == "empty range has no rows" && len(start)+len(limit) == 0:
		return new(storage.NullIter), nil
	case b.defect == "start is a prefix" && len(start) > 0 && len(limit) == 0:
		limit = append(bytes.Clone(start), 0xff)
	}
	it, err := b.Storage.IteratorWithRange(start, limit)
	return &brokenIterator{Iterator: it, of: b}, err
}

type brokenIterator struct {
	storage.Iterator
	of  *broken
	key []byte
}

func (it *brokenIterator) Seek(key []byte) bool {
	switch it.of.defect {
	case "Seek goes forwards only":
		if it.Iterator.Key() != nil && bytes.Compare(it.Iterator.Key(), key) >= 0 {
			return true
		}
	case "Seek shows the row":
		return it.Iterator.Seek(key) && it.Iterator.Next()
	case "Seek wants the very key":
		found := it.Iterator.Seek(key) && it.Iterator.Next() && bytes.HasPrefix(it.Iterator.Key(), key)
		it.Iterator.Seek(key)
		return found
	}
	return it.Iterator.Seek(key)
}

func (it *brokenIterator) Key() []byte {
	if it.of.defect == "Key uses one buffer" && it.Iterator.Key() != nil {
		it.key = append(it.key[:0], it.Iterator.Key()...)
		return it.key
	}
	return it.Iterator.Key()
}

func (it *brokenIterator) Value() ([]byte, error) {
	if it.of.defect == "iterator shows the present" && it.Iterator.Key() != nil {
		value, err := it.of.Storage.Get(string(it.Iterator.Key()))
		return value, err
	}
	return it.Iterator.Value()
}

func (it *brokenIterator) Release() {
	if it.of.defect == "released iterator goes on" {
		return
	}
	it.Iterator.Release()
}

// batcher is broken with batches.
type batcher struct{ broken }

func (b *batcher) WriteBatch(rows []storage.Row, offset int64) error {
	w := b.Storage.(storage.BatchWriter)
	switch b.defect {
	case "batch has no order":
		backwards := make([]storage.Row, 0, len(rows))
		for _, r := range rows {
			backwards = append([]storage.Row{r}, backwards...)
		}
		return w.WriteBatch(backwards, offset)
	case "batch is many writes":
		for _, r := range rows {
			if err := w.WriteBatch([]storage.Row{r}, offset); err != nil {
				return err
			}
		}
	case "empty batch stores no offset":
		if len(rows) == 0 {
			return nil
		}
	}
	return w.WriteBatch(rows, offset)
}

var defects = []struct{ defect, promise string }{
	{"none", ""},
	{"none, with batches", ""},
	{"takes nil for empty", "a nil value is refused"},
	{"empty value is none", "an empty value is a row"},
	{"missing row is an error", "an empty table"},
	{"Get uses one buffer", "returned slices do not change"},
	{"offset is a row", "offsets are any number and no row"},
	{"offset 0 is not stored", "offsets are any number and no row"},
	{"recovery ends once", ""},
	{"closes once", "close comes twice and early"},
	{"limit is in the range", "ranges are half open"},
	{"empty range has no rows", "iterators are in byte order"},
	{"start is a prefix", "ranges are half open"},
	{"Seek goes forwards only", "seek finds the first key not smaller"},
	{"Seek shows the row", "seek finds the first key not smaller"},
	{"Seek wants the very key", "seek finds the first key not smaller"},
	{"Key uses one buffer", "returned slices do not change"},
	{"iterator shows the present", "an iterator is a snapshot"},
	{"released iterator goes on", "a released iterator is empty"},
	{"batch has no order", "a batch is rows and their offset"},
	{"batch is many writes", "readers see whole batches"},
	{"empty batch stores no offset", "a batch is rows and their offset"},
}

const defectOf = "GOKASIM_STORAGETEST_DEFECT"

// TestSuiteFindsDefects runs the suite on broken storages, in processes of their own, since it must fail there, and
// looks for the promise that is said to be broken.
func TestSuiteFindsDefects(t *testing.T) {
	for _, c := range defects {
		t.Run(c.defect, func(t *testing.T) {
			t.Parallel()
			suite := exec.Command(os.Args[0], "-test.run=^TestBrokenStorage$", "-rapid.checks=20", "-rapid.nofailfile", "-rapid.shrinktime=0s", "-test.timeout=60s")
			suite.Env = append(os.Environ(), defectOf+"="+c.defect)
			out, err := suite.CombinedOutput()
			switch {
			case strings.HasPrefix(c.defect, "none"):
				if err != nil {
					t.Errorf("the suite fails a storage without a defect: %v\n%s", err, out)
				}
			case err == nil:
				t.Errorf("the suite passes it")
			case !strings.Contains(string(out), strings.ReplaceAll(c.promise, " ", "_")):
				t.Errorf("the suite fails it, but not for %q:\n%s", c.promise, out)
			}
		})
	}
}

func TestBrokenStorage(t *testing.T) {
	defect := os.Getenv(defectOf)
	if defect == "" {
		t.Skip("runs in a process of its own")
	}
	storagetest.Run(t, func(string) (storage.Storage, error) {
		b := broken{Storage: storage.NewMemory(), defect: defect}
		if strings.Contains(defect, "batch") {
			return &batcher{b}, nil
		}
		return &b, nil
	}, storagetest.Volatile())
}
