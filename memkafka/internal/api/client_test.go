package api_test

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/memkafka"
)

// client is a connection to a broker that says what it is told to say.
type client struct {
	t    testing.TB
	conn net.Conn
	next int32 // correlation id
}

// patience bounds every wait for an answer.
const patience = 30 * time.Second

func newClient(t testing.TB, conn net.Conn) *client {
	t.Helper()
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &client{t: t, conn: conn}
}

// dial connects to a broker in memory.
func dial(t testing.TB, cluster *memkafka.Cluster, broker int) *client {
	t.Helper()
	conn, err := cluster.Dial("tcp", cluster.Addrs()[broker-1])
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, conn)
}

// newCluster is a cluster of one broker that closes with the test.
func newCluster(t testing.TB, options ...memkafka.Option) *memkafka.Cluster {
	t.Helper()
	c := memkafka.New(options...)
	t.Cleanup(c.Close)
	return c
}

// send writes a request, and returns its correlation id.
func (c *client) send(r kmsg.Request) int32 {
	c.t.Helper()
	c.next++
	if _, err := c.conn.Write(frameOf(r, c.next)); err != nil {
		c.t.Fatalf("write %s: %v", kmsg.NameForKey(r.Key()), err)
	}
	return c.next
}

// frameOf is a request as it goes over the wire.
func frameOf(r kmsg.Request, correlationID int32) []byte {
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("client")).AppendRequest(nil, r, correlationID)
}

// receive reads the answer to a request.
func (c *client) receive(r kmsg.Request, correlationID int32) kmsg.Response {
	c.t.Helper()
	frame, err := c.readFrame()
	if err != nil {
		c.t.Fatalf("answer to %s version %d: %v", kmsg.NameForKey(r.Key()), r.GetVersion(), err)
	}
	if id := int32(binary.BigEndian.Uint32(frame)); id != correlationID {
		c.t.Fatalf("answer to request %d came, want %d", id, correlationID)
	}
	body := frame[4:]
	response := r.ResponseKind()
	response.SetVersion(r.GetVersion())
	if response.IsFlexible() && response.Key() != 18 {
		body = body[1:]
	}
	if err := response.ReadFrom(body); err != nil {
		c.t.Fatalf("answer to %s version %d: %v", kmsg.NameForKey(r.Key()), r.GetVersion(), err)
	}
	return response
}

func (c *client) readFrame() ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(c.conn, length[:]); err != nil {
		return nil, err
	}
	frame := make([]byte, binary.BigEndian.Uint32(length[:]))
	_, err := io.ReadFull(c.conn, frame)
	return frame, err
}

// ask sends a request in a version and returns its answer.
func ask[R kmsg.Response](c *client, version int16, r kmsg.Request) R {
	c.t.Helper()
	r.SetVersion(version)
	return c.receive(r, c.send(r)).(R)
}

// closed waits until the broker closes the connection.
func (c *client) closed() {
	c.t.Helper()
	if frame, err := c.readFrame(); err == nil {
		c.t.Fatalf("the connection was answered with %d bytes, want it closed", len(frame))
	}
}
