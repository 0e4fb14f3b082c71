package disk

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/gokasim/gokasim/storage"
)

// store is a table in a folder.
type store struct {
	dir    string
	config config

	lifecycle   sync.Mutex         // serialises OpenContext; taken before mu
	interrupt   sync.Mutex         // guards stopOpening
	stopOpening context.CancelFunc // of the OpenContext that runs, if one does

	mu     sync.RWMutex // held shared by each call, so that closing waits for calls; guards all below
	engine *engine      // nil when closed
	last   *engine      // the engine that was opened last, which may still be closing

	iterators struct {
		sync.Mutex
		open map[*iterator]struct{} // nil while the storage is closed
	}
}

var (
	_ storage.Storage       = (*store)(nil)
	_ storage.BatchWriter   = (*store)(nil)
	_ storage.Sizer         = (*store)(nil)
	_ storage.ContextOpener = (*store)(nil)
	_ storage.ContextCloser = (*store)(nil)
)

func newStore(dir string, c config) *store { return &store{dir: dir, config: c} }

func (s *store) Open() error { return s.OpenContext(context.Background()) }

func (s *store) OpenContext(ctx context.Context) error {
	s.lifecycle.Lock()
	defer s.lifecycle.Unlock()
	if _, err := s.use(); err == nil {
		s.release()
		return nil
	}
	ctx, stop := s.interruptible(ctx)
	defer stop()

	at, err := enter(ctx, folder{s.config.fs, s.dir})
	if err != nil {
		return err
	}
	type result struct {
		engine *engine
		err    error
	}
	opening := make(chan result, 1)
	go func() {
		e, err := openEngine(s.dir, s.config)
		opening <- result{e, err}
	}()
	select {
	case r := <-opening:
		if r.err != nil {
			at.left()
			return r.err
		}
		s.begin(r.engine, at)
		return nil
	case <-ctx.Done():
		at.leaves()
		go func() {
			if r := <-opening; r.err == nil {
				r.engine.endLife()
				_ = r.engine.close(context.Background()) // nothing was written
			}
			at.left()
		}()
		return fmt.Errorf("storage/disk: open %s: %w", s.dir, context.Cause(ctx))
	}
}

// interruptible returns a context that Close ends too.
func (s *store) interruptible(ctx context.Context) (context.Context, func()) {
	ctx, end := context.WithCancelCause(ctx)
	s.interrupt.Lock()
	defer s.interrupt.Unlock()
	s.stopOpening = func() { end(storage.ErrClosed) }
	return ctx, func() {
		s.interrupt.Lock()
		defer s.interrupt.Unlock()
		s.stopOpening = nil
		end(nil)
	}
}

func (s *store) begin(e *engine, at *tenant) {
	e.tenant = at
	s.mu.Lock()
	defer s.mu.Unlock()
	s.engine, s.last = e, e
	s.iterators.Lock()
	defer s.iterators.Unlock()
	s.iterators.open = map[*iterator]struct{}{}
}

func (s *store) Close() error { return s.CloseContext(context.Background()) }

func (s *store) CloseContext(ctx context.Context) error {
	s.interrupt.Lock()
	if s.stopOpening != nil {
		s.stopOpening()
	}
	s.interrupt.Unlock()

	s.mu.RLock()
	e := s.last
	s.mu.RUnlock()
	if e == nil {
		return nil
	}
	e.closing.Do(func() {
		e.endLife()
		e.tenant.leaves()
		go func() {
			defer close(e.closed)
			s.mu.Lock()
			s.engine = nil
			s.mu.Unlock()
			s.abandonIterators()
			e.closeErr = e.close(ctx)
			e.tenant.left()
		}()
	})
	select {
	case <-e.closed:
		return e.closeErr
	case <-ctx.Done():
		return fmt.Errorf("storage/disk: close %s: %w", s.dir, context.Cause(ctx))
	}
}

// use returns the engine and holds off closing until release is called, which each use without an error needs.
func (s *store) use() (*engine, error) {
	s.mu.RLock()
	if s.engine == nil {
		s.mu.RUnlock()
		return nil, closedError(s.dir)
	}
	return s.engine, nil
}

func (s *store) release() { s.mu.RUnlock() }

// keyBuffer is room for a key with its space.
type keyBuffer struct{ bytes []byte }

var keyBuffers = sync.Pool{New: func() any { return new(keyBuffer) }}

func rowKey(key string) *keyBuffer {
	k := keyBuffers.Get().(*keyBuffer)
	k.bytes = append(append(k.bytes[:0], rowSpace), key...)
	return k
}

func (k *keyBuffer) free() {
	const keep = 4 << 10
	if cap(k.bytes) <= keep {
		keyBuffers.Put(k)
	}
}

func (s *store) Has(key string) (bool, error) {
	e, err := s.use()
	if err != nil {
		return false, err
	}
	defer s.release()
	if value, known := e.rows.get(key); known {
		return value != nil, nil
	}
	_, stored, err := e.read(key)
	if stored == nil || err != nil {
		return false, err
	}
	return true, e.explain("read", stored.Close())
}

func (s *store) Get(key string) ([]byte, error) {
	e, err := s.use()
	if err != nil {
		return nil, err
	}
	defer s.release()
	if value, known := e.rows.get(key); known {
		return value, nil
	}
	version := e.rows.version.Load()
	value, stored, err := e.read(key)
	if err != nil {
		return nil, err
	}
	if stored != nil {
		value = exact(value)
		err = e.explain("read", stored.Close())
	}
	if err == nil && e.recovered.Load() {
		e.rows.keep(key, value, version)
	}
	return value, err
}

// read returns the value of key, which is valid until stored is closed, and no stored when there is no row.
func (e *engine) read(key string) (value []byte, stored io.Closer, err error) {
	k := rowKey(key)
	defer k.free()
	value, stored, err = e.db.Get(k.bytes)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil, nil
	}
	return value, stored, e.explain("read", err)
}

// exact copies value to its exact size, so that appending to what a reader got never reaches what others got.
func exact(value []byte) []byte {
	kept := make([]byte, len(value))
	copy(kept, value)
	return kept
}

func (s *store) Set(key string, value []byte) error {
	if value == nil {
		return fmt.Errorf("storage/disk: %s: key %q: %w", s.dir, key, storage.ErrNilValue)
	}
	e, err := s.use()
	if err != nil {
		return err
	}
	defer s.release()
	batch := e.db.NewBatch()
	if err := put(batch, key, value); err != nil {
		return errors.Join(err, batch.Close())
	}
	return e.write(batch, storage.Row{Key: key, Value: value})
}

func (s *store) Delete(key string) error {
	e, err := s.use()
	if err != nil {
		return err
	}
	defer s.release()
	batch := e.db.NewBatch()
	if err := remove(batch, key); err != nil {
		return errors.Join(err, batch.Close())
	}
	return e.write(batch, storage.Row{Key: key})
}

func (s *store) WriteBatch(rows []storage.Row, offset int64) error {
	e, err := s.use()
	if err != nil {
		return err
	}
	defer s.release()
	batch := e.db.NewBatch()
	for _, row := range rows {
		if row.Value == nil {
			err = remove(batch, row.Key)
		} else {
			err = put(batch, row.Key, row.Value)
		}
		if err != nil {
			return errors.Join(err, batch.Close())
		}
	}
	if err := putOffset(batch, offset); err != nil {
		return errors.Join(err, batch.Close())
	}
	return e.write(batch, rows...)
}

func (s *store) SetOffset(offset int64) error {
	e, err := s.use()
	if err != nil {
		return err
	}
	defer s.release()
	batch := e.db.NewBatch()
	if err := putOffset(batch, offset); err != nil {
		return errors.Join(err, batch.Close())
	}
	return e.write(batch)
}

// put writes straight into the batch, without a key of its own in between.
func put(batch *pebble.Batch, key string, value []byte) error {
	op := batch.SetDeferred(1+len(key), len(value))
	op.Key[0] = rowSpace
	copy(op.Key[1:], key)
	copy(op.Value, value)
	return op.Finish()
}

func remove(batch *pebble.Batch, key string) error {
	op := batch.DeleteDeferred(1 + len(key))
	op.Key[0] = rowSpace
	copy(op.Key[1:], key)
	return op.Finish()
}

func putOffset(batch *pebble.Batch, offset int64) error {
	op := batch.SetDeferred(len(offsetKey), offsetLength)
	copy(op.Key, offsetKey)
	binary.BigEndian.PutUint64(op.Value, uint64(offset))
	return op.Finish()
}

// SizeBytes implements storage.Sizer: files on the disk, and what is not in them yet.
func (s *store) SizeBytes() (int64, error) {
	e, err := s.use()
	if err != nil {
		return 0, err
	}
	defer s.release()
	m := e.db.Metrics()
	return int64(m.DiskSpaceUsage() + m.MemTable.Size), nil
}

func (s *store) GetOffset(def int64) (int64, error) {
	e, err := s.use()
	if err != nil {
		return 0, err
	}
	defer s.release()
	stored, closer, err := e.db.Get(offsetKey)
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		return def, nil
	case err != nil:
		return 0, e.explain("read", err)
	}
	defer closer.Close()
	if len(stored) != offsetLength {
		return 0, e.explain("read", fmt.Errorf("%w: the offset has %d bytes, want %d", pebble.ErrCorruption, len(stored), offsetLength))
	}
	return int64(binary.BigEndian.Uint64(stored)), nil
}

// MarkRecovered writes out what was loaded and lets the table be compacted, beside what follows.
func (s *store) MarkRecovered() error {
	e, err := s.use()
	if err != nil {
		return err
	}
	defer s.release()
	if e.recovered.Swap(true) {
		return nil
	}
	e.compactions.endBulk()
	if err := e.flush(e.life); err != nil {
		if e.life.Err() != nil {
			return closedError(s.dir)
		}
		return err
	}
	return nil
}
