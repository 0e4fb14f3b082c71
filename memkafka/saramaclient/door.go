// Package saramaclient offers sarama's interfaces on a cluster of package memkafka, without a socket and without
// encoding requests: clients, admins, consumers, members of consumer groups and producers that behave as sarama's own
// do against a broker. Each constructor mirrors sarama's of the same name and takes a cluster in the place of addresses.
//
//	cluster := memkafka.New()
//	consumer, err := saramaclient.NewConsumer(cluster, sarama.NewConfig())
//
// Importing the package, also only for this effect, lets goka and everybody else who opens brokers by address use
// mem://name for a cluster of this process: see memkafka.Named and memkafka.SetNamed.
//
// Channels and timers are those of the standard library and no lock is held while something waits, so everything here
// works in a testing/synctest bubble. What hands out a live *sarama.Broker hands out one that reaches the cluster's wire door
// in memory, which works there too as long as nobody lets a broker wait, as a fetch does that finds nothing.
package saramaclient

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/internal/door"
	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/internal/seam"
)

// Scheme is the scheme of broker addresses that lead to a cluster in this process, as in mem://name.
const Scheme = "mem"

func init() { door.Register(Scheme, memDoor{}) }

// memDoor opens clients on named clusters.
type memDoor struct{}

func (memDoor) cluster(addrs []string) (*memkafka.Cluster, error) {
	name := strings.TrimPrefix(addrs[0], Scheme+"://")
	for _, a := range addrs[1:] {
		if a != addrs[0] {
			return nil, fmt.Errorf("broker addresses %q and %q name two clusters; give one", addrs[0], a)
		}
	}
	if name == "" {
		return nil, fmt.Errorf("broker address %q names no cluster; write mem://NAME with a name of your choice", addrs[0])
	}
	return memkafka.Named(name), nil
}

func (d memDoor) NewClient(addrs []string, config *sarama.Config) (sarama.Client, error) {
	c, err := d.cluster(addrs)
	if err != nil {
		return nil, err
	}
	return NewClient(c, config)
}

func (d memDoor) NewClusterAdmin(addrs []string, config *sarama.Config) (sarama.ClusterAdmin, error) {
	c, err := d.cluster(addrs)
	if err != nil {
		return nil, err
	}
	return NewClusterAdmin(c, config)
}

func (d memDoor) NewConsumer(addrs []string, config *sarama.Config) (sarama.Consumer, error) {
	c, err := d.cluster(addrs)
	if err != nil {
		return nil, err
	}
	return NewConsumer(c, config)
}

func (d memDoor) NewConsumerGroup(addrs []string, group string, config *sarama.Config) (sarama.ConsumerGroup, error) {
	c, err := d.cluster(addrs)
	if err != nil {
		return nil, err
	}
	return NewConsumerGroup(c, group, config)
}

func (d memDoor) NewSyncProducer(addrs []string, config *sarama.Config) (sarama.SyncProducer, error) {
	c, err := d.cluster(addrs)
	if err != nil {
		return nil, err
	}
	return NewSyncProducer(c, config)
}

func (d memDoor) NewAsyncProducer(addrs []string, config *sarama.Config) (sarama.AsyncProducer, error) {
	c, err := d.cluster(addrs)
	if err != nil {
		return nil, err
	}
	return NewAsyncProducer(c, config)
}

// errNoCluster refuses a nil cluster.
var errNoCluster = errors.New("saramaclient: the cluster is nil; make one with memkafka.New, or name it by SetNamed and reach it as mem://NAME")

// open checks a configuration and registers a client of the given kind. A nil configuration is sarama's default.
func open(cluster *memkafka.Cluster, config *sarama.Config, kind string) (*seam.Client, *sarama.Config, error) {
	if config == nil {
		config = sarama.NewConfig()
	}
	if err := config.Validate(); err != nil {
		return nil, nil, err
	}
	if cluster == nil {
		return nil, nil, errNoCluster
	}
	c, err := cluster.Seam().Client(config.ClientID, kind)
	if err != nil {
		return nil, nil, saramaError(err)
	}
	c.SetPatience(config.Net.ReadTimeout)
	retry := config.Metadata.Retry
	c.SetAskAgain(retry.Max, func(left int) time.Duration {
		if retry.BackoffFunc != nil {
			return retry.BackoffFunc(retry.Max-left, retry.Max)
		}
		return retry.Backoff
	})
	return c, config, nil
}

// saramaError turns an error of the cluster into the one that sarama has for it, with what the cluster said about it.
func saramaError(err error) error {
	var code kafka.ErrorCode
	switch {
	case err == nil:
		return nil
	case errors.Is(err, seam.ErrClosed):
		return sarama.ErrClosedClient
	case errors.As(err, &code):
		return sarama.KError(code)
	}
	return err
}
