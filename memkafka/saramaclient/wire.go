package saramaclient

import (
	"errors"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka"
)

// wire is sarama's own client on the cluster's wire door, connected in memory. It is made when somebody first asks for what
// needs a connection: a live *sarama.Broker, or a request of an admin that has no shorter way.
type wire struct {
	cluster *memkafka.Cluster
	config  *sarama.Config
	done    <-chan struct{} // closed when whose it is was closed

	turn   chan struct{} // capacity 1: held while the fields below are used; making a client may take time
	client sarama.Client
	admin  sarama.ClusterAdmin
	closed bool
}

func newWire(c *memkafka.Cluster, config *sarama.Config, done <-chan struct{}) *wire {
	return &wire{cluster: c, config: config, done: done, turn: make(chan struct{}, 1)}
}

// wireConfig is a configuration for connections in memory: no TLS and no SASL, which the listener there does not ask for,
// and no refresh of metadata in the background, since it is refreshed whenever somebody asks.
func wireConfig(c *memkafka.Cluster, config *sarama.Config) *sarama.Config {
	w := *config
	w.Net.Proxy.Enable, w.Net.Proxy.Dialer = true, c
	w.Net.SASL, w.Net.TLS = sarama.NewConfig().Net.SASL, sarama.NewConfig().Net.TLS
	w.Metadata.RefreshFrequency = 0
	w.MetricRegistry = quietRegistry{config.MetricRegistry}
	return &w
}

// open returns the client, which it makes the first time.
func (w *wire) open() (sarama.Client, error) {
	w.turn <- struct{}{}
	defer func() { <-w.turn }()
	return w.opened()
}

// opened is open for who holds the turn.
func (w *wire) opened() (sarama.Client, error) {
	if w.closed {
		return nil, sarama.ErrClosedClient
	}
	if w.client == nil {
		c, err := sarama.NewClient(w.cluster.Addrs(), wireConfig(w.cluster, w.config))
		if err != nil {
			if errors.Is(err, memkafka.ErrClosed) || w.cluster.Addrs() == nil {
				return nil, sarama.ErrClosedClient
			}
			return nil, err
		}
		w.client = c
		go func() { // the end of the cluster is the end of the client too
			<-w.done
			w.close()
		}()
	}
	return w.client, nil
}

// openAdmin returns an admin on the client.
func (w *wire) openAdmin() (sarama.ClusterAdmin, error) {
	w.turn <- struct{}{}
	defer func() { <-w.turn }()
	if w.admin == nil || w.closed {
		c, err := w.opened()
		if err != nil {
			return nil, err
		}
		if w.admin, err = sarama.NewClusterAdminFromClient(c); err != nil {
			return nil, err
		}
	}
	return w.admin, nil
}

// close ends the client, if there is one. It may be called twice.
func (w *wire) close() {
	w.turn <- struct{}{}
	defer func() { <-w.turn }()
	w.closed = true
	if w.client != nil {
		_ = w.client.Close() // which fails only for a client that is closed
		w.client, w.admin = nil, nil
	}
}
