//go:build unix

package replay

import "syscall"

// realMicros is the time outside of a bubble.
func realMicros() int64 {
	var t syscall.Timeval
	if err := syscall.Gettimeofday(&t); err != nil {
		return 0 // which does not happen
	}
	return t.Nano() / 1000
}
