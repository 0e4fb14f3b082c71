package door

import (
	"net"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
)

// impatient returns config with a bound for brokers that take connections and never answer: all of them together have
// Metadata.Timeout until one has answered for the first time. sarama looks at that bound between its attempts only, and waits for
// Net.ReadTimeout three times in each. Where Metadata.Timeout is 0, or config is none that sarama takes, it is returned as it is.
func impatient(addrs []string, config *sarama.Config) *sarama.Config {
	if config == nil || config.Metadata.Timeout <= 0 || config.Validate() != nil {
		return config
	}
	c := *config
	p := &patience{each: config.Metadata.Timeout / time.Duration(max(1, len(addrs)))}
	if c.Net.Proxy.Enable {
		p.dialer = c.Net.Proxy.Dialer
	} else {
		p.dialer = &net.Dialer{Timeout: c.Net.DialTimeout, KeepAlive: c.Net.KeepAlive, LocalAddr: c.Net.LocalAddr}
	}
	c.Net.Proxy.Enable, c.Net.Proxy.Dialer = true, p
	return &c
}

// patience dials for a client, and knows whether a broker has ever answered it.
type patience struct {
	dialer interface {
		Dial(network, addr string) (net.Conn, error)
	}
	each     time.Duration // how long a connection may be without an answer until there was one
	answered atomic.Bool
}

// Dial connects as the client's configuration says.
func (p *patience) Dial(network, addr string) (net.Conn, error) {
	conn, err := p.dialer.Dial(network, addr)
	if err != nil || p.answered.Load() {
		return conn, err
	}
	return &awaited{Conn: conn, patience: p, until: time.Now().Add(p.each)}, nil
}

// awaited is a connection that was made before any broker had answered.
type awaited struct {
	net.Conn
	patience *patience
	until    time.Time // when its broker should have answered
}

// SetReadDeadline is what sarama calls before it reads.
func (a *awaited) SetReadDeadline(t time.Time) error {
	if !a.patience.answered.Load() && (t.IsZero() || t.After(a.until)) {
		t = a.until
	}
	return a.Conn.SetReadDeadline(t)
}

func (a *awaited) Read(b []byte) (int, error) {
	n, err := a.Conn.Read(b)
	if n > 0 && !a.patience.answered.Load() {
		a.patience.answered.Store(true)
	}
	return n, err
}
