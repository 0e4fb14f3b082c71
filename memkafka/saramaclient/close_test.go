package saramaclient_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

// TestClosingInAnyOrder makes everything from one client, and closes it in every order of two, the cluster included. The
// bubble ends only if nothing is left.
func TestClosingInAnyOrder(t *testing.T) {
	type part struct {
		name  string
		close func() error
	}
	make := func(t *testing.T) []part {
		c := memkafka.New()
		createTopic(t, c, "t", 1)
		config := sarama.NewConfig()
		config.Producer.Return.Successes = true
		config.Consumer.Return.Errors = true
		client, err := saramaclient.NewClient(c, config)
		must(t, "client", err)
		_, err = client.Controller() // so that it is connected
		must(t, "controller", err)
		consumer, err := saramaclient.NewConsumerFromClient(client)
		must(t, "consumer", err)
		pc, err := consumer.ConsumePartition("t", 0, sarama.OffsetOldest)
		must(t, "partition", err)
		group, err := saramaclient.NewConsumerGroupFromClient("g", client)
		must(t, "group", err)
		async, err := saramaclient.NewAsyncProducerFromClient(client)
		must(t, "async", err)
		sync, err := saramaclient.NewSyncProducerFromClient(client)
		must(t, "sync", err)
		manager, err := saramaclient.NewOffsetManagerFromClient("o", client)
		must(t, "manager", err)
		offsets, err := manager.ManagePartition("t", 0)
		must(t, "offsets", err)
		admin, err := saramaclient.NewClusterAdminFromClient(client)
		must(t, "admin", err)
		_, err = admin.ListTopics()
		must(t, "topics", err)
		return []part{
			{"client", client.Close},
			{"partition consumer", pc.Close},
			{"consumer", consumer.Close},
			{"group", group.Close},
			{"asynchronous producer", async.Close},
			{"synchronous producer", sync.Close},
			{"partition offset manager", func() error { offsets.AsyncClose(); return nil }},
			{"offset manager", manager.Close},
			{"admin", admin.Close},
			{"cluster", func() error { c.Close(); return nil }},
		}
	}
	for i := range 10 {
		for j := range 10 {
			synctest.Test(t, func(t *testing.T) {
				parts := make(t)
				order := slices.Concat([]part{parts[i], parts[j]}, parts)
				for _, p := range order {
					if err := p.close(); err != nil && !errors.Is(err, sarama.ErrClosedClient) {
						t.Errorf("closing %s: %v", p.name, err)
					}
				}
			})
		}
	}
}

func TestPausedPartitionsStayPaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.New()
		defer c.Close()
		createTopic(t, c, "t", 1)
		consumer, err := saramaclient.NewConsumer(c, nil)
		must(t, "consumer", err)
		for _, paused := range []bool{false, true, true} {
			pc, err := consumer.ConsumePartition("t", 0, sarama.OffsetOldest)
			must(t, "partition", err)
			if pc.IsPaused() != paused {
				t.Errorf("paused is %v, want %v", pc.IsPaused(), paused)
			}
			consumer.PauseAll()
			must(t, "close", pc.Close())
		}
		consumer.ResumeAll()
		must(t, "close", consumer.Close())
	})
}
