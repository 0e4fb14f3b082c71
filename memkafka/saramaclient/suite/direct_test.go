package suite

import (
	"errors"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

var errNotYet = errors.New("memkafka/saramaclient has no such constructor")

func (d directDoor) NewClusterAdminFromClient(c sarama.Client) (sarama.ClusterAdmin, error) {
	return saramaclient.NewClusterAdminFromClient(c)
}

func (d directDoor) NewConsumerFromClient(c sarama.Client) (sarama.Consumer, error) {
	return saramaclient.NewConsumerFromClient(c)
}

func (d directDoor) NewConsumerGroupFromClient(group string, c sarama.Client) (sarama.ConsumerGroup, error) {
	return saramaclient.NewConsumerGroup(d.cluster, group, c.Config())
}

func (d directDoor) NewSyncProducerFromClient(c sarama.Client) (sarama.SyncProducer, error) {
	return saramaclient.NewSyncProducerFromClient(c)
}

func (d directDoor) NewAsyncProducerFromClient(c sarama.Client) (sarama.AsyncProducer, error) {
	return saramaclient.NewAsyncProducerFromClient(c)
}

func (d directDoor) NewOffsetManagerFromClient(string, sarama.Client) (sarama.OffsetManager, error) {
	return nil, errNotYet
}
