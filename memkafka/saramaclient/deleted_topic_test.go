package saramaclient_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

func deleteTopic(t *testing.T, c *memkafka.Cluster, topic string) {
	t.Helper()
	admin, err := saramaclient.NewClusterAdmin(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.DeleteTopic(topic); err != nil {
		t.Fatal(err)
	}
	if err := admin.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestDeletedTopicEndsItsConsumers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.New()
		defer c.Close()
		createTopic(t, c, "t", 1)
		produce(t, c, "t", 0, "a")
		config := sarama.NewConfig()
		config.Consumer.Return.Errors = true
		consumer, err := saramaclient.NewConsumer(c, config)
		if err != nil {
			t.Fatal(err)
		}
		pc, err := consumer.ConsumePartition("t", 0, sarama.OffsetOldest)
		if err != nil {
			t.Fatal(err)
		}
		<-pc.Messages()
		deleteTopic(t, c, "t")
		createTopic(t, c, "t", 1)
		produce(t, c, "t", 0, "of another life", "b")
		if m, open := <-pc.Messages(); open {
			t.Errorf("the consumer of a deleted topic got %s", m.Value)
		}
		if e := <-pc.Errors(); e == nil || !errors.Is(e, sarama.ErrUnknownTopicOrPartition) {
			t.Errorf("the consumer of a deleted topic ended with %v, want ErrUnknownTopicOrPartition", e)
		}
		if pc, err = consumer.ConsumePartition("t", 0, sarama.OffsetOldest); err != nil {
			t.Fatal(err)
		}
		if m := <-pc.Messages(); string(m.Value) != "of another life" || m.Offset != 0 {
			t.Errorf("the topic of the same name begins with %s at %d", m.Value, m.Offset)
		}
		if err := consumer.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestATopicsNextLifeIsReadFromItsBeginning has a group whose topic is deleted and made again, with fewer records than it
// had committed.
func TestATopicsNextLifeIsReadFromItsBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.New()
		defer c.Close()
		createTopic(t, c, "t", 1)
		produce(t, c, "t", 0, "a", "b", "c")
		h := newHandler()
		stop := member(t, c, "g", "m", h, "t")
		h.until(t, "three records", func() bool { return len(h.got) == 3 })
		stop()
		deleteTopic(t, c, "t")
		if o, ok := c.Committed("g", "t", 0); ok {
			t.Errorf("the group's offset %d outlived its topic", o)
		}
		createTopic(t, c, "t", 1)
		produce(t, c, "t", 0, "1", "2", "3", "4")
		h = newHandler()
		stop = member(t, c, "g", "m", h, "t")
		h.until(t, "four records", func() bool { return len(h.got) == 4 })
		stop()
	})
}

func TestAMembersSessionEndsWithItsTopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.New()
		defer c.Close()
		createTopic(t, c, "t", 1)
		h, created := newHandler(), make(chan struct{})
		h.cleanup = func() { <-created } // or else the member may make the topic itself, by asking for it
		stop := member(t, c, "g", "m", h, "t")
		h.until(t, "a generation", func() bool { return len(h.claims) == 1 })
		synctest.Wait() // its claim has begun
		deleteTopic(t, c, "t")
		createTopic(t, c, "t", 2)
		close(created)
		h.until(t, "another generation", func() bool { return len(h.claims) == 2 })
		if n := len(h.claims[1]["t"]); n != 2 {
			t.Errorf("the second generation has %d partitions, want 2", n)
		}
		stop()
	})
}
