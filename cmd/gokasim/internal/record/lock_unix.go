//go:build unix

package record

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lock keeps other recordings from the same file: two that go on with one would write over each other. The system lets go of it however the
// process ends, so that what a killed one leaves locks nobody out.
func lock(name string) (unlock func(), err error) {
	for {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o666)
		if err != nil {
			return nil, fmt.Errorf("beginning a recording: %w", err)
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			if errors.Is(err, syscall.EWOULDBLOCK) {
				err = errors.New("another recording into the same file is under way; give another --out, or wait until that one has ended")
			}
			return nil, errors.Join(fmt.Errorf("locking %s: %w", name, err), f.Close())
		}
		ours, errOurs := f.Stat()
		named, errNamed := os.Stat(name)
		if errOurs == nil && errNamed == nil && os.SameFile(ours, named) {
			return func() {
				_ = os.Remove(name) // what stays is locked by nobody
				_ = f.Close()       // nothing was written
			}, nil
		}
		_ = f.Close() // the one that had the lock before has removed the file: what we locked is nothing any more
	}
}
