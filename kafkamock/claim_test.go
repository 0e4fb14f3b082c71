package kafkamock

import (
	"errors"
	"testing"

	"github.com/IBM/sarama"
)

func TestAClaimIsFedByTheTest(t *testing.T) {
	c := NewMockConsumerGroupClaim("orders", 4)
	for i := range int64(2) {
		m := &sarama.ConsumerMessage{}
		if err := c.SendMessage(m); err != nil {
			t.Fatal(err)
		}
		if m.Topic != "orders" || m.Partition != 4 || m.Offset != i {
			t.Errorf("the message is %s/%d@%d; want orders/4@%d", m.Topic, m.Partition, m.Offset, i)
		}
	}
	if c.Topic() != "orders" || c.Partition() != 4 || c.InitialOffset() != 0 || c.HighWaterMarkOffset() != 2 {
		t.Errorf("%s/%d from %d to %d; want orders/4 from 0 to 2", c.Topic(), c.Partition(), c.InitialOffset(), c.HighWaterMarkOffset())
	}
	c.Close()
	c.Close()
	n := 0
	for range c.Messages() {
		n++
	}
	if n != 2 {
		t.Errorf("received %d messages; want 2", n)
	}
	if err := c.SendMessage(&sarama.ConsumerMessage{}); !errors.Is(err, ErrClaimNotFed) {
		t.Errorf("SendMessage = %v; want %v", err, ErrClaimNotFed)
	}
}

func TestAFullClaimSaysSo(t *testing.T) {
	c := NewMockConsumerGroupClaim("orders", 0)
	for range claimBuffer {
		if err := c.SendMessage(&sarama.ConsumerMessage{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.SendMessage(&sarama.ConsumerMessage{}); !errors.Is(err, ErrClaimNotFed) {
		t.Errorf("SendMessage = %v; want %v", err, ErrClaimNotFed)
	}
}

func TestAGroupsClaimIsFedByTheGroup(t *testing.T) {
	cg := NewMockConsumerGroup(t)
	said := make(chan error)
	run(t, cg, &handler{claim: func(_ sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
		mock := c.(*MockConsumerGroupClaim)
		said <- mock.SendMessage(&sarama.ConsumerMessage{})
		mock.Close()
		for range c.Messages() { //nolint:revive // until the session ends
		}
		return nil
	}}, "orders")
	if err := <-said; !errors.Is(err, ErrClaimNotFed) {
		t.Errorf("SendMessage = %v; want %v", err, ErrClaimNotFed)
	}
}
