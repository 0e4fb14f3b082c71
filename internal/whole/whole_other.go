//go:build !windows && (!unix || aix || solaris)

package whole

import "os"

// CanSweep tells that what a process that was killed left cannot be told from what is being written: there are no locks here.
const CanSweep = false

// Lock does nothing here: two processes that write one file are the user's to avoid.
func Lock(*os.File) error { return nil }

// SyncDir does nothing here: directories cannot be opened for it.
func SyncDir(string) error { return nil }
