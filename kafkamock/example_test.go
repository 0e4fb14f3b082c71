package kafkamock_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/kafkamock"
	"github.com/gokasim/gokasim/storage"
)

// shouts is the code under test: a handler that collects what it is sent.
type shouts struct{ seen []string }

func (*shouts) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (*shouts) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (h *shouts) ConsumeClaim(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
	for m := range c.Messages() {
		h.seen = append(h.seen, string(m.Value)+"!")
		s.MarkMessage(m, "")
	}
	return nil
}

func ExampleMockConsumerGroup() {
	t := &testing.T{} // the test's own, in a test

	group := kafkamock.NewMockConsumerGroup(t)
	h := &shouts{}
	done := make(chan error)
	go func() { done <- group.Consume(context.Background(), []string{"words"}, h) }()

	group.SendMessage(&sarama.ConsumerMessage{Topic: "words", Value: []byte("hello")})
	group.SendMessageWait(&sarama.ConsumerMessage{Topic: "words", Value: []byte("world")})
	fmt.Println(h.seen)

	_ = group.Close()
	fmt.Println(<-done)
	// Output:
	// [hello! world!]
	// <nil>
}

// price is the code under test: it asks a table.
func price(table storage.Storage, item string) string {
	value, err := table.Get(item)
	if err != nil {
		return err.Error()
	}
	return string(value)
}

// A mock of gomock answers the calls that a test expects, and fails the test at others.
func ExampleNewMockController() {
	t := &testing.T{} // the test's own, in a test

	table := kafkamock.NewMockStorage(kafkamock.NewMockController(t))
	table.EXPECT().Get("tea").Return([]byte("300"), nil)
	table.EXPECT().Get("moon").Return(nil, storage.ErrClosed)
	fmt.Println(price(table, "tea"))
	fmt.Println(price(table, "moon"))
	// Output:
	// 300
	// storage is not open
}

// A consumer whose partition the test feeds.
func ExampleMockAutoConsumer() {
	t := &testing.T{} // the test's own, in a test

	consumer := kafkamock.NewMockAutoConsumer(t, nil)
	orders := consumer.ExpectConsumePartition("orders", 0, sarama.OffsetOldest)
	orders.YieldMessage(&sarama.ConsumerMessage{Value: []byte("tea")})
	orders.ExpectMessagesDrainedOnClose()

	pc, err := consumer.ConsumePartition("orders", 0, sarama.OffsetOldest) // as the code under test does
	if err != nil {
		fmt.Println(err)
		return
	}
	m := <-pc.Messages()
	fmt.Printf("%s/%d at %d: %s\n", m.Topic, m.Partition, m.Offset, m.Value)
	fmt.Println(consumer.Close())
	// Output:
	// orders/0 at 0: tea
	// <nil>
}
