package server_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/server"
)

// TestMaxConnections lets a client wait that is one too many, until another goes (max.connections).
func TestMaxConnections(t *testing.T) {
	s := newServer(t, func(s *cluster.Settings) { s.MaxConnections = 2 })
	l := listen(t, s, "127.0.0.1:0", server.ListenOptions{})
	first, second := dial(t, l.Addrs()[0]), dial(t, l.Addrs()[0])
	answered(t, first)
	answered(t, second)

	third := dial(t, l.Addrs()[0])
	write(t, third, apiVersions())
	if err := third.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := third.Read(make([]byte, 1)); err == nil {
		t.Fatalf("the third connection is answered with %d bytes, and there is room for two", n)
	}
	answered(t, first) // the others are none the worse
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := readFrame(third); err != nil {
		t.Fatalf("the third connection is not answered after the second has gone: %v", err)
	}
}

// TestMaxConnectionsInMemory has Dial wait for a place, as long as its context and the server let it.
func TestMaxConnectionsInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, func(s *cluster.Settings) { s.MaxConnections = 1 })
		first := dialMemory(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Dial(ctx, s.Memory()[0]); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("dial of one too many: %v, want that the time is over", err)
		}
		dialled := make(chan net.Conn)
		go func() {
			c, err := s.Dial(t.Context(), s.Memory()[0])
			if err != nil {
				t.Error(err)
			}
			dialled <- c
		}()
		synctest.Wait()
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		second := <-dialled
		answered(t, second)
		refused := make(chan error)
		go func() {
			_, err := s.Dial(context.WithoutCancel(t.Context()), s.Memory()[0])
			refused <- err
		}()
		synctest.Wait()
		s.Close()
		if err := <-refused; !errors.Is(err, server.ErrClosed) {
			t.Errorf("dial while the server closes: %v", err)
		}
	})
}

// TestMaxConnectionsPerIP closes what is one too many from one address (max.connections.per.ip).
func TestMaxConnectionsPerIP(t *testing.T) {
	s := newServer(t, func(s *cluster.Settings) { s.MaxConnectionsPerIP = 2 })
	l := listen(t, s, "127.0.0.1:0", server.ListenOptions{})
	first, second := dial(t, l.Addrs()[0]), dial(t, l.Addrs()[0])
	answered(t, first)
	answered(t, second)
	closed(t, dial(t, l.Addrs()[0]))
	elsewhere := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}, Timeout: patience}
	if c, err := elsewhere.Dial("tcp", l.Addrs()[0]); err == nil { // not every system has such an address
		answered(t, c)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	answered(t, first)
}

// TestIdleConnectionsAreClosed closes who says nothing for connections.max.idle.ms, and nobody else.
func TestIdleConnectionsAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, func(s *cluster.Settings) { s.MaxIdle = 60_000 })
		idle, busy := dialMemory(t, s), dialMemory(t, s)
		answered(t, idle)
		if err := idle.SetDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		done := make(chan struct{})
		go func() {
			defer close(done)
			if _, err := idle.Read(make([]byte, 1)); err == nil {
				t.Error("an idle connection is told something")
			}
			if took := time.Since(began); took < time.Minute || took > 68*time.Second {
				t.Errorf("closed after %v, want a minute", took)
			}
		}()
		for range 10 {
			answered(t, busy)
			<-time.After(30 * time.Second)
		}
		<-done
		answered(t, busy)
	})
}

// TestReadersThatTakeNothingAreClosed sends requests and reads no answer.
func TestReadersThatTakeNothingAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, func(s *cluster.Settings) { s.MaxIdle = 60_000 })
		c := dialMemory(t, s)
		began := time.Now()
		for {
			if _, err := c.Write(apiVersions()); err != nil {
				break
			}
		}
		if took := time.Since(began); took < time.Minute || took > 3*time.Minute {
			t.Errorf("closed after %v, want a minute after it took the last", took)
		}
	})
}

// TestSlowReadersAreServed reads answers very slowly, yet some of them now and then.
func TestSlowReadersAreServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, func(s *cluster.Settings) { s.MaxIdle = 60_000 })
		c := dialMemory(t, s)
		const requests = 3000 // whose answers do not fit into the connection
		go func() {
			for range requests {
				if _, err := c.Write(apiVersions()); err != nil {
					t.Error(err)
					return
				}
			}
		}()
		for i := range requests {
			if i%500 == 0 {
				<-time.After(50 * time.Second)
			}
			if _, err := readFrame(c); err != nil {
				t.Fatalf("answer %d: %v", i, err)
			}
		}
	})
}
