package kafkamock_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/kafkamock"
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
