package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/cockroachdb/pebble/v2"

	"github.com/gokasim/gokasim/storage"
)

// explain wraps what went wrong in the folder with what it means and the way out.
func (e *engine) explain(doing string, err error) error {
	if err == nil || errors.Is(err, storage.ErrFull) || errors.Is(err, storage.ErrCorrupt) {
		return err
	}
	at := fmt.Sprintf("storage/disk: %s %s", doing, e.dir)
	var path *fs.PathError
	var system syscall.Errno
	switch {
	case doing == "lock" && !errors.As(err, &path):
		return fmt.Errorf("%s: %w by another process or storage (%w); end it or choose another path", at, storage.ErrLocked, err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%s: %w (%w); make room there or choose another path", at, storage.ErrFull, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: %w; let the user of this process write there or choose another path", at, err)
	case doing == "make":
		return fmt.Errorf("%s: %w; choose a path where a folder can be made", at, err)
	case pebble.IsCorruptionError(err),
		// What pebble says at its start is about the files' content, unless the system said it.
		doing == "open" && (errors.Is(err, fs.ErrNotExist) || !errors.As(err, &system) && !errors.As(err, &path)):
		return fmt.Errorf("%s: %w (%w); delete the folder and its rows are read again from Kafka's changelog", at, storage.ErrCorrupt, err)
	}
	return fmt.Errorf("%s: %w", at, err)
}

func closedError(dir string) error {
	return fmt.Errorf("storage/disk: %s: %w", dir, storage.ErrClosed)
}
