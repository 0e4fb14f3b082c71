package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

func framed(b []byte) []byte { return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...) }

func TestReadFrame(t *testing.T) {
	large := bytes.Repeat([]byte("large"), 1<<18)
	for _, tc := range []struct {
		name  string
		input []byte
		want  []byte
		err   error
	}{
		{"a frame", framed([]byte("hello")), []byte("hello"), nil},
		{"an empty frame", framed(nil), []byte{}, nil},
		{"a large frame", framed(large), large, nil},
		{"nothing", nil, nil, io.EOF},
		{"half a length", []byte{0, 0}, nil, io.ErrUnexpectedEOF},
		{"a length alone", []byte{0, 0, 0, 5}, nil, io.ErrUnexpectedEOF},
		{"half a frame", framed([]byte("hello"))[:7], nil, io.ErrUnexpectedEOF},
		{"half a large frame", framed(large)[:1<<20], nil, io.ErrUnexpectedEOF},
		{"a negative length", []byte{0x80, 0, 0, 0}, nil, wire.ErrFrame},
		{"above the limit", framed(make([]byte, 2<<20+1)), nil, wire.ErrFrame},
	} {
		for name, trust := range map[string]*wire.Trust{"trusted": wire.NewTrust(8 << 20), "not trusted": {}} {
			t.Run(tc.name+"/"+name, func(t *testing.T) {
				got, err := wire.ReadFrame(iotest.HalfReader(bytes.NewReader(tc.input)), 2<<20, trust)
				if !errors.Is(err, tc.err) {
					t.Fatalf("error %v, want %v", err, tc.err)
				}
				if err == nil && !bytes.Equal(got, tc.want) {
					t.Fatalf("%d bytes, want %d", len(got), len(tc.want))
				}
			})
		}
	}
}

// TestTrustIsGivenBack reads more large frames than are trusted at once.
func TestTrustIsGivenBack(t *testing.T) {
	trust := wire.NewTrust(1 << 20)
	frame := framed(make([]byte, 1<<20))
	for range 3 {
		allocated := testing.AllocsPerRun(20, func() {
			if _, err := wire.ReadFrame(bytes.NewReader(frame), 1<<20, trust); err != nil {
				t.Fatal(err)
			}
		})
		if allocated > 4 { // one is the frame's; it does not grow
			t.Fatalf("%v allocations", allocated)
		}
	}
}

func FuzzReadFrame(f *testing.F) {
	f.Add([]byte{})
	f.Add(framed([]byte("hello")))
	f.Add([]byte{0x7f, 0xff, 0xff, 0xff, 1})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Add(append(framed([]byte("a")), framed([]byte("b"))...))
	f.Fuzz(func(t *testing.T, input []byte) {
		const limit = 1 << 20
		r := bytes.NewReader(input)
		for {
			at := len(input) - r.Len()
			frame, err := wire.ReadFrame(r, limit, &wire.Trust{})
			if err != nil {
				return
			}
			if again := framed(frame); !bytes.HasPrefix(input[at:], again) {
				t.Fatalf("frame %q was read from %q", frame, input[at:])
			}
		}
	})
}
