package storage

import (
	"encoding/binary"
	"errors"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/syndtr/goleveldb/leveldb"
	bolt "go.etcd.io/bbolt"

	"github.com/gokasim/gokasim/storage"
	"github.com/gokasim/gokasim/storage/disk"
)

// table is what all engines are asked to do.
type table interface {
	// set writes one row and its offset in the way that is natural to the engine when rows come one by one.
	set(key string, value []byte, offset int64)
	// batch writes rows and the offset of the last one at once.
	batch(rows []storage.Row, offset int64)
	get(key string) []byte
	// iterate goes over all rows and returns their number.
	iterate() int
	// recovered ends a bulk load.
	recovered()
	close()
}

// engines open a table in a folder. The order is that of the report.
var engines = []struct {
	name string
	open func(b testing.TB, dir string) table
}{
	{"disk", openDisk},
	{"goleveldb", openLevelDB},
	{"bbolt", openBolt},
	{"memory", func(b testing.TB, _ string) table { return &ours{b, storage.NewMemory()} }},
}

func must(b testing.TB, errs ...error) {
	if err := errors.Join(errs...); err != nil {
		b.Helper()
		b.Fatal(err)
	}
}

// ours is a store of gokasim.
type ours struct {
	b testing.TB
	storage.Storage
}

func openDisk(b testing.TB, dir string) table {
	st, err := disk.New(dir)
	must(b, err)
	must(b, st.Open())
	return &ours{b, st}
}

func (t *ours) set(key string, value []byte, offset int64) {
	must(t.b, t.Set(key, value), t.SetOffset(offset))
}

func (t *ours) batch(rows []storage.Row, offset int64) {
	must(t.b, t.Storage.(storage.BatchWriter).WriteBatch(rows, offset))
}

func (t *ours) get(key string) []byte {
	value, err := t.Get(key)
	must(t.b, err)
	return value
}

func (t *ours) iterate() int {
	it, err := t.Iterator()
	must(t.b, err)
	defer it.Release()
	n := 0
	for it.Next() {
		_ = it.Key()
		_, err := it.Value()
		must(t.b, err)
		n++
	}
	must(t.b, it.Err())
	return n
}

func (t *ours) recovered() { must(t.b, t.MarkRecovered()) }

func (t *ours) close() { must(t.b, t.Close()) }

// level is goleveldb, used as goka used it: default options, a write for the row and one for the offset.
type level struct {
	b  testing.TB
	db *leveldb.DB
	w  leveldb.Batch
}

var levelOffset = []byte("__offset")

func openLevelDB(b testing.TB, dir string) table {
	db, err := leveldb.OpenFile(dir, nil)
	must(b, err)
	return &level{b: b, db: db}
}

func (t *level) set(key string, value []byte, offset int64) {
	must(t.b, t.db.Put([]byte(key), value, nil), t.db.Put(levelOffset, []byte(strconv.FormatInt(offset, 10)), nil))
}

func (t *level) batch(rows []storage.Row, offset int64) {
	t.w.Reset()
	for _, r := range rows {
		t.w.Put([]byte(r.Key), r.Value)
	}
	t.w.Put(levelOffset, []byte(strconv.FormatInt(offset, 10)))
	must(t.b, t.db.Write(&t.w, nil))
}

func (t *level) get(key string) []byte {
	value, err := t.db.Get([]byte(key), nil)
	must(t.b, err)
	return value
}

func (t *level) iterate() int {
	it := t.db.NewIterator(nil, nil)
	defer it.Release()
	n := 0
	for it.Next() {
		if string(it.Key()) == string(levelOffset) {
			continue
		}
		_, _ = it.Key(), it.Value()
		n++
	}
	must(t.b, it.Error())
	return n
}

func (t *level) recovered() {}

func (t *level) close() { must(t.b, t.db.Close()) }

// bbolt writes without syncing, as the others do.
type boltTable struct {
	b  testing.TB
	db *bolt.DB
}

var boltRows, boltOffset = []byte("rows"), []byte("offset")

func openBolt(b testing.TB, dir string) table {
	db, err := bolt.Open(filepath.Join(dir, "table"), 0o600, &bolt.Options{NoSync: true, NoFreelistSync: true, FreelistType: bolt.FreelistMapType})
	must(b, err)
	must(b, db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(boltRows)
		_, err2 := tx.CreateBucketIfNotExists(boltOffset)
		return errors.Join(err, err2)
	}))
	return &boltTable{b, db}
}

func (t *boltTable) set(key string, value []byte, offset int64) {
	t.batch([]storage.Row{{Key: key, Value: value}}, offset)
}

func (t *boltTable) batch(rows []storage.Row, offset int64) {
	must(t.b, t.db.Update(func(tx *bolt.Tx) error {
		bucket := tx.Bucket(boltRows)
		for _, r := range rows {
			if err := bucket.Put([]byte(r.Key), r.Value); err != nil {
				return err
			}
		}
		return tx.Bucket(boltOffset).Put(boltOffset, binary.BigEndian.AppendUint64(nil, uint64(offset)))
	}))
}

func (t *boltTable) get(key string) []byte {
	var value []byte
	must(t.b, t.db.View(func(tx *bolt.Tx) error {
		value = append(value, tx.Bucket(boltRows).Get([]byte(key))...)
		return nil
	}))
	return value
}

func (t *boltTable) iterate() int {
	n := 0
	must(t.b, t.db.View(func(tx *bolt.Tx) error {
		for c, k, v := tx.Bucket(boltRows).Cursor(), []byte(nil), []byte(nil); ; {
			if n == 0 {
				k, v = c.First()
			} else {
				k, v = c.Next()
			}
			if k == nil {
				return nil
			}
			_ = v
			n++
		}
	}))
	return n
}

func (t *boltTable) recovered() {}

func (t *boltTable) close() { must(t.b, t.db.Sync(), t.db.Close()) }
