package disk

import (
	"errors"
	"io"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// retryFlush is how long a flush that failed waits before it is tried again.
const retryFlush = 250 * time.Millisecond

// errGivenUp ends background work of a storage that closes. Nobody sees it.
var errGivenUp = errors.New("storage/disk: closing")

// guard is the file system that pebble writes to. It slows down the retries of failed flushes, ends compactions when
// the storage closes, and freezes the files when going on could damage them.
type guard struct {
	vfs.FS
	health    *health
	breakDown func(error)

	// quiet leaves out syncs of the folder while pebble makes a new table, step by step and with a sync each. Whoever
	// sets it syncs the folder afterwards.
	quiet atomic.Bool
}

func (g *guard) Unwrap() vfs.FS { return g.FS }

// Lock grants pebble the lock that the engine took before it opened pebble.
func (g *guard) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

func isTable(name string) bool { return strings.HasSuffix(name, ".sst") }

// frozen returns the reason why nothing may be changed on disk any more.
func (g *guard) frozen() error {
	if now := g.health.now(); now.broken {
		return now.failure
	}
	return nil
}

func (g *guard) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if isTable(name) {
		if err := g.admitTable(); err != nil {
			return nil, err
		}
	}
	if err := g.frozen(); err != nil {
		return nil, err
	}
	// The marker says which manifest counts. Nothing else makes sure that the manifest's own entry in the folder is
	// on disk before the marker's.
	if strings.HasPrefix(filepath.Base(name), "marker.manifest.") && !g.quiet.Load() {
		if err := syncDir(g.FS, filepath.Dir(name)); err != nil {
			return nil, err
		}
	}
	f, err := g.FS.Create(name, category)
	if err != nil {
		return nil, err
	}
	return &guardedFile{File: f, guard: g, table: isTable(name)}, nil
}

// admitTable lets a new table file be written at once, or, when the last flush failed, a while later.
func (g *guard) admitTable() error {
	now := g.health.now()
	if now.failure != nil && !now.closing {
		retry := time.NewTimer(retryFlush)
		defer retry.Stop()
		select {
		case <-retry.C:
		case <-now.changed:
		}
	}
	if g.health.now().closing {
		return errGivenUp
	}
	return nil
}

// OpenDir returns a folder whose failure to sync breaks the table down, and not the process, as pebble would have it.
func (g *guard) OpenDir(name string) (vfs.File, error) {
	f, err := g.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &guardedDir{File: f, guard: g}, nil
}

type guardedDir struct {
	vfs.File
	guard *guard
}

func (d *guardedDir) Sync() error {
	if d.guard.quiet.Load() {
		return nil
	}
	if err := d.File.Sync(); err != nil {
		d.guard.breakDown(err)
	}
	return nil
}

func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (g *guard) Remove(name string) error {
	if err := g.frozen(); err != nil {
		return err
	}
	return g.FS.Remove(name)
}

func (g *guard) RemoveAll(name string) error {
	if err := g.frozen(); err != nil {
		return err
	}
	return g.FS.RemoveAll(name)
}

func (g *guard) Rename(from, to string) error {
	if err := g.frozen(); err != nil {
		return err
	}
	return g.FS.Rename(from, to)
}

func (g *guard) Link(from, to string) error {
	if err := g.frozen(); err != nil {
		return err
	}
	return g.FS.Link(from, to)
}

type guardedFile struct {
	vfs.File
	guard *guard
	table bool
}

func (f *guardedFile) Write(p []byte) (int, error) {
	now := f.guard.health.now()
	switch {
	case now.broken:
		return 0, now.failure
	case now.closing && f.table:
		return 0, errGivenUp
	}
	return f.File.Write(p)
}

// legacy reports whether the files in dir are another engine's table: goleveldb's, which goka used to keep, or an
// older pebble's. Both name their state by a file that ours does not have.
func legacy(fs vfs.FS, dir string) bool {
	_, err := fs.Stat(filepath.Join(dir, "CURRENT"))
	return err == nil
}
