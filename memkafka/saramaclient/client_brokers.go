package saramaclient

import (
	"errors"

	"github.com/IBM/sarama"
)

// What hands out a live *sarama.Broker asks sarama's own client, which knows the wire door. What it knows is refreshed
// first, which costs no more in memory than a look at a cache that may be old.

func (c *client) Brokers() []*sarama.Broker {
	w, err := c.connected()
	if err != nil {
		return nil
	}
	_ = w.RefreshMetadata() // what was known before is the next best answer
	return w.Brokers()
}

func (c *client) Broker(id int32) (*sarama.Broker, error) {
	w, err := c.connected()
	if errors.Is(err, sarama.ErrClosedClient) {
		return nil, sarama.ErrBrokerNotFound // as from sarama's client, which knows none when it is closed
	}
	if err != nil {
		return nil, err
	}
	if err := w.RefreshMetadata(); err != nil {
		return nil, err
	}
	return w.Broker(id)
}

func (c *client) LeastLoadedBroker() *sarama.Broker {
	w, err := c.connected()
	if err != nil {
		return nil
	}
	return w.LeastLoadedBroker()
}

func (c *client) Controller() (*sarama.Broker, error) { return c.RefreshController() }

func (c *client) RefreshController() (*sarama.Broker, error) {
	w, err := c.connected()
	if err != nil {
		return nil, err
	}
	return w.RefreshController()
}

func (c *client) Leader(topic string, partition int32) (*sarama.Broker, error) {
	leader, _, err := c.LeaderAndEpoch(topic, partition)
	return leader, err
}

func (c *client) LeaderAndEpoch(topic string, partition int32) (*sarama.Broker, int32, error) {
	w, err := c.connected()
	if err != nil {
		return nil, -1, err
	}
	if err := w.RefreshMetadata(topic); err != nil {
		return nil, -1, err
	}
	return w.LeaderAndEpoch(topic, partition)
}

func (c *client) Coordinator(group string) (*sarama.Broker, error) {
	w, err := c.connected()
	if err != nil {
		return nil, err
	}
	if err := w.RefreshCoordinator(group); err != nil {
		return nil, err
	}
	return w.Coordinator(group)
}

func (c *client) RefreshCoordinator(group string) error {
	_, err := c.Coordinator(group)
	return err
}

func (c *client) TransactionCoordinator(id string) (*sarama.Broker, error) {
	w, err := c.connected()
	if err != nil {
		return nil, err
	}
	if err := w.RefreshTransactionCoordinator(id); err != nil {
		return nil, err
	}
	return w.TransactionCoordinator(id)
}

func (c *client) RefreshTransactionCoordinator(id string) error {
	_, err := c.TransactionCoordinator(id)
	return err
}

// RefreshBrokers forgets the brokers that are known and asks for them anew. A client of a cluster has no use for addresses.
func (c *client) RefreshBrokers([]string) error {
	w, err := c.connected()
	if err != nil {
		return err
	}
	return w.RefreshBrokers(c.cluster.Addrs())
}

func (c *client) InitProducerID() (*sarama.InitProducerIDResponse, error) {
	w, err := c.connected()
	if err != nil {
		return nil, err
	}
	return w.InitProducerID()
}

func (c *client) connected() (sarama.Client, error) {
	if c.Closed() {
		return nil, sarama.ErrClosedClient
	}
	return c.wire.open()
}
