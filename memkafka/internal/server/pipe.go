package server

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// pipe makes a connection in memory. Unlike net.Pipe's ends, a writer need not wait for its reader, until pipeBytes are
// under way; into the slice of a reader that waits it writes directly. Whoever waits does so on channels, so that in a
// testing/synctest bubble time goes on.
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
	turn             chan struct{} // capacity 1: held by the one who reads
	readable         chan struct{} // capacity 1
	writable         chan struct{} // capacity 1

	mu        sync.Mutex // guards all below
	data      []byte     // under way are those from taken on
	taken     int
	want      []byte // of the reader that waits, while nothing is under way
	got       int    // bytes written into what was wanted
	ended     bool   // no more will be written
	abandoned bool   // no more will be read
}

func newHalf() *half {
	return &half{turn: make(chan struct{}, 1), readable: make(chan struct{}, 1), writable: make(chan struct{}, 1)}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (h *half) read(p []byte) (int, error) {
	if err := h.awaitTurn(); err != nil {
		return 0, err
	}
	defer func() { <-h.turn }()
	for {
		expired := h.reading.expired()
		n, err := h.take(p, isClosed(expired))
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
		select {
		case <-h.readable:
		case <-expired:
		}
	}
}

// awaitTurn waits until nobody else reads.
func (h *half) awaitTurn() error {
	for {
		expired := h.reading.expired()
		select {
		case h.turn <- struct{}{}:
			return nil
		case <-expired:
		}
		if isClosed(h.reading.expired()) {
			return os.ErrDeadlineExceeded
		}
	}
}

// take reads what there is, or leaves p to the next writer unless it is too late.
func (h *half) take(p []byte, late bool) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.want = nil
	switch {
	case h.got > 0:
		n, h.got = h.got, 0
		return n, nil
	case late:
		return 0, os.ErrDeadlineExceeded
	case h.abandoned:
		return 0, io.ErrClosedPipe
	case len(h.data) > h.taken:
		n = copy(p, h.data[h.taken:])
		if h.taken += n; h.taken == len(h.data) {
			h.rest()
		}
		signal(h.writable)
		return n, nil
	case h.ended:
		return 0, io.EOF
	}
	h.want = p
	return 0, nil
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
		n := 0
		if h.want != nil {
			n = copy(h.want, p)
			h.want, h.got = nil, n
		}
		n += h.put(p[n:])
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

// smallBytes is how large a buffer may be that a pipe at rest keeps.
const smallBytes = 16 << 10

// buffers are of pipeBytes, for pipes that are not at rest.
var buffers = sync.Pool{New: func() any { return new([pipeBytes]byte) }}

// put buffers as much of p as there is room for, and returns how much that is.
func (h *half) put(p []byte) int {
	p = p[:min(len(p), pipeBytes-(len(h.data)-h.taken))]
	if h.taken > 0 && len(h.data)+len(p) > cap(h.data) {
		h.data = h.data[:copy(h.data, h.data[h.taken:])]
		h.taken = 0
	}
	if need := len(h.data) + len(p); need > smallBytes && cap(h.data) < pipeBytes {
		h.data = append(buffers.Get().(*[pipeBytes]byte)[:0], h.data...)
	}
	h.data = append(h.data, p...)
	return len(p)
}

// rest empties the buffer, and keeps it if it is small.
func (h *half) rest() {
	h.taken = 0
	if cap(h.data) == pipeBytes {
		buffers.Put((*[pipeBytes]byte)(h.data[:pipeBytes]))
		h.data = nil
	}
	h.data = h.data[:0]
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
