package disk

import "sync"

// health tells whether rows reach the disk. pebble reports to it from the background with its own lock held, so that
// nothing of pebble is called under health's lock.
type health struct {
	mu      sync.Mutex    // guards all below
	failure error         // why rows do not reach the disk; nil when they do
	broken  bool          // failure stays until the storage is opened again
	closing bool          // background work is to end
	changed chan struct{} // closed, and replaced, with each report
}

func newHealth() *health { return &health{changed: make(chan struct{})} }

// fail reports a flush that failed and will be tried again.
func (h *health) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.broken {
		h.failure = err
	}
	h.wake()
}

// flushed reports that rows reached the disk.
func (h *health) flushed() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.broken {
		h.failure = nil
	}
	h.wake()
}

// breakDown reports a failure after which the files must not be written any more. The first one counts.
func (h *health) breakDown(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.broken {
		h.failure, h.broken = err, true
	}
	h.wake()
}

// close makes background work end.
func (h *health) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closing = true
	h.wake()
}

func (h *health) wake() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// state is what health knew at one time.
type state struct {
	failure         error
	broken, closing bool
	changed         <-chan struct{} // closed when this is out of date
}

func (h *health) now() state {
	h.mu.Lock()
	defer h.mu.Unlock()
	return state{h.failure, h.broken, h.closing, h.changed}
}
