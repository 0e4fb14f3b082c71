package goka

import (
	"sync"
	"time"
)

// Backoff tells how long to wait before the next attempt at something that keeps failing.
type Backoff interface {
	// Duration returns how long to wait now, longer from call to call.
	Duration() time.Duration
	// Reset starts anew, after a success.
	Reset()
}

// BackoffBuilder makes a Backoff.
type BackoffBuilder func() (Backoff, error)

const (
	defaultBackoffStep  = 10 * time.Second
	defaultBackoffMax   = 120 * time.Second
	defaultBackoffReset = 60 * time.Second
)

// DefaultBackoffBuilder returns a backoff with steps of 10 seconds up to 120.
func DefaultBackoffBuilder() (Backoff, error) {
	return NewSimpleBackoff(defaultBackoffStep, defaultBackoffMax), nil
}

// NewSimpleBackoff returns a backoff that waits not at all, then step, then twice that, and so on up to max.
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
