package group

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/internal/kafka"
)

// recorded reads what Apache Kafka wrote.
func recorded(t *testing.T) []kafka.Record {
	t.Helper()
	f, err := os.Open("testdata/recorded/records")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var records []kafka.Record
	for lines := bufio.NewScanner(f); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), " ")
		if key == "#" {
			continue
		}
		r := kafka.Record{Key: unhex(key)}
		if value != "-" {
			r.Value = unhex(value)
		}
		records = append(records, r)
	}
	return records
}

// TestRecordsAreKafkas reads each record and writes it again. Kafka leaves the order of topics to chance, so where there
// are several the meaning is compared.
func TestRecordsAreKafkas(t *testing.T) {
	kinds := map[int16]int{}
	for _, r := range recorded(t) {
		k := reader{b: r.Key}
		kind := k.int16()
		kinds[kind]++
		var again kafka.Record
		switch {
		case kind == keyOffset:
			o, err := decodeOffset(r.Value)
			if err != nil {
				t.Fatal(err)
			}
			group, topic := k.string(), k.string()
			again = kafka.Record{Key: encodeOffsetKey(group, kafka.TopicPartition{Topic: topic, Partition: k.int32()}), Value: o.encode()}
		case kind == keyMetadata:
			c := classic{core: &core{id: k.string(), topics: Topics{}}}
			if err := c.replayMetadata(r.Value); err != nil {
				t.Fatal(err)
			}
			again.Key = encodeMetadataKey(c.id)
			if r.Value != nil {
				again.Value = c.encode()
			}
		case hasName(kind) || kind == keyEpoch || kind == keyTargetEpoch:
			state, err := decodeState(r)
			if err != nil {
				t.Fatal(err)
			}
			again = encodeState(k.string(), state)
		default:
			continue
		}
		if !bytes.Equal(r.Key, again.Key) {
			t.Errorf("key %x is written as %x", r.Key, again.Key)
		}
		if bytes.Equal(r.Value, again.Value) {
			continue
		}
		if kind != keyTarget && kind != keyProgress {
			t.Errorf("kind %d: %x is written as %x", kind, r.Value, again.Value)
			continue
		}
		theirs, _ := decodeState(r)
		ours, err := decodeState(again)
		allow := cmp.AllowUnexported(targetRecord{}, progressRecord{}, memberProgress{}, part{})
		if diff := cmp.Diff(theirs, ours, allow); diff != "" || err != nil {
			t.Errorf("kind %d: %v\n%s", kind, err, diff)
		}
	}
	for _, kind := range []int16{keyOffset, keyMetadata, keyEpoch, keyMember, keyTargetEpoch, keyTarget, keyProgress} {
		if kinds[kind] == 0 {
			t.Errorf("no record of kind %d is among them", kind)
		}
	}
}

// TestReplayOfKafkasRecords takes over the groups that Apache Kafka left behind.
func TestReplayOfKafkasRecords(t *testing.T) {
	entries := []Entry{{Records: recorded(t)}}
	for _, tt := range []struct {
		group      string
		kind       Type
		generation int32
		offsets    int
	}{
		{"newg", Consumer, 5, 3},
		{"oldg", Classic, 3, 2},
		{"mixg", Classic, 4, 2},
	} {
		g, _, err := Replay(tt.group, DefaultConfig(), nil, 0, entries)
		if err != nil {
			t.Fatal(err)
		}
		if g.Type() != tt.kind || g.State() != Empty || g.Generation() != tt.generation || len(g.Offsets()) != tt.offsets {
			t.Errorf("%s: %s %s in generation %d with %d offsets", tt.group, g.Type(), g.State(), g.Generation(), len(g.Offsets()))
		}
		for _, o := range g.Offsets() {
			if o.Offset < 0 || o.Offset > 40 {
				t.Errorf("%s: %+v", tt.group, o)
			}
		}
	}
	// A group in the middle of its life has its members.
	var half []kafka.Record
	for _, r := range entries[0].Records {
		if r.Value == nil {
			break
		}
		half = append(half, r)
	}
	g, _, err := Replay("newg", DefaultConfig(), nil, 0, []Entry{{Records: half}})
	if err != nil {
		t.Fatal(err)
	}
	if len(g.Members()) != 2 || g.State() != Stable {
		t.Errorf("%s with %d members", g.State(), len(g.Members()))
	}
}
