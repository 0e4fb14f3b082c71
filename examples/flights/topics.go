package main

import (
	"time"

	"github.com/gokasim/gokasim/goka"
)

// topic is one of the application's topics.
type topic struct {
	name     string
	table    bool // compacted, where streams forget
	recorded bool // comes out of the recording, not out of a group
}

var topics = []topic{
	{name: "flights", recorded: true},
	{name: "weather", table: true, recorded: true},
	{name: "planes", table: true, recorded: true},
	{name: "airlines", table: true, recorded: true},
	{name: "airports", table: true, recorded: true},
	{name: "departures"},
}

// topicManager opens the topic manager with which the application and goka make topics: with one replica, so that a
// single broker is enough to try this.
func topicManager(brokers []string) (goka.TopicManager, error) {
	config := goka.NewTopicManagerConfig()
	config.Table.Replication = 1
	config.Stream.Replication = 1
	config.Stream.Retention = 7 * 24 * time.Hour
	return goka.TopicManagerBuilderWithTopicManagerConfig(config)(brokers)
}

// createTopics makes the topics that are not there yet, all with the same number of partitions: flights and planes have
// to agree in it, since they are joined.
func createTopics(brokers []string, partitions int) error {
	manager, err := topicManager(brokers)
	if err != nil {
		return err
	}
	defer manager.Close()
	for _, t := range topics {
		ensure := manager.EnsureStreamExists
		if t.table {
			ensure = manager.EnsureTableExists
		}
		if err := ensure(t.name, partitions); err != nil {
			return err
		}
	}
	return nil
}
