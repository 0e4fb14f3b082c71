package server

import (
	"context"
	"fmt"
	"sync"
)

// room is how many connections a broker takes. At max.connections the next one waits until another ends; above
// max.connections.per.ip it is closed at once.
type room struct {
	most, mostPerIP int

	mu      sync.Mutex // guards all below
	taken   int
	byIP    map[string]int
	waiting []chan struct{} // closed when there is a place, first come first served
}

func newRoom(most, mostPerIP int32) *room {
	return &room{most: int(most), mostPerIP: int(mostPerIP), byIP: map[string]int{}}
}

// await waits for a place and takes it. It returns the cause when ctx ends before.
func (r *room) await(ctx context.Context) error {
	r.mu.Lock()
	if r.taken < r.most {
		r.taken++
		r.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	r.waiting = append(r.waiting, turn)
	r.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, w := range r.waiting {
		if w == turn {
			r.waiting = append(r.waiting[:i], r.waiting[i+1:]...)
			return context.Cause(ctx)
		}
	}
	r.release() // the place came just now, too late
	return context.Cause(ctx)
}

// enter counts a connection that has a place, by the address it comes from. On an error the place is free again.
func (r *room) enter(ip string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := r.byIP[ip]; n >= r.mostPerIP {
		r.release()
		return fmt.Errorf("too many connections from %s (maximum = %d): raise max.connections.per.ip", ip, r.mostPerIP)
	}
	r.byIP[ip]++
	return nil
}

// leave gives the place of a connection to the next one.
func (r *room) leave(ip string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byIP[ip]--; r.byIP[ip] == 0 {
		delete(r.byIP, ip)
	}
	r.release()
}

// release gives a place on. Called with mu held.
func (r *room) release() {
	if len(r.waiting) == 0 {
		r.taken--
		return
	}
	close(r.waiting[0])
	r.waiting = r.waiting[1:]
}
