package disk

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/gokasim/gokasim/storage"
)

// Each kind of entry has a key space of its own, by its first byte, so that no user's key can reach the offset.
const (
	offsetSpace  = 'o'
	rowSpace     = 'r'
	afterRows    = rowSpace + 1
	offsetLength = 8
)

var offsetKey = []byte{offsetSpace}

// engine is a table that is open: pebble, the lock on the folder, and the goroutine that tends them.
type engine struct {
	dir         string
	config      config
	db          *pebble.DB
	rows        *cachedTable
	health      *health
	compactions *compactions
	unlock      func() error
	tenant      *tenant

	life    context.Context // ends when closing begins
	endLife context.CancelFunc

	unchecked atomic.Int64  // bytes written since awaitRoom looked
	written   atomic.Bool   // something was written since the table was opened
	dirty     atomic.Bool   // there are writes that no flush has begun to write out
	dirtied   chan struct{} // capacity 1: dirty became true
	recovered atomic.Bool

	tended chan struct{} // closed when tend has returned

	flushFailure error // of the flush that ended last; pebble's lock guards it

	closing  sync.Once
	closed   chan struct{} // closed when closeErr is final
	closeErr error
}

// openEngine opens the table in dir. Nothing is left open when it fails.
func openEngine(dir string, c config) (_ *engine, err error) {
	e := &engine{
		dir:         dir,
		config:      c,
		health:      newHealth(),
		compactions: newCompactions(c.shared),
		dirtied:     make(chan struct{}, 1),
		tended:      make(chan struct{}),
		closed:      make(chan struct{}),
	}
	if err := makeDir(c.fs, dir); err != nil {
		return nil, e.explain("make", err)
	}
	if legacy(c.fs, dir) {
		return nil, fmt.Errorf("storage/disk: open %s: the folder holds the table of another engine, such as goleveldb; "+
			"delete it and its rows are read again from Kafka's changelog, or choose another path", dir)
	}
	lock, err := c.fs.Lock(filepath.Join(dir, "LOCK"))
	if err != nil {
		return nil, e.explain("lock", err)
	}
	e.unlock = lock.Close
	fresh, err := prepare(c.fs, dir)
	if err != nil {
		return nil, errors.Join(e.explain("open", err), lock.Close())
	}
	rows, blocks, files := c.shared.acquire()
	e.rows = newCachedTable(rows)
	g := &guard{FS: c.fs, health: e.health, breakDown: e.breakDown}
	g.quiet.Store(fresh)
	e.db, err = pebble.Open(dir, e.options(g, blocks, files))
	if g.quiet.Swap(false) && err == nil {
		if err = syncDir(c.fs, dir); err != nil {
			err = errors.Join(err, closeQuietly(e.db))
		}
	}
	if err == nil {
		// A failure that pebble takes for the end of the process shows here only.
		if now := e.health.now(); now.broken {
			err = errors.Join(now.failure, closeQuietly(e.db))
		}
	}
	if err != nil {
		c.shared.release()
		return nil, errors.Join(e.explain("open", err), lock.Close())
	}
	e.life, e.endLife = context.WithCancel(context.Background())
	go e.tend()
	return e, nil
}

// makeDir makes dir and its parents where they are missing, so that they survive a loss of power: pebble syncs what is
// in dir, but dir itself is an entry of its parent.
func makeDir(fs vfs.FS, dir string) error {
	if _, err := fs.Stat(dir); err == nil {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := makeDir(fs, parent); err != nil {
			return err
		}
	}
	if err := fs.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return syncDir(fs, parent)
}

// prepare removes what pebble must not find at its start, and reports whether the table is empty.
//
// That is its write-ahead logs: nothing is ever written to them, but pebble makes one at each start, and at the next
// would flush what it found there, which is nothing, as often as it takes: for ever if the disk is full. And
// it is all that pebble wrote where there is no table file yet, hence neither a row nor an offset: the making of the
// table may have been cut short.
func prepare(fs vfs.FS, dir string) (empty bool, err error) {
	names, err := fs.List(dir)
	if err != nil {
		return false, err
	}
	empty = !slices.ContainsFunc(names, isTable)
	for _, name := range names {
		if filepath.Ext(name) == ".log" || empty && isPebbles(name) {
			if err := fs.Remove(filepath.Join(dir, name)); err != nil {
				return false, err
			}
		}
	}
	return empty, nil
}

func isPebbles(name string) bool {
	return slices.ContainsFunc([]string{"MANIFEST-", "OPTIONS-", "marker.", "temporary."}, func(prefix string) bool {
		return strings.HasPrefix(name, prefix)
	})
}

func (e *engine) options(fs vfs.FS, blocks *pebble.Cache, files *pebble.FileCache) *pebble.Options {
	o := &pebble.Options{
		FS:                 fs,
		FormatMajorVersion: pebble.FormatTableFormatV6,
		DisableWAL:         true,
		Cache:              blocks,
		FileCache:          files,
		MemTableSize:       uint64(e.config.writeBuffer),
		// Where pebble would hold up writers for ever if flushes or compactions kept failing, awaitRoom holds them up
		// until something changes.
		MemTableStopWritesThreshold: 1 << 20,
		L0StopWritesThreshold:       1 << 20,
		L0CompactionThreshold:       4,
		LBaseMaxBytes:               64 << 20,
		CompactionConcurrencyRange:  func() (lower, upper int) { return 1, 2 },
		Logger:                      &logger{engine: e},
		EventListener: &pebble.EventListener{
			FlushEnd:        e.flushEnded,
			BackgroundError: e.backgroundFailed,
			CompactionEnd: func(info pebble.CompactionInfo) {
				if info.Err != nil {
					e.compactions.failed()
				}
			},
			DataCorruption: func(info pebble.DataCorruptionInfo) {
				e.breakDown(errors.Join(pebble.ErrCorruption, fmt.Errorf("%s: %w", info.Path, info.Details)))
			},
		},
	}
	o.Experimental.CompactionScheduler = e.compactions
	o.TargetFileSizes[0] = 4 << 20
	o.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionFastest })
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		o.Levels[i].BlockSize = 8 << 10
		o.Levels[i].IndexBlockSize = 64 << 10
	}
	return o
}

// flushEnded is called by pebble with its lock held, as are the other listeners.
func (e *engine) flushEnded(info pebble.FlushInfo) {
	if e.flushFailure = info.Err; info.Err == nil {
		e.health.flushed()
		e.compactions.flushed()
	}
}

// backgroundFailed is told of flushes and compactions that failed and will be tried again. Only flushes keep rows from
// the disk and hold up writers. A flush of nothing ends with an error too, but does not come here.
func (e *engine) backgroundFailed(err error) {
	if e.health.now().closing {
		return
	}
	flush := e.flushFailure != nil && errors.Is(err, e.flushFailure)
	err = e.explain("write", err)
	if e.config.logger != nil {
		e.config.logger.Warn("table is not written out, trying again", "dir", e.dir, "error", err)
	}
	switch {
	case errors.Is(err, storage.ErrCorrupt):
		e.health.breakDown(err)
	case flush:
		e.health.fail(err)
	}
}

// breakDown stops all work on the files.
func (e *engine) breakDown(err error) { e.health.breakDown(e.explain("use", err)) }

// tend does what must happen without a caller: it writes rows out when they have waited long enough, and starts
// compactions.
func (e *engine) tend() {
	defer close(e.tended)
	due := time.NewTimer(0)
	due.Stop()
	defer due.Stop()
	for {
		select {
		case <-e.life.Done():
			return
		case <-e.compactions.pokes:
			e.compactions.grant()
		case <-e.dirtied:
			due.Reset(e.config.flushInterval)
		case <-due.C:
			if _, err := e.beginFlush(); err != nil {
				e.health.fail(e.explain("write", err))
			}
		}
	}
}

func (e *engine) beginFlush() (<-chan struct{}, error) {
	e.dirty.Store(false)
	return e.db.AsyncFlush()
}

// flush returns when all rows have reached the disk, or did not in a try that began after the call.
func (e *engine) flush(ctx context.Context) error {
	before := e.health.now()
	if before.broken {
		return before.failure
	}
	if !e.written.Load() {
		return nil
	}
	done, err := e.beginFlush()
	if err != nil {
		return e.explain("write", err)
	}
	changed := before.changed
	for {
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("storage/disk: write %s: %w", e.dir, context.Cause(ctx))
		case <-changed:
			now := e.health.now()
			if now.failure != nil {
				return now.failure
			}
			changed = now.changed
		}
	}
}

// write applies batch, which changes rows, and is empty afterwards.
func (e *engine) write(batch *pebble.Batch, rows ...storage.Row) error {
	defer batch.Close()
	if err := e.admit(batch.Len()); err != nil {
		return err
	}
	if err := e.apply(batch, rows); err != nil {
		return e.explain("write", err)
	}
	if !e.dirty.Load() && e.dirty.CompareAndSwap(false, true) {
		e.written.Store(true)
		select {
		case e.dirtied <- struct{}{}:
		default:
		}
	}
	return nil
}

func (e *engine) apply(batch *pebble.Batch, rows []storage.Row) (err error) {
	hidden, written := e.rows.hide(rows), false
	defer func() { e.rows.show(rows, hidden, written) }() // also when pebble panics
	err = e.db.Apply(batch, pebble.NoSync)
	written = err == nil
	return err
}

// admit lets a write pass, or says why not.
func (e *engine) admit(sizeBytes int) error {
	if now := e.health.now(); now.failure != nil {
		return now.failure
	}
	if e.unchecked.Add(int64(sizeBytes)) < int64(e.config.writeBuffer)/4 {
		return nil
	}
	e.unchecked.Store(0)
	return e.awaitRoom()
}

// awaitRoom waits until few enough rows wait for the disk.
func (e *engine) awaitRoom() error {
	for {
		now := e.health.now()
		if now.failure != nil {
			return now.failure
		}
		if e.db.Metrics().MemTable.Size <= 4*uint64(e.config.writeBuffer) {
			return nil
		}
		select {
		case <-now.changed:
		case <-e.life.Done():
			return closedError(e.dir)
		}
	}
}

// close writes out what is pending, unless ctx ends first, and lets go of everything. All calls have returned.
func (e *engine) close(ctx context.Context) (err error) {
	<-e.tended
	err = e.flush(ctx)
	e.health.close()
	e.compactions.stop()
	err = errors.Join(err, closeQuietly(e.db))
	e.config.shared.release()
	return errors.Join(err, e.unlock())
}

// closeQuietly closes db. A pebble that broke down may find itself in a state that it takes for a bug.
func closeQuietly(db *pebble.DB) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("storage/disk: pebble did not close: %v\n%s", r, debug.Stack())
		}
	}()
	return db.Close()
}

// logger hears what pebble has to say.
type logger struct{ engine *engine }

// Infof drops the diary that pebble keeps.
func (l *logger) Infof(string, ...any) {}

// Errorf passes on what went wrong in the background.
func (l *logger) Errorf(format string, args ...any) {
	if to := l.engine.config.logger; to != nil {
		to.Warn(fmt.Sprintf(format, args...), "dir", l.engine.dir)
	}
}

// Fatalf is called by pebble where it expects the process to end: when it cannot tell what its files are like. The
// files stay as they are from here on, and all calls fail, until the table is opened again, which sorts it out.
func (l *logger) Fatalf(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	for _, arg := range args {
		if cause, ok := arg.(error); ok {
			err = cause
		}
	}
	l.engine.breakDown(err)
}
