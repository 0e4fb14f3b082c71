package suite

import (
	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

func (d directDoor) NewClusterAdminFromClient(c sarama.Client) (sarama.ClusterAdmin, error) {
	return saramaclient.NewClusterAdminFromClient(c)
}

func (d directDoor) NewConsumerFromClient(c sarama.Client) (sarama.Consumer, error) {
	return saramaclient.NewConsumerFromClient(c)
}

func (d directDoor) NewConsumerGroupFromClient(group string, c sarama.Client) (sarama.ConsumerGroup, error) {
	return saramaclient.NewConsumerGroupFromClient(group, c)
}

func (d directDoor) NewSyncProducerFromClient(c sarama.Client) (sarama.SyncProducer, error) {
	return saramaclient.NewSyncProducerFromClient(c)
}

func (d directDoor) NewAsyncProducerFromClient(c sarama.Client) (sarama.AsyncProducer, error) {
	return saramaclient.NewAsyncProducerFromClient(c)
}

func (d directDoor) NewOffsetManagerFromClient(group string, c sarama.Client) (sarama.OffsetManager, error) {
	return saramaclient.NewOffsetManagerFromClient(group, c)
}
