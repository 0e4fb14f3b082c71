package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/gokasim/gokasim/memkafka/internal/api"
	"github.com/gokasim/gokasim/memkafka/internal/seam"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// conn is one client's connection.
type conn struct {
	s        *Server
	net      net.Conn
	tls      *tls.Conn // net, if the listener wants TLS
	broker   *api.Broker
	room     *room
	listener *Listener
	ip       string    // where the client is
	awake    time.Time // when the time to be idle was set last
}

// readAhead is the buffer of a connection: a request at rest costs no more, and most requests fit.
const readAhead = 4 << 10

// serve begins to answer a client that has a place at a broker, and reports whether it does: not when the server is closed.
func (s *Server) serve(n net.Conn, broker int, l *Listener) bool {
	c := &conn{s: s, net: n, broker: s.brokers[broker], room: s.rooms[broker], listener: l, ip: n.RemoteAddr().String()}
	if host, _, err := net.SplitHostPort(c.ip); err == nil {
		c.ip = host
	}
	if l.tls != nil {
		c.tls = tls.Server(n, l.tls)
		c.net = c.tls
	}
	if err := c.room.enter(c.ip); err != nil {
		_ = n.Close() // it was not used
		s.log.Warn("connection refused", "client", n.RemoteAddr().String(), "broker", c.broker.ID(), "err", err)
		return true // the client sees it
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		c.room.leave(c.ip)
		_ = n.Close() // it was not used
		return false
	}
	s.conns[c] = struct{}{}
	s.running.Add(1)
	s.mu.Unlock()
	go c.run()
	return true
}

// run answers until one side ends the connection.
func (c *conn) run() {
	defer c.s.running.Done()
	err := c.converse(c.s.ctx)
	c.stop()
	c.room.leave(c.ip)
	c.s.mu.Lock()
	delete(c.s.conns, c)
	c.s.mu.Unlock()
	if why := worthTelling(err); why != nil && c.s.ctx.Err() == nil {
		c.s.log.Warn("connection closed", "client", c.net.RemoteAddr().String(), "broker", c.broker.ID(), "err", why)
	}
}

func (c *conn) converse(ctx context.Context) error {
	entrance := api.Entrance{Listener: c.listener.name, Mechanisms: c.listener.mechanisms, Address: c.ip}
	if c.tls != nil {
		var err error
		if entrance.User, err = c.shakeHands(ctx); err != nil {
			return err
		}
	}
	session := c.broker.Session(entrance)
	defer session.Close()
	in := bufio.NewReaderSize(c.net, readAhead)
	for {
		if err := c.stayAwake(); err != nil {
			return err
		}
		frame, err := wire.ReadFrame(in, c.s.limit, c.s.trust)
		if err != nil {
			return err
		}
		parts, err := session.Answer(ctx, frame)
		if len(parts) > 0 {
			if err := c.write(parts); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
}

// write writes an answer, as long as the client takes some of it now and then.
func (c *conn) write(parts [][]byte) error {
	out := net.Buffers(parts)
	for {
		if err := c.stayAwake(); err != nil {
			return err
		}
		n, err := out.WriteTo(c.net)
		if n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
	}
}

// handshakePatience is how long a client may take for a TLS handshake.
const handshakePatience = 10 * time.Second

// shakeHands is the TLS handshake. It returns who the client is by its certificate, as Java writes the subject; empty
// without one.
func (c *conn) shakeHands(ctx context.Context) (user string, err error) {
	ctx, cancel := context.WithTimeout(ctx, handshakePatience)
	defer cancel()
	if err := c.tls.HandshakeContext(ctx); err != nil {
		return "", fmt.Errorf("TLS handshake: %w", err)
	}
	if certs := c.tls.ConnectionState().PeerCertificates; len(certs) > 0 {
		return certs[0].Subject.String(), nil
	}
	return "", nil
}

// stayAwake moves the time at which the connection counts as idle, now and then: setting it has a price. What waits for
// max.idle or an eighth longer is closed.
func (c *conn) stayAwake() error {
	idle := c.s.idle
	if idle < 0 {
		return nil
	}
	now := time.Now()
	if now.Sub(c.awake) < idle/8 {
		return nil
	}
	c.awake = now
	return c.net.SetDeadline(now.Add(idle + idle/8))
}

func (c *conn) stop() {
	_ = c.net.Close() // the client notices, whatever it says
}

// worthTelling is err unless it says no more than that a client went, or was idle for too long.
func worthTelling(err error) error {
	var op *net.OpError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, io.ErrClosedPipe), errors.Is(err, os.ErrDeadlineExceeded),
		errors.Is(err, context.Canceled), errors.Is(err, seam.ErrClosed), errors.As(err, &op):
		return nil
	}
	return err
}
