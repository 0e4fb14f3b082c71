package saramaclient_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

// forwarder copies what it gets to another topic, through an asynchronous producer, and marks it once that is written.
type forwarder struct {
	producer sarama.AsyncProducer
}

type forwarded struct {
	session sarama.ConsumerGroupSession
	msg     *sarama.ConsumerMessage
}

// KafkaSource names the message at hand, so that a driver can order what members send at once.
func (f *forwarded) KafkaSource() memkafka.Source {
	return memkafka.Source{Topic: f.msg.Topic, Partition: f.msg.Partition, Offset: memkafka.Offset(f.msg.Offset)}
}

func (f *forwarder) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (f *forwarder) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (f *forwarder) ConsumeClaim(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
	for m := range c.Messages() {
		f.producer.Input() <- &sarama.ProducerMessage{
			Topic: "out", Key: sarama.ByteEncoder(m.Key), Value: sarama.ByteEncoder(m.Value), Metadata: &forwarded{s, m},
		}
	}
	return nil
}

// forwarding is one simulated run: three members forward 60 records, one leaves, one crashes, and faults happen.
func forwarding(t *testing.T, seed uint64, faults string) (digest string, text string) {
	synctest.Test(t, func(t *testing.T) {
		c, d, err := memkafka.NewDriven(seed, synctest.Wait)
		if err != nil {
			t.Fatal(err)
		}
		var lines bytes.Buffer
		d.Trace().Text = &lines
		createTopic(t, c, "in", 4)
		createTopic(t, c, "out", 4)
		if err := c.SetFaults(faults); err != nil {
			t.Fatal(err)
		}
		n := 0
		d.AddFeed(&memkafka.Feed{Name: "in", Next: func() (memkafka.TopicPartition, memkafka.Record, bool) {
			n++
			k := fmt.Sprintf("k%d", n%7)
			return memkafka.TopicPartition{Topic: "in", Partition: int32(n % 4)}, memkafka.Record{Key: []byte(k), Value: fmt.Append(nil, n), Timestamp: memkafka.NoTimestamp}, n <= 60
		}})
		ctx, cancel := context.WithCancel(t.Context())
		var dones []chan struct{}
		cancels := map[string]context.CancelFunc{}
		for _, id := range []string{"a", "b", "c"} {
			mctx, mcancel := context.WithCancel(ctx)
			cancels[id] = mcancel
			done := make(chan struct{})
			dones = append(dones, done)
			go func() {
				defer close(done)
				forwardingMember(t, mctx, c, id)
			}()
			d.Settle()
		}
		step := func(until func() bool) {
			for i := 0; !until(); i++ {
				if i > 100_000 {
					t.Fatal("no end in sight")
				}
				if _, err := d.Step(); err != nil {
					t.Fatal(err)
				}
			}
		}
		step(func() bool { return d.Steps() > 150 })
		cancels["a"]() // leaves
		step(func() bool { return d.Steps() > 300 })
		d.Kill("b") // crashes
		end := time.Now().Add(2 * time.Minute)
		step(func() bool { return d.Quiet() && time.Now().After(end) })
		if missed := c.MissedFaults(); len(missed) > 0 {
			t.Logf("seed %d: these never happened: %q", seed, missed)
		}
		cancel()
		for _, done := range dones {
			step(func() bool {
				select {
				case <-done:
					return true
				default:
					return false
				}
			})
		}
		c.Close()
		synctest.Wait()
		digest, text = d.Trace().Digest(), lines.String()
	})
	return digest, text
}

func forwardingMember(t *testing.T, ctx context.Context, c *memkafka.Cluster, id string) {
	config := sarama.NewConfig()
	config.ClientID = id
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Producer.Return.Successes = true
	cg, err := saramaclient.NewConsumerGroup(c, "g", config)
	if err != nil {
		t.Error(err)
		return
	}
	p, err := saramaclient.NewAsyncProducer(c, config)
	if err != nil {
		t.Error(err)
		return
	}
	acked := make(chan struct{})
	go func() {
		defer close(acked)
		for m := range p.Successes() {
			f := m.Metadata.(*forwarded)
			f.session.MarkMessage(f.msg, "")
		}
	}()
	failed := make(chan struct{})
	go func() {
		defer close(failed)
		for range p.Errors() { //nolint:revive // what a crash lost
		}
	}()
	for ctx.Err() == nil {
		err := cg.Consume(ctx, []string{"in"}, &forwarder{p})
		if errors.Is(err, sarama.ErrClosedConsumerGroup) {
			break
		}
	}
	p.AsyncClose()
	<-acked
	<-failed
	_ = cg.Close() // a crashed member cannot leave
}

func TestDrivenRunsRepeat(t *testing.T) { repeats(t, 5, "") }

func TestDrivenRunsWithFaultsRepeat(t *testing.T) {
	repeats(t, 8, `
on produce every=7: drop-response
on produce probability=0.2: delay-response for=1ms up-to=3s
on produce probability=0.1: duplicate
on produce nth=5: hold-response behind=2
on fetch probability=0.2: error NOT_LEADER_OR_FOLLOWER
on fetch probability=0.1: delay-request for=5ms up-to=1s
on heartbeat every=5: move-coordinator
on heartbeat probability=0.1: error REBALANCE_IN_PROGRESS
on offset-commit every=3: drop-request
on join-group nth=2: disconnect
at 5s every=20s times=3: stop-broker broker=1 for=2s
at 12s: jump-clock by=7s
at 20s: slow-broker broker=1 by=200ms for=5s
`)
}

// repeats runs several seeds, each several times, and compares the runs of each.
func repeats(t *testing.T, seeds uint64, faults string) {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	digests := map[string]bool{}
	for seed := range seeds {
		var first, firstText string
		for i, procs := range []int{1, 2, 8, 8, 1, 2} {
			runtime.GOMAXPROCS(procs)
			digest, text := forwarding(t, seed, faults)
			if i == 0 {
				first, firstText = digest, text
				continue
			}
			if digest != first {
				t.Fatalf("seed %d, GOMAXPROCS %d: the run differs from the first one:\n%s", seed, procs, firstDifference(firstText, text))
			}
		}
		if digests[first] {
			t.Errorf("seed %d gives the same run as another seed", seed)
		}
		digests[first] = true
	}
}

func firstDifference(a, b string) string {
	as, bs := bytes.Split([]byte(a), []byte("\n")), bytes.Split([]byte(b), []byte("\n"))
	for i := range min(len(as), len(bs)) {
		if !bytes.Equal(as[i], bs[i]) {
			from := max(i-15, 0)
			return fmt.Sprintf("%s\n-%s\n+%s", bytes.Join(as[from:i], []byte("\n")), as[i], bs[i])
		}
	}
	return fmt.Sprintf("one run has %d lines, the other %d", len(as), len(bs))
}
