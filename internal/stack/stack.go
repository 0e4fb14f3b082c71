// Package stack makes goroutines' stacks grow early. A new goroutine has 2 KiB of stack, and whenever that is not enough it gets
// twice as much, and all its frames are moved there one by one: a microsecond or two where many functions have been called,
// a fraction of that at the goroutine's beginning.
package stack

// Grow4K gives the calling goroutine a stack of 4 KiB if it has less. It belongs at its beginning.
func Grow4K() { small(0) }

// Grow8K gives the calling goroutine a stack of 8 KiB if it has less. It belongs at its beginning.
func Grow8K() { large(0) }

// The frames of these functions have no room in a stack of half the size, of which the runtime keeps about 900 bytes for itself,
// and leave room in a whole one for the frames of their callers.

//go:noinline
func small(i int) byte {
	var room [3 << 9]byte
	return room[i]
}

//go:noinline
func large(i int) byte {
	var room [4 << 10]byte
	return room[i]
}
