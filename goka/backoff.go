package goka

import (
	"sync"
	"time"
)

// Backoff tells how long to wait before the next attempt at something that keeps failing. One Backoff belongs to one thing that is
// tried, and is called from one goroutine at a time.
type Backoff interface {
	// Duration returns how long to wait now, longer from call to call.
	Duration() time.Duration
	// Reset starts anew, after a success.
	Reset()
}

// BackoffBuilder makes a Backoff: one for the group, and one for each partition of a table, whenever it is begun anew.
type BackoffBuilder func() (Backoff, error)

const (
	defaultBackoffStep  = 10 * time.Second
	defaultBackoffMax   = 120 * time.Second
	defaultBackoffReset = 60 * time.Second
)

// DefaultBackoffBuilder returns a backoff that waits not at all, then 10 s, 20 s, 30 s, and so on up to 120 s.
func DefaultBackoffBuilder() (Backoff, error) {
	return NewSimpleBackoff(defaultBackoffStep, defaultBackoffMax), nil
}

// NewSimpleBackoff returns a backoff that waits not at all, then step, then two steps, three, and so on, as many as max has room for.
// With a step of 0, and with one longer than max, it never waits. It may be called from any goroutine.
func NewSimpleBackoff(step time.Duration, max time.Duration) Backoff {
	return &simpleBackoff{step: step, max: max}
}

type simpleBackoff struct {
	step, max time.Duration

	mu   sync.Mutex // guards next
	next time.Duration
}

func (b *simpleBackoff) Duration() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.next
	if b.next+b.step <= b.max {
		b.next += b.step
	}
	return now
}

func (b *simpleBackoff) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next = 0
}
