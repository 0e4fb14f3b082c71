package server_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/seam"
	"github.com/gokasim/gokasim/memkafka/internal/server"
)

// patience bounds every wait.
const patience = 30 * time.Second

// newServer is the wire door of a cluster whose settings change changed. Both end with the test.
func newServer(t *testing.T, change func(s *cluster.Settings)) *server.Server {
	t.Helper()
	settings := cluster.DefaultSettings()
	if change != nil {
		change(&settings)
	}
	engine := seam.New(settings, seam.Free)
	t.Cleanup(engine.Close)
	s, err := server.New(engine, server.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func listen(t *testing.T, s *server.Server, addr string, o server.ListenOptions) *server.Listener {
	t.Helper()
	l, err := s.Listen(t.Context(), addr, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// dial connects over TCP.
func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // it may be closed already
	return c
}

// dialMemory connects to the first broker.
func dialMemory(t *testing.T, s *server.Server) net.Conn {
	t.Helper()
	c, err := s.Dial(t.Context(), s.Memory()[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // it may be closed already
	return c
}

func request(r kmsg.Request, version int16, id int32) []byte {
	r.SetVersion(version)
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("client")).AppendRequest(nil, r, id)
}

// apiVersions is a request that every broker answers.
func apiVersions() []byte { return request(kmsg.NewPtrApiVersionsRequest(), 0, 1) }

func write(t *testing.T, c net.Conn, b []byte) {
	t.Helper()
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
}

// readFrame is the next frame that a broker sends, without its length.
func readFrame(c net.Conn) ([]byte, error) {
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	var length [4]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return nil, err
	}
	frame := make([]byte, binary.BigEndian.Uint32(length[:]))
	_, err := io.ReadFull(c, frame)
	return frame, err
}

// answered fails unless the broker answers now.
func answered(t *testing.T, c net.Conn) {
	t.Helper()
	write(t, c, apiVersions())
	if _, err := readFrame(c); err != nil {
		t.Fatalf("no answer: %v", err)
	}
}

// closed fails unless the broker closes the connection without a word.
func closed(t *testing.T, c net.Conn) {
	t.Helper()
	if frame, err := readFrame(c); err == nil {
		t.Fatalf("the broker said %d bytes, want the connection closed", len(frame))
	} else if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the connection is open")
	}
}

// metadata asks a broker who the brokers are, and returns their addresses.
func metadata(t *testing.T, c net.Conn) []string {
	t.Helper()
	ask := kmsg.NewPtrMetadataRequest()
	write(t, c, request(ask, 12, 1))
	frame, err := readFrame(c)
	if err != nil {
		t.Fatal(err)
	}
	answer := kmsg.NewPtrMetadataResponse()
	answer.SetVersion(12)
	if err := answer.ReadFrom(frame[5:]); err != nil {
		t.Fatal(err)
	}
	var addrs []string
	for _, b := range answer.Brokers {
		addrs = append(addrs, net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port))))
	}
	return addrs
}

// soon runs f and fails if it takes too long.
func soon(t *testing.T, what string, f func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		t.Fatalf("%s: not within %v", what, patience)
	}
}
