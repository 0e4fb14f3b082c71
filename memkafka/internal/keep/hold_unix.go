//go:build unix

package keep

import (
	"os"
	"syscall"
)

// hold takes a file for this process, until that ends or closes it.
func hold(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
