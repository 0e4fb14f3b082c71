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
