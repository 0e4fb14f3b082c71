package goka

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/internal/door"
)

// joinedGroup is a group member as goka's own builders make it: it tells where it begins without a commit, and can be cut
// off from Kafka.
type joinedGroup struct {
	sarama.ConsumerGroup
	initial int64
	commits bool   // Consumer.Offsets.AutoCommit.Enable
	lines   *lines // nil where there is nothing to cut
}

// ReportTo implements door.Reporting where the member does.
func (g *joinedGroup) ReportTo(report func(err error)) bool {
	own, ok := g.ConsumerGroup.(door.Reporting)
	return ok && own.ReportTo(report)
}

// lines are connections that can be cut. sarama's clients do not: a member that joins a group waits for the broker's
// answer, up to a minute while others finish, whatever becomes of its context.
type lines struct {
	dialer interface {
		Dial(network, addr string) (net.Conn, error)
	}

	end context.Context // over once the lines are cut
	die context.CancelFunc

	mu   sync.Mutex // guards open
	open map[*line]struct{}
}

var errCut = errors.New("the connection was cut, since the program stops")

// linesOf makes clients with config connect by lines.
func linesOf(config *sarama.Config) *lines {
	l := &lines{open: make(map[*line]struct{})}
	l.end, l.die = context.WithCancel(context.Background())
	if config.Net.Proxy.Enable {
		l.dialer = config.Net.Proxy.Dialer
	} else {
		l.dialer = &net.Dialer{Timeout: config.Net.DialTimeout, KeepAlive: config.Net.KeepAlive, LocalAddr: config.Net.LocalAddr}
	}
	config.Net.Proxy.Enable, config.Net.Proxy.Dialer = true, l
	pause := config.Metadata.Retry.BackoffFunc
	if pause == nil {
		backoff := config.Metadata.Retry.Backoff
		pause = func(int, int) time.Duration { return backoff }
	}
	config.Metadata.Retry.BackoffFunc = func(retries, maxRetries int) time.Duration {
		if l.end.Err() != nil {
			return 0
		}
		return pause(retries, maxRetries)
	}
	return l
}

// Dial connects as the configuration says. It ends when the lines are cut, unless the configuration has a proxy that cannot.
func (l *lines) Dial(network, addr string) (net.Conn, error) {
	if l.end.Err() != nil {
		return nil, errCut
	}
	conn, err := l.dial(network, addr)
	if l.end.Err() != nil && err != nil {
		return nil, errCut
	}
	if err != nil {
		return nil, err
	}
	own := &line{Conn: conn, lines: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.end.Err() != nil {
		return nil, errors.Join(errCut, conn.Close())
	}
	l.open[own] = struct{}{}
	return own, nil
}

func (l *lines) dial(network, addr string) (net.Conn, error) {
	if d, ok := l.dialer.(interface {
		DialContext(ctx context.Context, network, addr string) (net.Conn, error)
	}); ok {
		return d.DialContext(l.end, network, addr)
	}
	return l.dialer.Dial(network, addr)
}

// cut closes all connections for good.
func (l *lines) cut() {
	l.mu.Lock()
	l.die()
	open := l.open
	l.open = nil
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

// leaveWithin is how long a member may take whose partitions have shutdownTimeout to finish: not much longer than these, and
// long enough for the request.
func leaveWithin(shutdownTimeout time.Duration) time.Duration {
	return min(leavePatience, max(time.Second, shutdownTimeout))
}

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
		patience := leaveWithin(g.opts.shutdownTimeout)
		for !waitFor(l.gone, patience) {
			if g.inSession.Load() {
				continue // its partitions have a bound of their own
			}
			logger.Warnf(g.log, "the group's coordinator does not answer, so this instance leaves without a word %s after it was stopped", patience)
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
