package saramaclient_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

// TestL4_TooFewReplicasInSync has two of three brokers go down under a topic that wants two replicas in sync.
func TestL4_TooFewReplicasInSync(t *testing.T) {
	c := memkafka.New(memkafka.WithBrokers(3))
	defer c.Close()
	if err := c.CreateTopic("t", 1, memkafka.WithReplication(3), memkafka.WithConfig("min.insync.replicas", "2")); err != nil {
		t.Fatal(err)
	}
	client, err := saramaclient.NewClient(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	replicas, err := client.Replicas("t", 0)
	if err != nil || len(replicas) != 3 {
		t.Fatalf("replicas %v (%v), want three", replicas, err)
	}
	for _, b := range replicas[1:] {
		if err := c.BrokerDown(b); err != nil {
			t.Fatal(err)
		}
	}
	if isr, err := client.InSyncReplicas("t", 0); err != nil || !slices.Equal(isr, replicas[:1]) {
		t.Errorf("in sync are %v (%v), want %v", isr, err, replicas[:1])
	}
	if offline, err := client.OfflineReplicas("t", 0); err != nil || len(offline) != 2 {
		t.Errorf("offline are %v (%v), want two", offline, err)
	}
	for acks, want := range map[sarama.RequiredAcks]error{sarama.WaitForAll: sarama.ErrNotEnoughReplicas, sarama.WaitForLocal: nil} {
		config := sarama.NewConfig()
		config.Producer.RequiredAcks = acks
		config.Producer.Return.Successes = true
		p, err := saramaclient.NewSyncProducer(c, config)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: "t", Value: sarama.StringEncoder("v")}); !errors.Is(err, want) {
			t.Errorf("acks=%d: %v, want %v", acks, err, want)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
}
