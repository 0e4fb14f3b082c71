package main

import (
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/gokasim/gokasim/examples/internal/app"
	"github.com/gokasim/gokasim/memkafka"
)

const (
	up   = true
	down = false
)

var errDown = errors.New("the line is down")

// line is the way from the view to Kafka, which can be cut. To a cluster in this process there are no connections: there the
// broker itself goes down.
type line struct {
	cluster *memkafka.Cluster // nil where Kafka is not in this process

	mu   sync.Mutex // guards the rest
	down bool
	open []net.Conn
}

func newLine(a *app.App) *line {
	l := new(line)
	if name, inProcess := strings.CutPrefix(a.Brokers[0], "mem://"); inProcess {
		l.cluster = memkafka.Named(name)
	}
	return l
}

// Dial connects, while the line is up.
func (l *line) Dial(network, address string) (net.Conn, error) {
	l.mu.Lock()
	down := l.down
	l.mu.Unlock()
	if down {
		return nil, errDown
	}
	conn, err := net.DialTimeout(network, address, 10*time.Second)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return nil, errors.Join(errDown, conn.Close())
	}
	l.open = append(l.open, conn)
	return conn, nil
}

// set lets the line be up or down.
func (l *line) set(up bool) error {
	switch {
	case l.cluster != nil && up:
		return l.cluster.BrokerUp(1)
	case l.cluster != nil:
		return l.cluster.BrokerDown(1)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = !up
	if !l.down {
		return nil
	}
	for _, conn := range l.open {
		_ = conn.Close() // closed already where sarama was done with it
	}
	l.open = nil
	return nil
}
