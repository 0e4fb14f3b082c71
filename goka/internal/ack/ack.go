// Package ack tells how far a partition may be committed while its messages finish in any order: up to the first one
// that is not finished, and never past it.
package ack

// Window follows the messages of one topic-partition from start to finish. The zero value is ready for use. A Window
// belongs to one goroutine.
type Window struct {
	ring  []slot // its length is zero or a power of two
	first uint64 // the oldest ticket that Advance has not passed
	next  uint64 // the ticket of the next message
}

type slot struct {
	offset   int64
	finished bool
}

// Ticket names a started message of a Window.
type Ticket uint64

// Start notes that the message at offset is being handled. Offsets have to grow from call to call; gaps are fine.
func (w *Window) Start(offset int64) Ticket {
	if int(w.next-w.first) == len(w.ring) {
		w.grow()
	}
	t := w.next
	w.ring[t&uint64(len(w.ring)-1)] = slot{offset: offset}
	w.next++
	return Ticket(t)
}

func (w *Window) grow() {
	bigger := make([]slot, max(16, 2*len(w.ring)))
	for t := w.first; t < w.next; t++ {
		bigger[t&uint64(len(bigger)-1)] = w.ring[t&uint64(len(w.ring)-1)]
	}
	w.ring = bigger
}

// Finish notes that nothing of the message is outstanding any more. A message that failed is never finished.
func (w *Window) Finish(t Ticket) {
	if uint64(t) < w.first || uint64(t) >= w.next {
		panic("ack: a message that is not in the window finished")
	}
	s := &w.ring[uint64(t)&uint64(len(w.ring)-1)]
	if s.finished {
		panic("ack: a message finished twice")
	}
	s.finished = true
}

// Advance moves past the finished messages at the front. When it moved, committed is the offset to commit: the one
// after the last message that it passed.
func (w *Window) Advance() (committed int64, moved bool) {
	for w.first < w.next {
		s := w.ring[w.first&uint64(len(w.ring)-1)]
		if !s.finished {
			break
		}
		committed, moved = s.offset+1, true
		w.first++
	}
	return committed, moved
}

// Len is the number of messages that Advance has not passed.
func (w *Window) Len() int { return int(w.next - w.first) }
