package replay

import "syscall"

// realMicros is the time outside of a bubble.
func realMicros() int64 {
	var t syscall.Filetime
	syscall.GetSystemTimeAsFileTime(&t)
	return t.Nanoseconds() / 1000
}
