package disk

import (
	"context"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/gokasim/gokasim/storage"
)

// folders knows which tables are open in this process. A table that is being closed, or whose opening was given up,
// is waited for; that is what happens when a partition is lost and assigned again at once.
var folders = struct {
	sync.Mutex
	tenants map[folder]*tenant
}{tenants: map[folder]*tenant{}}

type folder struct {
	fs  vfs.FS
	dir string
}

type tenant struct {
	folder
	leaving bool          // guarded by folders
	gone    chan struct{} // closed when the folder is free
}

// enter makes the caller the tenant of the folder, when the one before has left or when ctx ends.
func enter(ctx context.Context, at folder) (*tenant, error) {
	for {
		folders.Lock()
		before := folders.tenants[at]
		if before == nil {
			t := &tenant{folder: at, gone: make(chan struct{})}
			folders.tenants[at] = t
			folders.Unlock()
			return t, nil
		}
		leaving := before.leaving
		folders.Unlock()
		if !leaving {
			return nil, fmt.Errorf("storage/disk: open %s: %w by another storage of this process; close that one first, "+
				"or share it", at.dir, storage.ErrLocked)
		}
		select {
		case <-before.gone:
		case <-ctx.Done():
			return nil, fmt.Errorf("storage/disk: open %s, which is being closed: %w", at.dir, context.Cause(ctx))
		}
	}
}

// leaves tells others that waiting for the folder is worthwhile.
func (t *tenant) leaves() {
	folders.Lock()
	t.leaving = true
	folders.Unlock()
}

func (t *tenant) left() {
	folders.Lock()
	delete(folders.tenants, t.folder)
	folders.Unlock()
	close(t.gone)
}
