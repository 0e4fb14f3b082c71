package memkafka

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"

	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/server"
)

// door is the wire door of a cluster, which is made when somebody first comes to it.
type door struct {
	mu     sync.Mutex // guards all below
	log    *slog.Logger
	server *server.Server
	closed bool
}

func (c *Cluster) wireDoor() (*server.Server, error) {
	c.door.mu.Lock()
	defer c.door.mu.Unlock()
	if c.door.closed {
		return nil, ErrClosed
	}
	if c.door.server == nil {
		s, err := server.New(c.engine, server.Config{Log: c.door.log})
		if err != nil {
			return nil, err
		}
		c.door.server = s
	}
	return c.door.server, nil
}

func (d *door) close() {
	d.mu.Lock()
	s := d.server
	d.server, d.closed = nil, true
	d.mu.Unlock()
	if s != nil {
		s.Close()
	}
}

// AsVersion has the brokers pose as an older Apache Kafka, as "3.6": clients find the keys, versions and features of that
// release, from 2.1 on, and transactions are as they were before 4.0. It is 4.3 unless set. What Apache Kafka 4.0 no longer
// has (KIP-896) is not served either way.
func AsVersion(release string) Option {
	return func(s *cluster.Settings) error {
		if err := server.CheckRelease(release); err != nil {
			return err
		}
		s.AsVersion = release
		if server.PredatesKIP890(release) {
			s.Transactions.Version = 0
		}
		return nil
	}
}

// LogTo says who is told when the wire door turns a client away: nobody unless set. It must be called before Listen, Dial
// and DialContext.
func (c *Cluster) LogTo(log *slog.Logger) {
	c.door.mu.Lock()
	defer c.door.mu.Unlock()
	c.door.log = log
}

// ListenOption is a setting of Listen.
type ListenOption func(*server.ListenOptions) error

// WithListenerName names the listener, as Kafka's listener.security.protocol.map does: PLAINTEXT, SSL, SASL_PLAINTEXT or
// SASL_SSL unless set. Each listener of a cluster has a name of its own.
func WithListenerName(name string) ListenOption {
	return func(o *server.ListenOptions) error {
		if name == "" {
			return errors.New("listener name: it is empty; give one such as PLAINTEXT")
		}
		o.Name = name
		return nil
	}
}

// WithAdvertisedHost sets the host that clients are told to connect to (advertised.listeners): that of the address, or
// localhost if the address stands for all interfaces.
func WithAdvertisedHost(host string) ListenOption {
	return func(o *server.ListenOptions) error { o.Advertise = host; return nil }
}

// WithPorts sets the port of each broker, in their order, 0 for a free one, in the place of those that follow the address's.
func WithPorts(ports ...uint16) ListenOption {
	return func(o *server.ListenOptions) error { o.Ports = ports; return nil }
}

// Listener is a set of TCP sockets, one for each broker of a cluster. It ends with the cluster.
type Listener struct {
	l *server.Listener
}

// Addrs are the addresses of the brokers, as clients are told them.
func (l *Listener) Addrs() []string { return l.l.Addrs() }

// Bootstrap is Addrs in one string, comma-separated: what clients call bootstrap.servers.
func (l *Listener) Bootstrap() string { return strings.Join(l.Addrs(), ",") }

// Listen lets any Kafka client in over TCP: to the first broker at addr, as 127.0.0.1:9092, to the others on the ports that
// follow, to each on a free port if the port is 0. Clients that come in here are told these addresses; a cluster may listen
// several times, under different names.
//
// Clients with sockets wait in real time, so a cluster that listens does not belong into a testing/synctest bubble. One
// made by NewDriven answers group members and transactions only while its Driver runs.
func (c *Cluster) Listen(addr string, options ...ListenOption) (*Listener, error) {
	var o server.ListenOptions
	var errs []error
	for _, option := range options {
		errs = append(errs, option(&o))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	s, err := c.wireDoor()
	if err != nil {
		return nil, err
	}
	l, err := s.Listen(context.Background(), addr, o)
	if err != nil {
		return nil, err
	}
	return &Listener{l}, nil
}

// Addrs are the addresses of the brokers for clients that connect by Dial or DialContext, without a socket.
func (c *Cluster) Addrs() []string {
	s, err := c.wireDoor()
	if err != nil {
		return nil // a closed cluster has none
	}
	return s.Memory()
}

// Dial connects to a broker in memory, by one of the addresses in Addrs. It makes the cluster a proxy.Dialer, as sarama
// takes one:
//
//	config.Net.Proxy.Enable = true
//	config.Net.Proxy.Dialer = cluster
//	client, err := sarama.NewClient(cluster.Addrs(), config)
func (c *Cluster) Dial(network, addr string) (net.Conn, error) {
	return c.DialContext(context.Background(), network, addr)
}

// DialContext is Dial as franz-go takes it:
//
//	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.Addrs()...), kgo.Dialer(cluster.DialContext))
func (c *Cluster) DialContext(ctx context.Context, _, addr string) (net.Conn, error) {
	s, err := c.wireDoor()
	if err != nil {
		return nil, err
	}
	return s.Dial(ctx, addr)
}
