package api_test

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/api"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/seam"
)

// oneNode is a directory with one broker.
type oneNode struct{}

func (oneNode) Nodes(string) []api.Node { return []api.Node{{ID: 1, Host: "localhost", Port: 9092}} }

// FuzzRequests puts any body to a broker, as a request of any key and version: it may be refused or answered, and the answer
// has to be one that a client can read.
func FuzzRequests(f *testing.F) {
	topic := "t"
	seeds := []kmsg.Request{
		metadataOf(true, "t", "made"), produceTo("t", [16]byte{}, 0, records("a", "1").Bytes()), fetchFrom("t", [16]byte{}, 0), offsetsOf("t", 0, -1),
		joining("g", "", nil), syncing("g", "m", 1, nil, "m", "x"), beating("g", "m", 1), committing("g", "", -1, "t", [16]byte{}, 0, 1), fetching("g", "t", [16]byte{}, 0),
		creating(topicSpec("made", 2, 1)), deleting("t"), describing(kmsg.ConfigResourceTypeTopic, "t"), initializing("x"), adding("x", 0, 0, "t", 0), ending("x", 0, 0, true),
		heartbeatOf("g", "m", 0, "t"), describingConsumers("g"), about("User:a"), coordinatorOf(0, "g"),
		&kmsg.DescribeTopicPartitionsRequest{Topics: []kmsg.DescribeTopicPartitionsRequestTopic{{Topic: topic}}, Cursor: &kmsg.DescribeTopicPartitionsRequestCursor{Topic: topic}},
	}
	api.Served(func(key, least, most int16) {
		for v := least; v <= most; v++ {
			r := kmsg.RequestForKey(key)
			r.SetVersion(v)
			f.Add(key, v, r.AppendTo(nil))
			for _, s := range seeds {
				if s.Key() == key {
					s.SetVersion(v)
					f.Add(key, v, s.AppendTo(nil))
				}
			}
		}
	})
	f.Fuzz(func(t *testing.T, key, version int16, body []byte) {
		engine := seam.New(cluster.DefaultSettings(), seam.Free)
		defer engine.Close()
		if err := engine.Do(func(core *cluster.Cluster, now kafka.Millis) {
			made, err := core.CreateTopic(cluster.TopicSpec{Name: "t", Partitions: 2})
			if err == nil {
				_, err = core.Produce(now, made.Partitions[0], batch.FromRecords([]kafka.Record{{Timestamp: 1, Key: []byte("k"), Value: []byte("v")}}))
			}
			if err != nil {
				t.Fatal(err)
			}
		}); err != nil {
			t.Fatal(err)
		}
		door, err := api.NewDoor(engine, oneNode{}, "")
		if err != nil {
			t.Fatal(err)
		}
		session := door.Broker(1).Session(api.Entrance{Listener: "PLAINTEXT", Address: "127.0.0.1"})
		defer session.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond) // some requests wait
		defer cancel()
		parts, err := session.Answer(ctx, frameWith(key, version, body))
		if err != nil || len(parts) == 0 {
			return
		}
		readable(t, key, version, parts)
	})
}

func frameWith(key, version int16, body []byte) []byte {
	r := kmsg.RequestForKey(key)
	frame := binary.BigEndian.AppendUint16(nil, uint16(key))
	frame = binary.BigEndian.AppendUint16(frame, uint16(version))
	frame = append(frame, 0, 0, 0, 7, 0xff, 0xff)
	if r != nil && version >= 0 && version <= r.MaxVersion() {
		if r.SetVersion(version); r.IsFlexible() {
			frame = append(frame, 0)
		}
	}
	return append(frame, body...)
}

// readable fails unless an answer is one that a client can read.
func readable(t *testing.T, key, version int16, parts [][]byte) {
	t.Helper()
	var frame []byte
	for _, p := range parts {
		frame = append(frame, p...)
	}
	if n := int(binary.BigEndian.Uint32(frame)); n != len(frame)-4 {
		t.Fatalf("the answer says %d bytes and has %d", n, len(frame)-4)
	}
	response := kmsg.ResponseForKey(key)
	if key == 18 && version > 4 {
		version = 0 // the answer to a version that is not served
	}
	response.SetVersion(version)
	body := frame[8:]
	if response.IsFlexible() && key != 18 {
		body = body[1:]
	}
	if err := response.ReadFrom(body); err != nil {
		t.Fatalf("answer to %s version %d: %v", kmsg.NameForKey(key), version, err)
	}
}

// FuzzReadRequest decodes any body, encodes what it was taken for, and decodes that again.
func FuzzReadRequest(f *testing.F) {
	api.Served(func(key, least, most int16) {
		for v := least; v <= most; v++ {
			r := kmsg.RequestForKey(key)
			r.SetVersion(v)
			f.Add(key, v, r.AppendTo(nil))
		}
	})
	f.Fuzz(func(t *testing.T, key, version int16, body []byte) {
		served := false
		api.Served(func(k, least, most int16) { served = served || k == key && least <= version && version <= most })
		if !served {
			return
		}
		read, err := api.Read(key, version, body)
		if err != nil {
			return
		}
		again, err := api.Read(key, version, read.AppendTo(nil))
		if err != nil {
			t.Fatalf("%s version %d, written again, cannot be read: %v", kmsg.NameForKey(key), version, err)
		}
		if a, b := read.AppendTo(nil), again.AppendTo(nil); string(a) != string(b) {
			t.Fatalf("%s version %d: %x and %x", kmsg.NameForKey(key), version, a, b)
		}
	})
}
