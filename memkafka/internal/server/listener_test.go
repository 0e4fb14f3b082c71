package server_test

import (
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/server"
)

func three(s *cluster.Settings) { s.Brokers = 3 }

// TestClientsAreToldTheAddressesOfTheirListener listens three times (KIP-103).
func TestClientsAreToldTheAddressesOfTheirListener(t *testing.T) {
	s := newServer(t, three)
	inside := listen(t, s, "127.0.0.1:0", server.ListenOptions{})
	outside := listen(t, s, "127.0.0.1:0", server.ListenOptions{Name: "OUTSIDE", Advertise: "localhost"})
	everywhere := listen(t, s, ":0", server.ListenOptions{Name: "EVERYWHERE"})
	for name, l := range map[string]*server.Listener{"inside": inside, "outside": outside, "everywhere": everywhere} {
		for i, addr := range l.Addrs() {
			_, port, err := net.SplitHostPort(addr)
			if err != nil {
				t.Fatal(err)
			}
			told := metadata(t, dial(t, net.JoinHostPort("127.0.0.1", port)))
			if !slices.Equal(told, l.Addrs()) {
				t.Errorf("%s: broker %d says %v, want %v", name, i+1, told, l.Addrs())
			}
		}
	}
	for _, addr := range append(outside.Addrs(), everywhere.Addrs()...) {
		if !strings.HasPrefix(addr, "localhost:") {
			t.Errorf("%s is advertised, want localhost", addr)
		}
	}
	if told := metadata(t, dialMemory(t, s)); !slices.Equal(told, s.Memory()) {
		t.Errorf("in memory %v is said, want %v", told, s.Memory())
	}
}

// TestBrokersTakeConsecutivePorts looks for three ports in a row.
func TestBrokersTakeConsecutivePorts(t *testing.T) {
	s := newServer(t, three)
	for try := range 20 {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := free.Addr().(*net.TCPAddr).Port
		if err := free.Close(); err != nil {
			t.Fatal(err)
		}
		l, err := s.Listen(t.Context(), "127.0.0.1:"+strconv.Itoa(port), server.ListenOptions{Name: "TRY" + strconv.Itoa(try)})
		if err != nil {
			continue // somebody has the next one
		}
		for i, addr := range l.Addrs() {
			if want := "127.0.0.1:" + strconv.Itoa(port+i); addr != want {
				t.Errorf("broker %d is at %s, want %s", i+1, addr, want)
			}
		}
		return
	}
	t.Skip("no three ports in a row are free")
}

func TestListenRefuses(t *testing.T) {
	s := newServer(t, three)
	l := listen(t, s, "127.0.0.1:0", server.ListenOptions{})
	for _, tc := range []struct {
		name, addr string
		o          server.ListenOptions
		want       string
	}{
		{"no port", "127.0.0.1", server.ListenOptions{Name: "A"}, "give HOST:PORT"},
		{"a port by name", "127.0.0.1:kafka", server.ListenOptions{Name: "A"}, `no ports for 3 brokers from "kafka" on`},
		{"too few ports left", "127.0.0.1:65534", server.ListenOptions{Name: "A"}, "no ports for 3 brokers"},
		{"a port that is taken", l.Addrs()[0], server.ListenOptions{Name: "A"}, "listen for broker 1"},
		{"a name that is taken", "127.0.0.1:0", server.ListenOptions{}, "listener PLAINTEXT exists already"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := s.Listen(t.Context(), tc.addr, tc.o); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
	if _, err := s.Dial(t.Context(), "elsewhere:9092"); err == nil || !strings.Contains(err.Error(), `"elsewhere:9092"`) {
		t.Errorf("dial to nowhere: %v", err)
	}
	s.Close()
	if _, err := s.Listen(t.Context(), "127.0.0.1:0", server.ListenOptions{Name: "LATE"}); !errors.Is(err, server.ErrClosed) {
		t.Errorf("listen after the end: %v", err)
	}
}
