package saramaclient_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka"
)

func TestProducerWaitsForALeader(t *testing.T) {
	for _, idempotent := range []bool{false, true} {
		t.Run(fmt.Sprintf("idempotent %v", idempotent), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := memkafka.New()
				defer c.Close()
				createTopic(t, c, "t", 1)
				p := asyncProducer(t, c, func(c *sarama.Config) {
					if idempotent {
						c.Producer.Idempotent, c.Producer.RequiredAcks, c.Net.MaxOpenRequests = true, sarama.WaitForAll, 1
					}
					c.Producer.Partitioner = sarama.NewManualPartitioner
				})
				if err := c.BrokerDown(1); err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				time.AfterFunc(250*time.Millisecond, func() { _ = c.BrokerUp(1) })
				for i := range 10 {
					p.Input() <- message("t", "", fmt.Sprint(i))
				}
				for i := range 10 {
					m := <-p.Successes()
					if m.Offset != int64(i) {
						t.Errorf("message %d has offset %d", i, m.Offset)
					}
				}
				if took := time.Since(start); took != 300*time.Millisecond { // three times Producer.Retry.Backoff
					t.Errorf("that took %v", took)
				}
				if err := p.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestProducerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.New()
		defer c.Close()
		createTopic(t, c, "t", 1)
		var asked []int
		p := asyncProducer(t, c, func(c *sarama.Config) {
			c.Producer.Idempotent, c.Producer.RequiredAcks, c.Net.MaxOpenRequests = true, sarama.WaitForAll, 1
			c.Producer.Retry.Max = 2
			c.Producer.Retry.BackoffFunc = func(retries, _ int) time.Duration { asked = append(asked, retries); return time.Second }
			c.Producer.Partitioner = sarama.NewManualPartitioner
		})
		p.Input() <- message("t", "", "a")
		<-p.Successes()
		if err := c.BrokerDown(1); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		p.Input() <- message("t", "", "b")
		if e := <-p.Errors(); !errors.Is(e.Err, sarama.ErrLeaderNotAvailable) {
			t.Errorf("the error is %v", e.Err)
		}
		if took := time.Since(start); took != 2*time.Second || len(asked) != 2 || asked[0] != 1 || asked[1] != 2 {
			t.Errorf("gave up after %v and pauses for tries %v", took, asked)
		}
		if err := c.BrokerUp(1); err != nil {
			t.Fatal(err)
		}
		p.Input() <- message("t", "", "c") // under a new epoch, since sequence number 1 was lost
		if m := <-p.Successes(); m.Offset != 1 {
			t.Errorf("the next message has offset %d", m.Offset)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestFlush(t *testing.T) {
	for _, test := range []struct {
		name      string
		configure func(*sarama.Config)
		send      int
		acked     int // at once
		rest      time.Duration
	}{
		{"at once", func(*sarama.Config) {}, 3, 3, 0},
		{"after a time", func(c *sarama.Config) { c.Producer.Flush.Frequency = time.Second }, 3, 0, time.Second},
		{"after some messages", func(c *sarama.Config) { c.Producer.Flush.Messages = 4 }, 9, 8, -1},
		{"after some bytes", func(c *sarama.Config) { c.Producer.Flush.Bytes = 100 }, 3, 2, -1},
		{"after some messages or a time", func(c *sarama.Config) {
			c.Producer.Flush.Messages, c.Producer.Flush.Frequency = 4, 2*time.Second
		}, 6, 4, 2 * time.Second},
		{"at most some messages", func(c *sarama.Config) {
			c.Producer.Flush.MaxMessages, c.Producer.Flush.Frequency = 2, time.Second
		}, 5, 4, time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := memkafka.New()
				defer c.Close()
				createTopic(t, c, "t", 1)
				p := asyncProducer(t, c, test.configure)
				for i := range test.send {
					p.Input() <- message("t", "", fmt.Sprint(i))
				}
				synctest.Wait()
				if n := len(p.Successes()); n != test.acked {
					t.Errorf("%d messages were sent at once, want %d", n, test.acked)
				}
				if test.rest > 0 {
					start := time.Now()
					for range test.send {
						<-p.Successes()
					}
					if took := time.Since(start); took != test.rest {
						t.Errorf("the rest came after %v, want %v", took, test.rest)
					}
				}
				if err := p.Close(); err != nil {
					t.Error(err)
				}
				if _, high, _ := c.Offsets("t", 0); high != memkafka.Offset(test.send) {
					t.Errorf("%d records were written before Close returned, want %d", high, test.send)
				}
			})
		})
	}
}
