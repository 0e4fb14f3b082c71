package api_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/internal/api"
)

// framed puts a length before a frame.
func framed(frame []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...)
}

// TestHostileClients has clients say what no client should: their connection is closed, and the others are served.
func TestHostileClients(t *testing.T) {
	cluster := newCluster(t, memkafka.WithSetting("socket.request.max.bytes", "20000000"))
	if err := cluster.CreateTopic("t", 1); err != nil {
		t.Fatal(err)
	}
	l, err := cluster.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	bystander := dial(t, cluster, 1)
	header := func(key, version int16) []byte {
		h := binary.BigEndian.AppendUint16(nil, uint16(key))
		h = binary.BigEndian.AppendUint16(h, uint16(version))
		return append(h, 0, 0, 0, 9, 0xff, 0xff) // correlation id 9, no client id
	}
	heavy := append([]byte{0, 0x90, 0, 0}, make([]byte, 2*0x900000)...) // nine million topics without a name
	for _, tc := range []struct {
		name string
		says []byte
	}{
		{"a frame above the limit", []byte{0x7f, 0xff, 0xff, 0xff}},
		{"a frame just above the limit", binary.BigEndian.AppendUint32(nil, 20_000_001)},
		{"a negative length", []byte{0xff, 0xff, 0xff, 0xff}},
		{"an empty frame", framed(nil)},
		{"half a header", framed([]byte{0, 3, 0})},
		{"a client id that is longer than the frame", framed([]byte{0, 3, 0, 0, 0, 0, 0, 1, 0x7f, 0xff})},
		{"no key", framed(header(999, 0))},
		{"a negative key", framed(header(-1, 0))},
		{"a version that is gone", framed(header(0, 2))},
		{"a version that is to come", framed(header(3, 99))},
		{"a negative version", framed(header(3, -1))},
		{"a key for brokers alone", framed(header(4, 7))},
		{"no body", framed(header(1, 4))},
		{"an array that is longer than the frame", framed(append(header(3, 1), 0x7f, 0xff, 0xff, 0xff))},
		{"tags without an end", framed(append(header(3, 9), 0xff, 0xff, 0xff, 0xff, 0x0f))},
		{"tagged fields of the body without an end", framed(append(append(header(20, 6), 0), 1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f))},
		{"a produce with lying lengths", framed(append(header(0, 3), 0xff, 0xff, 0, 1, 0, 0, 0, 1, 0, 0x98, 0x96, 0x80))},
		{"an array whose elements take more memory than there is", framed(append(header(3, 1), heavy...))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", l.Addrs()[0])
			if err != nil {
				t.Fatal(err)
			}
			c := newClient(t, conn)
			go func() { _, _ = conn.Write(tc.says) }() // the broker may close before it has read it all
			c.closed()
			bystander.t = t
			ask[*kmsg.MetadataResponse](bystander, 12, metadataOf(false, "t"))
		})
	}
}

// TestClientsThatGoInTheMiddle leave a frame unfinished.
func TestClientsThatGoInTheMiddle(t *testing.T) {
	cluster := newCluster(t)
	frame := frameOf(metadataOf(false), 1)
	for n := range frame {
		c := dial(t, cluster, 1)
		if _, err := c.conn.Write(frame[:n]); err != nil {
			t.Fatal(err)
		}
		if err := c.conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
	ask[*kmsg.MetadataResponse](dial(t, cluster, 1), 12, metadataOf(false))
}

// TestPipelining sends requests ahead, and has them answered in order.
func TestPipelining(t *testing.T) {
	cluster := newCluster(t)
	if err := cluster.CreateTopic("t", 1); err != nil {
		t.Fatal(err)
	}
	c := dial(t, cluster, 1)
	var sent []kmsg.Request
	var ids []int32
	for i := range 100 {
		var r kmsg.Request = produceTo("t", [16]byte{}, 0, records("a", "1").Bytes())
		if i%3 == 0 {
			r = fetchFrom("t", [16]byte{}, int64(i-i/3)) // the end: it waits
		}
		r.SetVersion(9)
		sent, ids = append(sent, r), append(ids, c.send(r))
	}
	for i, r := range sent {
		c.receive(r, ids[i])
	}
}

// TestSlowReader has a client ask for much and read nothing: the broker holds what the connection takes and no more.
func TestSlowReader(t *testing.T) {
	cluster := newCluster(t)
	if err := cluster.CreateTopic("t", 1); err != nil {
		t.Fatal(err)
	}
	value := make([]byte, 1<<20-1000)
	for range 20 {
		if _, err := cluster.Produce("t", 0, memkafka.Record{Timestamp: memkafka.NoTimestamp, Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	slow := dial(t, cluster, 1)
	fetch := fetchFrom("t", [16]byte{}, 0)
	fetch.MaxBytes, fetch.Topics[0].Partitions[0].PartitionMaxBytes = 50<<20, 50<<20
	fetch.SetVersion(12)
	var ids []int32
	for range 5 {
		ids = append(ids, slow.send(fetch))
	}
	ask[*kmsg.MetadataResponse](dial(t, cluster, 1), 12, metadataOf(false, "t"))
	for _, id := range ids { // when it reads at last, it is all there
		if n := len(slow.receive(fetch, id).(*kmsg.FetchResponse).Topics[0].Partitions[0].RecordBatches); n < 19<<20 {
			t.Fatalf("%d bytes", n)
		}
	}
}

// TestManyConnections keeps ten thousand connections that say nothing.
func TestManyConnections(t *testing.T) {
	if testing.Short() {
		t.Skip("opens ten thousand connections")
	}
	cluster := newCluster(t)
	conns := make([]net.Conn, 10_000)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range conns {
		conn, err := cluster.Dial("tcp", cluster.Addrs()[0])
		if err != nil {
			t.Fatal(err)
		}
		conns[i] = conn
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	const most = 32 << 10 // both ends and their buffers
	if each := int64(after.HeapInuse+after.StackInuse-before.HeapInuse-before.StackInuse) / int64(len(conns)); each > most {
		t.Errorf("a connection that says nothing takes %d bytes, want at most %d", each, most)
	}
	ask[*kmsg.MetadataResponse](dial(t, cluster, 1), 12, metadataOf(false))
	cluster.Close()
	for i, conn := range conns {
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) {
			t.Fatalf("connection %d after the end: %v", i, err)
		}
	}
}

// TestEveryRequestThatIsServedCanBeRead has package wire know how each of them lies in bytes.
func TestEveryRequestThatIsServedCanBeRead(t *testing.T) {
	api.Served(func(key, least, most int16) {
		for v := least; v <= most; v++ {
			r := kmsg.RequestForKey(key)
			r.SetVersion(v)
			if _, err := api.Read(key, v, r.AppendTo(nil)); err != nil {
				t.Errorf("%s version %d: %v", kmsg.NameForKey(key), v, err)
			}
		}
	})
}
