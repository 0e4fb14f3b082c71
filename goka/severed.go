package goka

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
)

// joinedGroup is a group member as goka's own builders make it: it tells where it begins without a commit, and can be cut
// off from Kafka.
type joinedGroup struct {
	sarama.ConsumerGroup
	initial int64
	lines   *lines // nil where there is nothing to cut
}

// lines are connections that can be cut. sarama's clients do not: a member that joins a group waits for the broker's
// answer, up to a minute while others finish, whatever becomes of its context.
type lines struct {
	dialer interface {
		Dial(network, addr string) (net.Conn, error)
	}

	mu    sync.Mutex // guards what follows
	open  map[*line]struct{}
	isCut bool
}

var errCut = errors.New("the connection was cut, since the program stops")

// linesOf makes clients with config connect by lines.
func linesOf(config *sarama.Config) *lines {
	l := &lines{open: make(map[*line]struct{})}
	if config.Net.Proxy.Enable {
		l.dialer = config.Net.Proxy.Dialer
	} else {
		l.dialer = &net.Dialer{Timeout: config.Net.DialTimeout, KeepAlive: config.Net.KeepAlive, LocalAddr: config.Net.LocalAddr}
	}
	config.Net.Proxy.Enable, config.Net.Proxy.Dialer = true, l
	return l
}

// Dial connects as the configuration says.
func (l *lines) Dial(network, addr string) (net.Conn, error) {
	l.mu.Lock()
	cut := l.isCut
	l.mu.Unlock()
	if cut {
		return nil, errCut
	}
	conn, err := l.dialer.Dial(network, addr)
	if err != nil {
		return nil, err
	}
	own := &line{Conn: conn, lines: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isCut {
		return nil, errors.Join(errCut, conn.Close())
	}
	l.open[own] = struct{}{}
	return own, nil
}

// cut closes all connections for good.
func (l *lines) cut() {
	l.mu.Lock()
	open := l.open
	l.open, l.isCut = nil, true
	l.mu.Unlock()
	for line := range open {
		_ = line.Conn.Close()
	}
}

type line struct {
	net.Conn
	lines *lines
}

func (l *line) Close() error {
	l.lines.mu.Lock()
	delete(l.lines.open, l)
	l.lines.mu.Unlock()
	return l.Conn.Close()
}

// leavePatience is how long a member that stops may take to leave its group, beside what its partitions take to finish.
// Who leaves without a word is missed by the others only after Consumer.Group.Session.Timeout.
const leavePatience = 5 * time.Second

// leaving watches a group member from the end of ctx on, and cuts it off when it does not come to an end.
type leaving struct {
	group *joinedGroup
	gone  chan struct{} // closed once the member has left
	cut   atomic.Bool
	done  chan struct{} // closed once the watch is over
}

// watchLeaving begins to watch a member. The watch ends with the function over, which reports whether it had to cut.
func (g *Processor) watchLeaving(ctx context.Context, group sarama.ConsumerGroup) (over func() (cut bool)) {
	own, ok := group.(*joinedGroup)
	if !ok || own.lines == nil {
		return func() bool { return false }
	}
	l := &leaving{group: own, gone: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(l.done)
		select {
		case <-ctx.Done():
		case <-l.gone:
			return
		}
		patience := min(leavePatience, g.opts.shutdownTimeout)
		for !waitFor(l.gone, patience) {
			if g.inSession.Load() {
				continue // its partitions have a bound of their own
			}
			g.log.Printf("the group's coordinator does not answer, so this instance leaves without a word %s after it was stopped", patience)
			l.cut.Store(true)
			own.lines.cut()
			return
		}
	}()
	return func() bool {
		close(l.gone)
		<-l.done
		return l.cut.Load()
	}
}
