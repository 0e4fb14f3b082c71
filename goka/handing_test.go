package goka

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka/codec"
)

// handingClaim offers each message by a call, and sends it only if nobody takes it.
type handingClaim struct {
	sarama.ConsumerGroupClaim
	messages chan *sarama.ConsumerMessage
	take     func(*sarama.ConsumerMessage) bool
	again    bool
}

func (c *handingClaim) Messages() <-chan *sarama.ConsumerMessage { return c.messages }
func (c *handingClaim) HighWaterMarkOffset() int64               { return 100 }
func (c *handingClaim) HandTo(take func(*sarama.ConsumerMessage) bool) {
	c.take = take
}

func (c *handingClaim) OffersAgain() bool { return c.again }

func (c *handingClaim) offer(offset int64) (called bool) {
	m := &sarama.ConsumerMessage{Topic: "in", Offset: offset, Value: []byte("x")}
	if c.take(m) {
		return true
	}
	c.messages <- m
	return false
}

// A claim that hands its messages over by calls keeps their order also where a partition is full for a while.
func TestHandedMessagesKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []int64
		gate := make(chan struct{})
		gg := DefineGroup("g", Input("in", new(codec.String), func(ctx Context, _ interface{}) {
			<-gate
			got = append(got, ctx.Offset())
		}))
		ctx, cancel := context.WithCancel(t.Context())
		r := runOf(ctx, t, gg, nil, WithPartitionChannelSize(2))
		claim := &handingClaim{messages: make(chan *sarama.ConsumerMessage)}
		ended := make(chan struct{})
		go r.loop()
		go func() { defer close(ended); r.consume(ctx, r.byTopic["in"], claim) }()
		synctest.Wait()

		const rounds, together = 8, 4 // one is being handled, two wait, and for the fourth there is no room
		calls := 0
		for offset := range int64(rounds * together) {
			if claim.offer(offset) {
				calls++
			}
			synctest.Wait()
			if offset%together == together-1 {
				for range together {
					gate <- struct{}{}
				}
				synctest.Wait()
			}
		}
		for i, offset := range got {
			if offset != int64(i) {
				t.Fatalf("handled in the order %v", got)
			}
		}
		if len(got) != rounds*together || calls != rounds*(together-1) {
			t.Errorf("%d messages were handled, %d of them handed over by a call; want %d and %d", len(got), calls, rounds*together, rounds*(together-1))
		}
		cancel()
		<-ended
		if claim.take != nil {
			t.Error("a claim that ended may still hand messages over")
		}
		r.stop()
		<-r.done
	})
}

// A claim that offers again what had no room has it taken once there is some, and never sends it: whoever waits for room would get it at a
// moment that chance decides.
func TestMessagesWithoutRoomAreOfferedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []int64
		gate := make(chan struct{})
		gg := DefineGroup("g", Input("in", new(codec.String), func(ctx Context, _ any) {
			<-gate
			got = append(got, ctx.Offset())
		}))
		ctx, cancel := context.WithCancel(t.Context())
		r := runOf(ctx, t, gg, nil, WithPartitionChannelSize(2))
		claim := &handingClaim{messages: make(chan *sarama.ConsumerMessage), again: true}
		ended := make(chan struct{})
		go r.loop()
		go func() { defer close(ended); r.consume(ctx, r.byTopic["in"], claim) }()
		synctest.Wait()

		refused := 0
		for offset := int64(0); offset < 20; {
			if claim.take(&sarama.ConsumerMessage{Topic: "in", Offset: offset, Value: []byte("x")}) {
				offset++
			} else {
				refused++
				gate <- struct{}{}
			}
			synctest.Wait()
		}
		for range 20 - len(got) {
			gate <- struct{}{}
		}
		synctest.Wait()
		for i, offset := range got {
			if offset != int64(i) {
				t.Fatalf("handled in the order %v", got)
			}
		}
		if len(got) != 20 || refused == 0 {
			t.Errorf("%d messages were handled, %d refused before", len(got), refused)
		}
		cancel()
		<-ended
		r.stop()
		<-r.done
	})
}

// A claim with a buffer is taken many messages at a time: in their order, never more than there are credits for, and what is nil costs none.
func TestBufferedMessagesAreTakenTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, n = 4, 30
		var got []int64
		gate := make(chan struct{})
		gg := DefineGroup("g", Input("in", new(codec.String), func(ctx Context, _ interface{}) {
			<-gate
			got = append(got, ctx.Offset())
		}))
		ctx, cancel := context.WithCancel(t.Context())
		r := runOf(ctx, t, gg, nil, WithPartitionChannelSize(size))
		claim := &channelClaim{make(chan *sarama.ConsumerMessage, 2*n)}
		for offset := range int64(n) {
			claim.messages <- nil
			claim.messages <- &sarama.ConsumerMessage{Topic: "in", Offset: offset, Value: []byte("x")}
		}
		ended := make(chan struct{})
		go r.loop()
		go func() { defer close(ended); r.consume(ctx, r.byTopic["in"], claim) }()
		for range n {
			synctest.Wait()
			if outside := 2*n - len(claim.messages) - 2*len(got); outside > 3*size { // handled, waiting for that, and in the inbox
				t.Fatalf("%d messages were taken and not handled, with credits for %d", outside, size)
			}
			gate <- struct{}{}
		}
		synctest.Wait()
		for i, offset := range got {
			if offset != int64(i) {
				t.Fatalf("handled in the order %v", got)
			}
		}
		if len(got) != n {
			t.Errorf("%d messages were handled, want %d", len(got), n)
		}
		cancel()
		<-ended
		r.stop()
		<-r.done
	})
}
