package sarama

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

// door is where clients come from, on a cluster of its own unless that is Apache Kafka.
type door struct {
	name     string
	admin    func(*sarama.Config) (sarama.ClusterAdmin, error)
	producer func(*sarama.Config) (sarama.AsyncProducer, error)
	consumer func(*sarama.Config) (sarama.Consumer, error)
	group    func(string, *sarama.Config) (sarama.ConsumerGroup, error)
	close    func()
}

// doors are the ways to open one, by name.
func doors() []func(tb testing.TB) door {
	list := []func(tb testing.TB) door{direct, wire, onKfake}
	if os.Getenv("KAFKA_BROKERS") != "" {
		list = append(list, onKafka)
	}
	return list
}

func direct(testing.TB) door {
	c := memkafka.New(memkafka.WithInitialRebalanceDelay(0))
	return door{
		name: "direct",
		admin: func(config *sarama.Config) (sarama.ClusterAdmin, error) {
			return saramaclient.NewClusterAdmin(c, config)
		},
		producer: func(config *sarama.Config) (sarama.AsyncProducer, error) {
			return saramaclient.NewAsyncProducer(c, config)
		},
		consumer: func(config *sarama.Config) (sarama.Consumer, error) { return saramaclient.NewConsumer(c, config) },
		group: func(id string, config *sarama.Config) (sarama.ConsumerGroup, error) {
			return saramaclient.NewConsumerGroup(c, id, config)
		},
		close: c.Close,
	}
}

func wire(testing.TB) door {
	c := memkafka.New(memkafka.WithInitialRebalanceDelay(0))
	return saramas("sarama on memkafka", c.Addrs(), func(config *sarama.Config) {
		config.Net.Proxy.Enable, config.Net.Proxy.Dialer = true, c
	}, c.Close)
}

func onKfake(tb testing.TB) door {
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		tb.Fatal(err)
	}
	return saramas("sarama on kfake", c.ListenAddrs(), nil, c.Close)
}

func onKafka(testing.TB) door {
	return saramas("sarama on Apache Kafka", strings.Split(os.Getenv("KAFKA_BROKERS"), ","), nil, func() {})
}

// saramas is sarama's own clients.
func saramas(name string, addrs []string, adapt func(*sarama.Config), end func()) door {
	with := func(config *sarama.Config) *sarama.Config {
		if adapt != nil {
			adapt(config)
		}
		return config
	}
	return door{
		name: name,
		admin: func(config *sarama.Config) (sarama.ClusterAdmin, error) {
			return sarama.NewClusterAdmin(addrs, with(config))
		},
		producer: func(config *sarama.Config) (sarama.AsyncProducer, error) {
			return sarama.NewAsyncProducer(addrs, with(config))
		},
		consumer: func(config *sarama.Config) (sarama.Consumer, error) { return sarama.NewConsumer(addrs, with(config)) },
		group: func(id string, config *sarama.Config) (sarama.ConsumerGroup, error) {
			return sarama.NewConsumerGroup(addrs, id, with(config))
		},
		close: end,
	}
}

var topics atomic.Int64

// topic makes a topic that nobody had before.
func (d door) topic(tb testing.TB, partitions int32) string {
	tb.Helper()
	admin, err := d.admin(newConfig())
	if err != nil {
		tb.Fatal(err)
	}
	defer admin.Close()
	name := "bench-" + strconv.Itoa(os.Getpid()) + "-" + strconv.FormatInt(topics.Add(1), 10)
	if err := admin.CreateTopic(name, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}, false); err != nil {
		tb.Fatal(err)
	}
	return name
}

func newConfig() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.V3_6_0_0
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	return c
}
