package disk

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gokasim/gokasim/storage"
)

// batch returns the rows that a test writes with offset: always the same ones, sets and deletes of 300 keys.
func batch(offset int64) []storage.Row {
	chance := rand.New(rand.NewPCG(7, uint64(offset)))
	rows := make([]storage.Row, 1+chance.IntN(20))
	for i := range rows {
		rows[i].Key = fmt.Sprintf("key-%03d", chance.IntN(300))
		if chance.IntN(5) > 0 {
			rows[i].Value = fmt.Appendf(nil, "%d %0*d", offset, chance.IntN(400), 0)
		}
	}
	return rows
}

// model is the table after all batches up to an offset.
type model struct {
	offset int64 // -1 for the empty table
	rows   map[string][]byte
}

func newModel() *model { return &model{offset: -1, rows: map[string][]byte{}} }

// advance applies the batches up to offset.
func (m *model) advance(offset int64) {
	for m.offset < offset {
		m.offset++
		for _, r := range batch(m.offset) {
			if r.Value == nil {
				delete(m.rows, r.Key)
			} else {
				m.rows[r.Key] = r.Value
			}
		}
	}
}

// compare returns how st differs from the model, nil when it does not. st's offset is the model's already.
func (m *model) compare(st storage.Storage) error {
	it, err := st.Iterator()
	if err != nil {
		return err
	}
	defer it.Release()
	found := 0
	for it.Next() {
		value, err := it.Value()
		if err != nil {
			return err
		}
		if want, ok := m.rows[string(it.Key())]; !ok || !bytes.Equal(value, want) {
			return fmt.Errorf("at offset %d row %q is %.60q, want %.60q", m.offset, it.Key(), value, want)
		}
		found++
	}
	if err := it.Err(); err != nil {
		return err
	}
	if found != len(m.rows) {
		return fmt.Errorf("at offset %d there are %d rows, want %d", m.offset, found, len(m.rows))
	}
	return nil
}

// write writes the batches from..to, both included.
func write(st storage.Storage, from, to int64) error {
	for offset := from; offset <= to; offset++ {
		if err := st.(storage.BatchWriter).WriteBatch(batch(offset), offset); err != nil {
			return fmt.Errorf("offset %d: %w", offset, err)
		}
	}
	return nil
}

// open returns an open storage that is closed with the test.
func open(t testing.TB, dir string, options ...Option) *store {
	t.Helper()
	st, err := New(dir, options...)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil && !t.Failed() {
			t.Error(err)
		}
	})
	return st.(*store)
}

// wantRows checks that st is at offset and has the rows of that offset.
func wantRows(t *testing.T, st storage.Storage, offset int64) {
	t.Helper()
	if got, err := st.GetOffset(-1); err != nil || got != offset {
		t.Errorf("the offset is %d, %v, want %d", got, err, offset)
		return
	}
	m := newModel()
	m.advance(offset)
	if err := m.compare(st); err != nil {
		t.Error(err)
	}
}
