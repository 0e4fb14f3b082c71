//go:build !unix || aix || solaris

package whole

import (
	"errors"
	"os"
)

// ErrLocked reports a file that another process has locked.
var ErrLocked = errors.New("another process has it")

// Lock does nothing here: two processes that write one file are the user's to avoid.
func Lock(*os.File) error { return nil }

// SyncDir does nothing here: directories cannot be opened for it.
func SyncDir(string) error { return nil }

// alive reports whether there is a process of this number.
func alive(pid int) bool {
	p, err := os.FindProcess(pid) // which fails here when there is none
	if err != nil {
		return false
	}
	_ = p.Release() // it was not used
	return true
}
