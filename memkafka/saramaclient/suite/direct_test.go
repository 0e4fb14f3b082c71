package suite

import (
	"errors"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

var errNotYet = errors.New("memkafka/saramaclient has no such constructor")

func (d directDoor) NewClusterAdminFromClient(sarama.Client) (sarama.ClusterAdmin, error) {
	return nil, errNotYet
}

func (d directDoor) NewConsumerFromClient(sarama.Client) (sarama.Consumer, error) {
	return nil, errNotYet
}

func (d directDoor) NewConsumerGroupFromClient(group string, c sarama.Client) (sarama.ConsumerGroup, error) {
	return saramaclient.NewConsumerGroup(d.cluster, group, c.Config())
}

func (d directDoor) NewSyncProducerFromClient(sarama.Client) (sarama.SyncProducer, error) {
	return nil, errNotYet
}

func (d directDoor) NewAsyncProducerFromClient(sarama.Client) (sarama.AsyncProducer, error) {
	return nil, errNotYet
}

func (d directDoor) NewOffsetManagerFromClient(string, sarama.Client) (sarama.OffsetManager, error) {
	return nil, errNotYet
}
