package page

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func TestBytesAsTheyAreShown(t *testing.T) {
	for _, c := range []struct {
		name, as string
		b        []byte
		limit    int
		want     Value
	}{
		{"null", Auto, nil, 10, Value{Kind: "null"}},
		{"empty", Auto, []byte{}, 10, Value{Kind: "empty"}},
		{"text", Auto, []byte("<script>"), 10, Value{Kind: "text", Text: "<script>", Size: 8}},
		{"JSON", Auto, []byte(`{"a":1}`), 10, Value{Kind: "json", Text: "{\n  \"a\": 1\n}", Size: 7}},
		{"JSON as text", Text, []byte(`{"a":1}`), 10, Value{Kind: "text", Text: `{"a":1}`, Size: 7}},
		{"no JSON", JSON, []byte(`{"a":`), 10, Value{Kind: "text", Text: `{"a":`, Size: 5}},
		{"binary", Auto, []byte{0, 0xff}, 10, Value{Kind: "hex", Text: "00000000  00 ff                                             |..|\n", Size: 2}},
		{"binary as text", Text, []byte{'a', 0xff}, 10, Value{Kind: "text", Text: "a\uFFFD", Size: 2}},
		{"long text is cut between letters", Auto, []byte("aéé"), 4, Value{Kind: "text", Text: "aé", Size: 5, Cut: true}},
		{"cut JSON is text", JSON, []byte(`{"a":1}`), 4, Value{Kind: "text", Text: `{"a"`, Size: 7, Cut: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := ShowBytes(c.b, c.as, c.limit); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
	if v := ShowBytes(make([]byte, 100<<20), Auto, 1000); len(v.Text) > 10000 || v.Note() != "the beginning of 100.0 MiB" {
		t.Errorf("a great value is %d bytes of text, %q", len(v.Text), v.Note())
	}
}

func TestNamesOfThisMachine(t *testing.T) {
	local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}
	for host, want := range map[string]bool{"localhost:80": true, "127.0.0.1": true, "[::1]:80": true, "x.localhost": true, "evil.example:80": false, "": false} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = host
		if got := isLocal(r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, local))); got != want {
			t.Errorf("%q is local: %v", host, got)
		}
	}
	if r := httptest.NewRequest("GET", "/", nil); !isLocal(r) {
		t.Error("a request that came over no loopback address is refused")
	}
}

func TestPathsAndNumbers(t *testing.T) {
	s := New("a//b", "t", fstest.MapFS{})
	if got := s.Path("x/y", "..", "<"); got != "/a/b/x%2Fy/%2E%2E/%3C" {
		t.Errorf("path is %s", got)
	}
	for d, want := range map[time.Duration]string{0: "0 s", 1500 * time.Microsecond: "1.5 ms", 999_900 * time.Microsecond: "999 ms", 61 * time.Second: "1 min 1 s", -time.Hour: "–1 h 0 min", 50 * time.Hour: "2 d 2 h"} {
		if got := Duration(d); got != want {
			t.Errorf("%d is %s, want %s", d, got, want)
		}
	}
	if got := Ranges([]int32{0, 1, 2, 5, 7, 8}, ", "); got != "0–2, 5, 7, 8" {
		t.Errorf("ranges are %s", got)
	}
	if got := strings.ReplaceAll(Count(-1234567)+" "+Count(12), "\u202f", "_"); got != "-1_234_567 12" {
		t.Errorf("counts are %s", got)
	}
}
