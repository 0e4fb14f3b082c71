package door

import (
	"errors"
	"fmt"
	"strings"

	"github.com/IBM/sarama"
)

// saramaDoor opens sarama's own clients.
type saramaDoor struct{}

func (saramaDoor) NewClient(addrs []string, config *sarama.Config) (sarama.Client, error) {
	c, err := sarama.NewClient(addrs, impatient(addrs, config))
	return c, explain(addrs, config, err)
}

func (saramaDoor) NewClusterAdmin(addrs []string, config *sarama.Config) (sarama.ClusterAdmin, error) {
	a, err := sarama.NewClusterAdmin(addrs, impatient(addrs, config))
	return a, explain(addrs, config, err)
}

func (saramaDoor) NewConsumer(addrs []string, config *sarama.Config) (sarama.Consumer, error) {
	c, err := sarama.NewConsumer(addrs, impatient(addrs, config))
	return c, explain(addrs, config, err)
}

func (saramaDoor) NewConsumerGroup(addrs []string, group string, config *sarama.Config) (sarama.ConsumerGroup, error) {
	g, err := sarama.NewConsumerGroup(addrs, group, impatient(addrs, config))
	return g, explain(addrs, config, err)
}

func (saramaDoor) NewSyncProducer(addrs []string, config *sarama.Config) (sarama.SyncProducer, error) {
	p, err := sarama.NewSyncProducer(addrs, impatient(addrs, config))
	return p, explain(addrs, config, err)
}

func (saramaDoor) NewAsyncProducer(addrs []string, config *sarama.Config) (sarama.AsyncProducer, error) {
	p, err := sarama.NewAsyncProducer(addrs, impatient(addrs, config))
	return p, explain(addrs, config, err)
}

// explain adds to an error about brokers that cannot be reached which ones they are and how they were spoken to: sarama has the
// last cause at best, and a broker that expects TLS or a user just hangs up.
func explain(addrs []string, config *sarama.Config, err error) error {
	if !errors.Is(err, sarama.ErrOutOfBrokers) {
		return err
	}
	how := "without TLS"
	if config.Net.TLS.Enable {
		how = "with TLS"
	}
	if config.Net.SASL.Enable {
		mechanism := config.Net.SASL.Mechanism
		if mechanism == "" {
			mechanism = sarama.SASLTypePlaintext
		}
		how += " and with SASL " + string(mechanism)
	} else {
		how += " and without SASL"
	}
	return fmt.Errorf("brokers %s: %w; see that they are up, that each address is host:port, and that they take connections %s there",
		strings.Join(addrs, ", "), err, how)
}
