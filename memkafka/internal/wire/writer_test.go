package wire_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// parted writes parts, the second, fourth and so on from where they are.
type parted []string

func (parted) Key() int16       { return 1 }
func (parted) IsFlexible() bool { return true }

func (p parted) AppendTo(dst []byte) []byte {
	for _, part := range p {
		dst = append(dst, part...)
	}
	return dst
}

func (p parted) WriteTo(w *wire.Writer) {
	for i, part := range p {
		if i%2 == 0 {
			w.Own = append(w.Own, part...)
		} else {
			w.Other([]byte(part))
		}
	}
}

func TestWriterPutsPartsTogether(t *testing.T) {
	var w wire.Writer
	for _, body := range []parted{{}, {"a"}, {"", "b"}, {"a", "b", "c"}, {"a", "", "c", "d"}, {"", "b", "", "d"}} {
		got := bytes.Join(w.Frame(7, body), nil)
		want := append(binary.BigEndian.AppendUint32(nil, 7), 0)
		want = body.AppendTo(want)
		want = append(binary.BigEndian.AppendUint32(nil, uint32(len(want))), want...)
		if !bytes.Equal(got, want) {
			t.Errorf("%q is written as %q, want %q", body, got, want)
		}
	}
}

func TestHeadersOfAnswers(t *testing.T) {
	for _, tc := range []struct {
		name    string
		body    kmsg.Response
		version int16
		tags    bool
	}{
		{"before KIP-482", kmsg.NewPtrMetadataResponse(), 8, false},
		{"since KIP-482", kmsg.NewPtrMetadataResponse(), 9, true},
		{"ApiVersions", kmsg.NewPtrApiVersionsResponse(), 4, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var w wire.Writer
			tc.body.SetVersion(tc.version)
			got := bytes.Join(w.Frame(7, tc.body), nil)
			want := 4 + 4 + len(tc.body.AppendTo(nil))
			if tc.tags {
				want++
			}
			if len(got) != want {
				t.Errorf("%d bytes, want %d", len(got), want)
			}
		})
	}
}

func TestOpaqueFrame(t *testing.T) {
	var w wire.Writer
	if got := bytes.Join(w.Opaque([]byte("token")), nil); string(got) != "\x00\x00\x00\x05token" {
		t.Errorf("%q", got)
	}
}

// TestAnswersOfEveryKey writes what kmsg reads, of every key in every version.
func TestAnswersOfEveryKey(t *testing.T) {
	var w wire.Writer
	for key := range int16(kmsg.MaxKey) + 1 {
		r := kmsg.ResponseForKey(key)
		if r == nil {
			continue
		}
		for v := range r.MaxVersion() + 1 {
			r.SetVersion(v)
			frame := bytes.Join(w.Frame(-7, r), nil)
			if n := binary.BigEndian.Uint32(frame); int(n) != len(frame)-4 {
				t.Errorf("%s version %d: a frame of %d bytes says %d", kmsg.NameForKey(key), v, len(frame)-4, n)
			}
			if id := int32(binary.BigEndian.Uint32(frame[4:])); id != -7 {
				t.Errorf("%s version %d: correlation id %d", kmsg.NameForKey(key), v, id)
			}
			body := frame[8:]
			if wire.Flexible(key, v) && key != 18 {
				body = body[1:]
			}
			again := kmsg.ResponseForKey(key)
			again.SetVersion(v)
			if err := again.ReadFrom(body); err != nil {
				t.Errorf("%s version %d: %v", kmsg.NameForKey(key), v, err)
			}
			if !bytes.Equal(again.AppendTo(nil), body) {
				t.Errorf("%s version %d does not come back as it was", kmsg.NameForKey(key), v)
			}
		}
	}
}
