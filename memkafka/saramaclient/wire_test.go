package saramaclient_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

// eachTime runs a test in real time and in a bubble.
func eachTime(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Run("real", test)
	t.Run("virtual", func(t *testing.T) { synctest.Test(t, test) })
}

func TestLiveBrokersAnswerOverTheWireDoor(t *testing.T) {
	eachTime(t, func(t *testing.T) {
		c := memkafka.New(memkafka.WithBrokers(3))
		defer c.Close()
		if err := c.CreateTopic("orders", 3); err != nil {
			t.Fatal(err)
		}
		client, err := saramaclient.NewClient(c, sarama.NewConfig())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()

		if n := len(client.Brokers()); n != 3 {
			t.Errorf("the client knows %d brokers, and there are 3", n)
		}
		for p := range int32(3) {
			leader, err := client.Leader("orders", p)
			if err != nil {
				t.Fatal(err)
			}
			m, err := c.PartitionMetadata("orders", p)
			if err != nil {
				t.Fatal(err)
			}
			if leader.ID() != m.Leader {
				t.Errorf("partition %d: leader %d, the cluster says %d", p, leader.ID(), m.Leader)
			}
			answer, err := leader.GetMetadata(sarama.NewMetadataRequest(sarama.V2_8_0_0, []string{"orders"}))
			if err != nil || len(answer.Topics) != 1 {
				t.Errorf("the leader answered %v, %v", answer, err)
			}
		}
		for name, ask := range map[string]func() (*sarama.Broker, error){
			"controller":              client.Controller,
			"coordinator":             func() (*sarama.Broker, error) { return client.Coordinator("g") },
			"transaction coordinator": func() (*sarama.Broker, error) { return client.TransactionCoordinator("t") },
			"broker 2":                func() (*sarama.Broker, error) { return client.Broker(2) },
		} {
			b, err := ask()
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			_ = b.Open(client.Config()) // as users do, who cannot know whether it is
			if on, err := b.Connected(); !on || err != nil {
				t.Errorf("%s is not connected: %v", name, err)
			}
		}
		if r, err := client.InitProducerID(); err != nil || r.ProducerID < 0 {
			t.Errorf("producer id %+v, %v", r, err)
		}
		if client.LeastLoadedBroker() == nil {
			t.Error("no broker is the least loaded")
		}
	})
}

func TestAdminOverTheWireDoor(t *testing.T) {
	eachTime(t, func(t *testing.T) {
		c := memkafka.New()
		defer c.Close()
		config := sarama.NewConfig()
		config.Version = sarama.V3_6_0_0
		admin, err := saramaclient.NewClusterAdmin(c, config)
		if err != nil {
			t.Fatal(err)
		}
		if err := admin.CreateTopic("orders", &sarama.TopicDetail{NumPartitions: 2, ReplicationFactor: 1}, false); err != nil {
			t.Fatal(err)
		}
		topics, err := admin.ListTopics()
		if err != nil || topics["orders"].NumPartitions != 2 {
			t.Errorf("topics %v, %v", topics, err)
		}
		week := "604800001"
		if err := admin.AlterConfig(sarama.TopicResource, "orders", map[string]*string{"retention.ms": &week}, false); err != nil {
			t.Error(err)
		}
		entries, err := admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: "orders", ConfigNames: []string{"retention.ms"}}) //nolint:staticcheck // it is what is tested
		if err != nil || len(entries) != 1 || entries[0].Value != week || entries[0].Source != sarama.SourceTopic {
			t.Errorf("configs %+v, %v", entries, err)
		}
		if err := admin.DeleteConsumerGroup("none"); !errors.Is(err, sarama.ErrGroupIDNotFound) {
			t.Errorf("deleting a group that there is not: %v", err)
		}
		brokers, controller, err := admin.DescribeCluster()
		if err != nil || len(brokers) != 1 || controller != 1 {
			t.Errorf("brokers %v, controller %d, %v", brokers, controller, err)
		}
		if err := admin.Close(); err != nil {
			t.Error(err)
		}
		if err := admin.Close(); !errors.Is(err, sarama.ErrClosedClient) {
			t.Errorf("closing twice: %v", err)
		}
		if _, err := admin.ListTopics(); !errors.Is(err, sarama.ErrClosedClient) {
			t.Errorf("listing topics after closing: %v", err)
		}
	})
}
