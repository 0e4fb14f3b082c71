package wire_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// TestParseHeader reads what kmsg writes, of every key in every version.
func TestParseHeader(t *testing.T) {
	for _, id := range []string{"", "client", "ünïcode"} {
		formatter := kmsg.NewRequestFormatter(kmsg.FormatterClientID(id))
		for key := range int16(kmsg.MaxKey) + 1 {
			r := kmsg.RequestForKey(key)
			if r == nil || key == 7 { // whose first version has a header of its own, and is gone
				continue
			}
			for v := range r.MaxVersion() + 1 {
				r.SetVersion(v)
				h, body, err := wire.ParseHeader(formatter.AppendRequest(nil, r, 42)[4:])
				if err != nil {
					t.Fatalf("%s version %d: %v", kmsg.NameForKey(key), v, err)
				}
				if diff := cmp.Diff(wire.Header{Key: key, Version: v, CorrelationID: 42, ClientID: id}, h); diff != "" {
					t.Errorf("%s version %d (-want +got):\n%s", kmsg.NameForKey(key), v, diff)
				}
				if want := r.AppendTo(nil); !bytes.Equal(body, want) {
					t.Errorf("%s version %d: body %q, want %q", kmsg.NameForKey(key), v, body, want)
				}
			}
		}
	}
}

func TestParseHeaderRefuses(t *testing.T) {
	for name, frame := range map[string][]byte{
		"nothing":                 {},
		"half a header":           {0, 3, 0, 1, 0, 0, 0},
		"a client id cut off":     {0, 3, 0, 1, 0, 0, 0, 1, 0, 5, 'a'},
		"no tags":                 {0, 3, 0, 9, 0, 0, 0, 1, 0, 0},
		"tags cut off":            {0, 3, 0, 9, 0, 0, 0, 1, 0, 0, 2, 0, 1, 7},
		"a tag that is too long":  {0, 3, 0, 9, 0, 0, 0, 1, 0, 0, 1, 0, 9, 7},
		"a number without an end": {0, 3, 0, 9, 0, 0, 0, 1, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := wire.ParseHeader(frame); !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestTagsOfAHeaderArePassedOver(t *testing.T) {
	_, body, err := wire.ParseHeader([]byte{0, 3, 0, 9, 0, 0, 0, 1, 0, 0, 2, 0, 1, 7, 5, 0, 'b'})
	if err != nil || string(body) != "b" {
		t.Errorf("body %q, %v", body, err)
	}
}

func FuzzParseHeader(f *testing.F) {
	f.Add([]byte{0, 3, 0, 1, 0, 0, 0, 1, 0, 1, 'a'})
	f.Add([]byte{0, 3, 0, 9, 0, 0, 0, 1, 0, 1, 'a', 1, 0, 1, 7})
	f.Add([]byte{0, 18, 0, 4, 0, 0, 0, 1, 0xff, 0xff, 0})
	f.Fuzz(func(t *testing.T, frame []byte) {
		h, body, err := wire.ParseHeader(frame)
		if err != nil {
			return
		}
		if !bytes.HasSuffix(frame, body) || len(body)+len(h.ClientID) > len(frame) {
			t.Fatalf("header %+v and body %q of %q", h, body, frame)
		}
	})
}
