package whole

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// CanSweep tells that what a process that was killed left cannot be told from what is being written: an open file gets no other name here, so that
// what is complete is not locked just before it has its own.
const CanSweep = false

// Lock takes an open file for this process until that closes it or ends, however it ends. It does not wait: it returns ErrLocked
// when another process, or another opening of the file in this one, has the file. What is locked is a byte far behind the end, so that others can read
// the file.
func Lock(f *os.File) error {
	const far = 1<<31 - 1 // of the upper half of the offset
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &windows.Overlapped{OffsetHigh: far})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return ErrLocked
	}
	return err
}

// SyncDir does nothing here: directories cannot be opened for it, and the file system keeps their names by a journal.
func SyncDir(string) error { return nil }
