//go:build unix && !aix && !solaris

package whole

import (
	"errors"
	"os"
	"syscall"
)

// CanSweep tells that what a process that was killed left can be told from what is being written: by a lock that stays while a file, or a
// directory around it, gets another name.
const CanSweep = true

// Lock takes an open file for this process until that closes it or ends, however it ends. It does not wait: it returns ErrLocked
// when another process, or another opening of the file in this one, has the file. On systems without such locks it returns
// nil and does nothing (AIX, Solaris, Plan 9).
func Lock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrLocked
	}
	return err
}

// SyncDir puts the names of a directory's files on the disk, where the system does not do so itself.
func SyncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
