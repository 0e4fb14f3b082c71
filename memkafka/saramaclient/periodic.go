package saramaclient

import (
	"sync"
	"time"
)

// periodic is something that a session does again and again. Only a timer waits for the next time: most sessions end before
// the first one, and a goroutine would cost them more than all the rest of it.
type periodic struct {
	every   time.Duration
	do      func() (again bool)
	pending *sync.WaitGroup // the next time, or the one under way

	mu      sync.Mutex // guards all below
	timer   *time.Timer
	stopped bool
}

// periodically does something with a pause before each time, until it returns false or is stopped. n is the number of the
// session's timer, see seam.Engine.Apart.
func (s *session) periodically(n int, every time.Duration, do func() (again bool)) *periodic {
	p := &periodic{every: every + s.group.seam.Engine().Apart(n), do: do, pending: &s.beating}
	p.pending.Add(1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = time.AfterFunc(p.every, p.due)
	return p
}

func (p *periodic) due() {
	defer p.pending.Done()
	if p.over() || !p.do() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.stopped {
		p.pending.Add(1)
		p.timer.Reset(p.every)
	}
}

func (p *periodic) over() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stopped
}

// stop lets the time that is under way be the last one. It does not wait for that; p may be nil.
func (p *periodic) stop() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	if p.timer.Stop() {
		p.pending.Done()
	}
}
