package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/api"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/sasl"
	"github.com/gokasim/gokasim/memkafka/internal/seam"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// Config is the settings of a server.
type Config struct {
	Log *slog.Logger // gets a line when a connection is closed on a client; none unless set
}

// CheckRelease says what is wrong with the name of a release that brokers shall pose as.
func CheckRelease(name string) error { return api.CheckRelease(name) }

// CheckMechanism says what is wrong with the name of a SASL mechanism.
func CheckMechanism(name string) error {
	if !slices.Contains(sasl.Mechanisms(), name) {
		return fmt.Errorf("SASL mechanism %q is unknown; there are %s", name, strings.Join(sasl.Mechanisms(), ", "))
	}
	return nil
}

// PredatesKIP890 reports whether a release knows no transaction.version 2.
func PredatesKIP890(name string) bool { return api.PredatesKIP890(name) }

// Server is the wire door of one cluster. Its methods may be called from any goroutine.
type Server struct {
	log     *slog.Logger
	limit   int // bytes of a request
	trust   *wire.Trust
	idle    time.Duration // of a connection, negative for ever
	door    *api.Door
	brokers []*api.Broker
	rooms   []*room // of brokers
	memory  *Listener
	ctx     context.Context // ends with the server
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu        sync.Mutex // guards all below
	closed    bool
	listeners map[string]*Listener
	conns     map[*conn]struct{}
}

// trustedBytes is how much memory large requests get before their bytes arrive, all together.
const trustedBytes = 128 << 20

// ErrClosed reports a call on a server that was closed.
var ErrClosed = errors.New("memkafka: the cluster's listeners are closed")

// New returns a server without listeners.
func New(engine *seam.Engine, cfg Config) (*Server, error) {
	s := &Server{log: cfg.Log, trust: wire.NewTrust(trustedBytes), listeners: map[string]*Listener{}, conns: map[*conn]struct{}{}}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	var settings cluster.Settings
	if err := engine.Do(func(core *cluster.Cluster, _ kafka.Millis) { settings = core.Settings() }); err != nil {
		return nil, err
	}
	s.limit, s.idle = int(settings.MaxRequestBytes), time.Duration(settings.MaxIdle)*time.Millisecond
	s.ctx, s.cancel = context.WithCancel(context.Background())
	door, err := api.NewDoor(engine, directory{s}, settings.AsVersion)
	if err != nil {
		return nil, err
	}
	s.door = door
	for id := range settings.Brokers {
		s.brokers = append(s.brokers, door.Broker(id+1))
		s.rooms = append(s.rooms, newRoom(settings.MaxConnections, settings.MaxConnectionsPerIP))
	}
	s.memory = s.memoryListener()
	return s, s.add(s.memory)
}

// Close ends all listeners and connections, and returns when all of their goroutines have ended. It may be called twice.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	listeners := s.listeners
	s.listeners = map[string]*Listener{}
	conns := s.conns
	s.conns = map[*conn]struct{}{}
	s.mu.Unlock()
	s.cancel()
	for _, l := range listeners {
		l.stop()
	}
	for c := range conns {
		c.stop()
	}
	s.running.Wait()
}

// directory tells the brokers' answers where brokers listen.
type directory struct{ s *Server }

func (d directory) Nodes(listener string) []api.Node {
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	if l := d.s.listeners[listener]; l != nil {
		return l.nodes
	}
	return nil
}

// Listener is a set of sockets, one for each broker. Clients that come in by it are told its addresses (KIP-103).
type Listener struct {
	s          *Server
	name       string
	nodes      []api.Node
	sockets    []net.Listener
	tls        *tls.Config
	mechanisms []string
}

// ListenOptions are what Listen can be told beyond the address.
type ListenOptions struct {
	Name       string      // as listener.security.protocol.map names it; by TLS and Mechanisms unless set
	Ports      []uint16    // one for each broker, in the place of those that follow the address's; nil for these
	Advertise  string      // advertised.listeners: the host that clients are told, the one of the address unless set
	TLS        *tls.Config // with a certificate; nil for none
	Mechanisms []string    // SASL mechanisms by which clients have to log in; none if they need not
}

// name is what Kafka calls a listener that has no other name.
func (o ListenOptions) name() string {
	switch {
	case o.Name != "":
		return o.Name
	case o.TLS != nil && len(o.Mechanisms) > 0:
		return "SASL_SSL"
	case len(o.Mechanisms) > 0:
		return "SASL_PLAINTEXT"
	case o.TLS != nil:
		return "SSL"
	default:
		return "PLAINTEXT"
	}
}

// Listen listens on TCP: the first broker at addr, the others on the ports that follow, or each on a free one if the
// port is 0.
func (s *Server) Listen(ctx context.Context, addr string, o ListenOptions) (*Listener, error) {
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w; give HOST:PORT", addr, err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || int(port)+len(s.brokers)-1 > 65535 && port != 0 && o.Ports == nil {
		return nil, fmt.Errorf("listen on %q: no ports for %d brokers from %q on; give 0 for free ones", addr, len(s.brokers), portText)
	}
	if o.Ports != nil && len(o.Ports) != len(s.brokers) {
		return nil, fmt.Errorf("listen on ports %v: they are %d, and the cluster has %d brokers; give one for each", o.Ports, len(o.Ports), len(s.brokers))
	}
	l := &Listener{s: s, name: o.name(), tls: o.TLS, mechanisms: o.Mechanisms}
	if len(o.Mechanisms) > 0 {
		if err := s.door.PrepareScram(); err != nil {
			return nil, err
		}
	}
	for i, b := range s.brokers {
		at := 0
		if port != 0 {
			at = int(port) + i
		}
		if o.Ports != nil {
			at = int(o.Ports[i])
		}
		var config net.ListenConfig
		socket, err := config.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(at)))
		if err != nil {
			l.stop()
			return nil, fmt.Errorf("listen for broker %d: %w", i+1, err)
		}
		l.sockets = append(l.sockets, socket)
		l.nodes = append(l.nodes, node(b.ID(), advertised(host, o.Advertise), socket.Addr()))
	}
	if err := s.add(l); err != nil {
		l.stop()
		return nil, err
	}
	return l, nil
}

// advertised is the host that clients are told: never the one that stands for all interfaces.
func advertised(host, wanted string) string {
	if wanted != "" {
		return wanted
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return "localhost"
	}
	return host
}

func node(id int32, host string, addr net.Addr) api.Node {
	return api.Node{ID: id, Host: host, Port: int32(addr.(*net.TCPAddr).Port)}
}

// add makes a listener known, and then lets clients in.
func (s *Server) add(l *Listener) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if s.listeners[l.name] != nil {
		return fmt.Errorf("listener %s exists already; give this one a name of its own", l.name)
	}
	s.listeners[l.name] = l
	for i, socket := range l.sockets {
		s.running.Go(func() { s.accept(socket, i, l) })
	}
	return nil
}

// Addrs are the addresses that clients are told, by the number of the broker.
func (l *Listener) Addrs() []string {
	addrs := make([]string, len(l.nodes))
	for i, n := range l.nodes {
		addrs[i] = net.JoinHostPort(n.Host, strconv.Itoa(int(n.Port)))
	}
	return addrs
}

func (l *Listener) stop() {
	for _, socket := range l.sockets {
		_ = socket.Close() // it is of no use any more, whatever it says
	}
}

// accept takes clients of a broker until the socket is closed. When there is no room for a client, it and all that come
// after it wait.
func (s *Server) accept(socket net.Listener, broker int, l *Listener) {
	const patience = 10 * time.Millisecond
	for {
		c, err := socket.Accept()
		switch {
		case err == nil:
			if s.rooms[broker].await(s.ctx) != nil {
				_ = c.Close() // it was not used
				return
			}
			s.serve(c, broker, l)
		case errors.Is(err, net.ErrClosed):
			return
		default: // no file descriptors left, as it may be: others may leave
			s.log.Error("accept", "listener", l.name, "err", err)
			timer := time.NewTimer(patience)
			select {
			case <-timer.C:
			case <-s.ctx.Done():
				timer.Stop()
				return
			}
		}
	}
}
