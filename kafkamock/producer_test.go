package kafkamock

import (
	"errors"
	"testing"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/memkafka"
)

func TestAProducerWritesIntoACluster(t *testing.T) {
	cluster := memkafka.New()
	defer cluster.Close()
	if err := cluster.CreateTopic("orders", 4); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	p := NewMockProducer(NewMockController(t))
	p.EXPECT().Emit("orders", "k", []byte("first")).Return(goka.NewPromise().Finish(nil, broken))
	p.ProduceInto(cluster)

	p.Emit("orders", "k", []byte("first")).Then(func(err error) {
		if !errors.Is(err, broken) {
			t.Errorf("the first emit: %v; want what was expected, %v", err, broken)
		}
	})
	where, err := goka.PartitionForKey(goka.DefaultHasher(), []byte("k"), 4)
	if err != nil {
		t.Fatal(err)
	}
	told := false
	p.EmitWithHeaders("orders", "k", nil, goka.Headers{"h": []byte("1")}).ThenWithMessage(func(m *sarama.ProducerMessage, err error) {
		told = true
		if err != nil || m.Partition != where || m.Offset != 0 {
			t.Errorf("the second emit went to %d@%d, %v; want %d@0", m.Partition, m.Offset, err, where)
		}
	})
	if !told {
		t.Error("the promise is not finished when Emit returns")
	}
	records, err := cluster.Fetch("orders", where, 0, 10)
	if err != nil || len(records) != 1 {
		t.Fatalf("records %v, %v; want one", records, err)
	}
	want := memkafka.Record{Key: []byte("k"), Headers: []memkafka.Header{{Key: "h", Value: []byte("1")}}, Timestamp: records[0].Timestamp}
	if diff := cmp.Diff(want, records[0]); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func TestAnEmitThatTheClusterRefusesFails(t *testing.T) {
	cluster := memkafka.New()
	cluster.Close()
	p := NewMockProducer(NewMockController(t))
	p.ProduceInto(cluster)
	p.Emit("orders", "k", []byte("v")).Then(func(err error) {
		if !errors.Is(err, memkafka.ErrClosed) {
			t.Errorf("emit = %v; want %v", err, memkafka.ErrClosed)
		}
	})
}
