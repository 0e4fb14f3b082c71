package server

import (
	"bufio"
	"context"
	"errors"
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
	s       *Server
	net     net.Conn
	session *api.Session
	awake   time.Time // when the time to be idle was set last
}

// readAhead is the buffer of a connection: a request at rest costs no more, and most requests fit.
const readAhead = 4 << 10

// serve begins to answer a client, unless the server is closed.
func (s *Server) serve(n net.Conn, b *api.Broker, listener string) {
	host, _, err := net.SplitHostPort(n.RemoteAddr().String())
	if err != nil {
		host = n.RemoteAddr().String()
	}
	c := &conn{s: s, net: n, session: b.Session(listener, host)}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		_ = n.Close() // it was not used
		return
	}
	s.conns[c] = struct{}{}
	s.running.Add(1)
	s.mu.Unlock()
	go c.run()
}

// run answers until one side ends the connection.
func (c *conn) run() {
	defer c.s.running.Done()
	err := c.answer(c.s.ctx)
	c.stop()
	c.session.Close()
	c.s.mu.Lock()
	delete(c.s.conns, c)
	c.s.mu.Unlock()
	if why := worthTelling(err); why != nil && c.s.ctx.Err() == nil {
		c.s.log.Warn("connection closed", "client", c.net.RemoteAddr().String(), "broker", c.session.BrokerID(), "err", why)
	}
}

func (c *conn) answer(ctx context.Context) error {
	in := bufio.NewReaderSize(c.net, readAhead)
	for {
		if err := c.stayAwake(); err != nil {
			return err
		}
		frame, err := wire.ReadFrame(in, c.s.limit)
		if err != nil {
			return err
		}
		parts, err := c.session.Answer(ctx, frame)
		if err != nil {
			return err
		}
		if len(parts) == 0 {
			continue
		}
		out := net.Buffers(parts)
		if _, err := out.WriteTo(c.net); err != nil {
			return err
		}
	}
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
	return c.net.SetReadDeadline(now.Add(idle + idle/8))
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
