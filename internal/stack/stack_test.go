package stack

import (
	"testing"
	"unsafe"
)

// A stack that has grown early does not move any more when there are deep calls.
func TestAStackThatHasGrownStays(t *testing.T) {
	for _, c := range []struct {
		name string
		grow func()
		deep func()
	}{
		{"4K", Grow4K, func() { use(1 << 10) }},
		{"8K", Grow8K, func() { use(4 << 10) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 20 { // a garbage collection may make a stack smaller at any time
				moved := make(chan bool)
				go func() {
					c.grow()
					var here byte
					before := uintptr(unsafe.Pointer(&here))
					c.deep()
					moved <- before != uintptr(unsafe.Pointer(&here))
				}()
				if !<-moved {
					return
				}
			}
			t.Error("the stack moved")
		})
	}
}

// use takes n bytes of stack and some for its calls.
func use(n int) byte {
	if n <= 0 {
		return 0
	}
	var room [256]byte
	room[n%256] = 1
	return use(n-len(room)) + room[n%256]
}
