package server

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// pipe makes a connection in memory. Unlike net.Pipe's ends, a writer need not wait for its reader, until pipeBytes are
// under way. Whoever waits does so on channels, so that in a testing/synctest bubble time goes on.
func pipe(from, to addr) (client, broker net.Conn) {
	up, down := newHalf(), newHalf()
	return &end{in: down, out: up, local: from, remote: to}, &end{in: up, out: down, local: to, remote: from}
}

// pipeBytes is how much may be under way in one direction.
const pipeBytes = 256 << 10

// addr is an address in memory.
type addr string

func (addr) Network() string  { return "mem" }
func (a addr) String() string { return string(a) }

// end is one end of a pipe.
type end struct {
	in, out       *half
	local, remote addr
}

func (e *end) Read(p []byte) (int, error)         { return e.in.read(p) }
func (e *end) Write(p []byte) (int, error)        { return e.out.write(p) }
func (e *end) LocalAddr() net.Addr                { return e.local }
func (e *end) RemoteAddr() net.Addr               { return e.remote }
func (e *end) SetReadDeadline(t time.Time) error  { e.in.reading.set(t); return nil }
func (e *end) SetWriteDeadline(t time.Time) error { e.out.writing.set(t); return nil }

func (e *end) SetDeadline(t time.Time) error {
	e.in.reading.set(t)
	e.out.writing.set(t)
	return nil
}

func (e *end) Close() error {
	e.in.abandon()
	e.out.end()
	e.in.reading.set(time.Time{})
	e.out.writing.set(time.Time{})
	return nil
}

// half is one direction of a pipe.
type half struct {
	reading, writing deadline
	readable         chan struct{} // capacity 1
	writable         chan struct{} // capacity 1

	mu        sync.Mutex // guards all below
	data      []byte     // under way are those from taken on
	taken     int
	ended     bool // no more will be written
	abandoned bool // no more will be read
}

func newHalf() *half {
	return &half{readable: make(chan struct{}, 1), writable: make(chan struct{}, 1)}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (h *half) read(p []byte) (int, error) {
	for {
		expired := h.reading.expired()
		if isClosed(expired) {
			return 0, os.ErrDeadlineExceeded
		}
		h.mu.Lock()
		switch {
		case h.abandoned:
			h.mu.Unlock()
			return 0, io.ErrClosedPipe
		case len(h.data) > h.taken:
			n := copy(p, h.data[h.taken:])
			h.taken += n
			if h.taken == len(h.data) {
				h.rest()
			}
			h.mu.Unlock()
			signal(h.writable)
			return n, nil
		case h.ended:
			h.mu.Unlock()
			return 0, io.EOF
		}
		h.mu.Unlock()
		select {
		case <-h.readable:
		case <-expired:
		}
	}
}

func (h *half) write(p []byte) (written int, err error) {
	for {
		expired := h.writing.expired()
		if isClosed(expired) {
			return written, os.ErrDeadlineExceeded
		}
		h.mu.Lock()
		if h.ended || h.abandoned {
			h.mu.Unlock()
			return written, io.ErrClosedPipe
		}
		n := min(len(p), pipeBytes-(len(h.data)-h.taken))
		h.put(p[:n])
		h.mu.Unlock()
		if n > 0 {
			signal(h.readable)
			written, p = written+n, p[n:]
		}
		if len(p) == 0 {
			return written, nil
		}
		select {
		case <-h.writable:
		case <-expired:
		}
	}
}

// put appends p, after it made use of the room of what was read.
func (h *half) put(p []byte) {
	if h.taken > 0 && len(h.data)+len(p) > cap(h.data) {
		h.data = h.data[:copy(h.data, h.data[h.taken:])]
		h.taken = 0
	}
	h.data = append(h.data, p...)
}

// rest empties the buffer, and keeps it unless it is large.
func (h *half) rest() {
	const kept = 16 << 10
	h.taken, h.data = 0, h.data[:0]
	if cap(h.data) > kept {
		h.data = nil
	}
}

// end says that no more is written; what was written can still be read.
func (h *half) end() { h.close(&h.ended) }

// abandon says that nothing more is read.
func (h *half) abandon() { h.close(&h.abandoned) }

func (h *half) close(flag *bool) {
	h.mu.Lock()
	*flag = true
	if h.abandoned {
		h.data, h.taken = nil, 0
	}
	h.mu.Unlock()
	signal(h.readable)
	signal(h.writable)
}

// deadline is the end of somebody's patience. The zero value is endless.
type deadline struct {
	mu    sync.Mutex // guards all below
	timer *time.Timer
	over  chan struct{} // closed at the deadline
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	before := d.over
	d.over = make(chan struct{})
	over := d.over
	switch wait := time.Until(t); {
	case t.IsZero():
	case wait <= 0:
		close(over)
	default:
		d.timer = time.AfterFunc(wait, func() { closeOnce(&d.mu, over) })
	}
	if before != nil && !isClosed(before) {
		close(before) // whoever waits looks again, at the new one
	}
}

func closeOnce(mu *sync.Mutex, c chan struct{}) {
	mu.Lock()
	defer mu.Unlock()
	if !isClosed(c) {
		close(c)
	}
}

func (d *deadline) expired() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over == nil {
		d.over = make(chan struct{})
	}
	return d.over
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
