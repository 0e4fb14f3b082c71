package saramaclient_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

// exactlyOnce copies what it gets to another topic, each message in a transaction of its own with its offset. Each claim has a
// producer that fences whoever had the partition before.
type exactlyOnce struct {
	c  *memkafka.Cluster
	id string
}

func (x exactlyOnce) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (x exactlyOnce) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (x exactlyOnce) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	config := sarama.NewConfig()
	config.ClientID = x.id
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	transactional("copy-" + strconv.Itoa(int(claim.Partition())))(config)
	p, err := saramaclient.NewSyncProducer(x.c, config)
	if err != nil {
		return err
	}
	defer p.Close()
	for m := range claim.Messages() {
		if err := x.copy(s, p, m); err != nil {
			_ = p.AbortTxn() // which fails for a producer that was fenced
			return err
		}
	}
	return nil
}

func (x exactlyOnce) copy(s sarama.ConsumerGroupSession, p sarama.SyncProducer, m *sarama.ConsumerMessage) error {
	if err := p.BeginTxn(); err != nil {
		return err
	}
	_, _, err := p.SendMessage(&sarama.ProducerMessage{
		Topic: "out", Partition: m.Partition, Value: sarama.ByteEncoder(m.Value), Metadata: &forwarded{s, m},
	})
	if err != nil {
		return err
	}
	of := &sarama.ConsumerGroupMetadata{GroupID: "g", GenerationID: s.GenerationID(), MemberID: s.MemberID()}
	if err := p.AddMessageToTxnWithGroupMetadata(m, of, nil); err != nil {
		return err
	}
	if err := p.CommitTxn(); err != nil {
		return err
	}
	s.MarkMessage(m, "") // for the driver, which wants to know what was handled
	return nil
}

// cooperativeRange gives partitions as the range strategy does, but none that somebody else owns still. sarama's own
// cooperative strategy does not always give the same plan.
type cooperativeRange struct{ sarama.BalanceStrategy }

func (cooperativeRange) Name() string { return "cooperative-range" }

func (cooperativeRange) SupportedProtocols() []sarama.RebalanceProtocol {
	return []sarama.RebalanceProtocol{sarama.RebalanceProtocolCooperative}
}

func (r cooperativeRange) Plan(members map[string]sarama.ConsumerGroupMemberMetadata, topics map[string][]int32) (sarama.BalanceStrategyPlan, error) {
	plan, err := r.BalanceStrategy.Plan(members, topics)
	for id, claims := range plan {
		for topic := range claims {
			claims[topic] = slices.DeleteFunc(claims[topic], func(p int32) bool {
				for other, m := range members {
					for _, o := range m.OwnedPartitions {
						if other != id && o.Topic == topic && slices.Contains(o.Partitions, p) {
							return true
						}
					}
				}
				return false
			})
		}
	}
	return plan, err
}

// copying is one simulated run: three cooperative members copy 40 records exactly once, one leaves, one crashes, faults happen.
func copying(t *testing.T, seed uint64, faults string) (digest, text string) {
	synctest.Test(t, func(t *testing.T) {
		c, d, err := memkafka.NewDriven(seed, synctest.Wait)
		must(t, "driven", err)
		var lines bytes.Buffer
		d.Trace().Text = &lines
		createTopic(t, c, "in", 3)
		createTopic(t, c, "out", 3)
		must(t, "faults", c.SetFaults(faults))
		n := 0
		d.AddFeed(&memkafka.Feed{Name: "in", Next: func() (memkafka.TopicPartition, memkafka.Record, bool) {
			n++
			return memkafka.TopicPartition{Topic: "in", Partition: int32(n % 3)}, memkafka.Record{Value: fmt.Append(nil, n), Timestamp: memkafka.NoTimestamp}, n <= 40
		}})
		step := func(until func() bool) {
			for i := 0; !until(); i++ {
				if i > 200_000 {
					t.Fatalf("seed %d: no end in sight:\n%s", seed, d.Pending())
				}
				if _, err := d.Step(); err != nil {
					t.Fatal(err)
				}
			}
		}
		var dones []chan struct{}
		cancels := map[string]context.CancelFunc{}
		for _, id := range []string{"a", "b", "c"} {
			ctx, cancel := context.WithCancel(t.Context())
			cancels[id] = cancel
			done := make(chan struct{})
			dones = append(dones, done)
			config := sarama.NewConfig()
			config.ClientID = id
			config.Consumer.Offsets.Initial = sarama.OffsetOldest
			config.Consumer.Offsets.AutoCommit.Enable = false
			config.Consumer.IsolationLevel = sarama.ReadCommitted
			config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{cooperativeRange{sarama.NewBalanceStrategyRange()}}
			cg, err := saramaclient.NewConsumerGroup(c, "g", config)
			must(t, "group", err)
			go func() {
				defer close(done)
				for ctx.Err() == nil && !errors.Is(cg.Consume(ctx, []string{"in"}, exactlyOnce{c, id}), sarama.ErrClosedConsumerGroup) { //nolint:revive // again
				}
				_ = cg.Close() // a crashed member cannot leave
			}()
			d.Settle()
		}
		step(func() bool { return d.Steps() > 200 })
		cancels["a"]() // leaves
		step(func() bool { return d.Steps() > 400 })
		d.Kill("b") // crashes
		end := time.Now().Add(3 * time.Minute)
		step(func() bool { return d.Quiet() && time.Now().After(end) })
		for _, cancel := range cancels {
			cancel()
		}
		for _, done := range dones {
			step(func() bool { return isClosed(done) })
		}
		got := copied(t, c, step, d.Quiet)
		want := make([]int, 40)
		for i := range want {
			want[i] = i + 1
		}
		if !slices.Equal(got, want) {
			t.Errorf("seed %d: copied are %v", seed, got)
		}
		c.Close()
		synctest.Wait()
		digest, text = d.Trace().Digest(), lines.String()
	})
	return digest, text
}

// copied are the numbers that were committed in the other topic, sorted.
func copied(t *testing.T, c *memkafka.Cluster, step func(until func() bool), quiet func() bool) []int {
	config := sarama.NewConfig()
	config.ClientID = "reader"
	config.Consumer.IsolationLevel = sarama.ReadCommitted
	consumer, err := saramaclient.NewConsumer(c, config)
	must(t, "consumer", err)
	numbers := make([][]int, 3)
	subscribed := make(chan struct{}, 3)
	for p := range int32(3) {
		go func() {
			pc, err := consumer.ConsumePartition("out", p, sarama.OffsetOldest)
			subscribed <- struct{}{}
			if err != nil {
				t.Error(err)
				return
			}
			for m := range pc.Messages() {
				n, _ := strconv.Atoi(string(m.Value))
				numbers[p] = append(numbers[p], n)
			}
		}()
	}
	step(func() bool { return len(subscribed) == 3 })
	step(quiet)
	synctest.Wait()
	all := slices.Concat(numbers...)
	slices.Sort(all)
	must(t, "close", consumer.Close())
	return all
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// TestTransactionsOfDrivenRuns holds each run to exactly once, and to itself.
func TestTransactionsOfDrivenRuns(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for name, faults := range map[string]string{"": "", "with faults": `
on produce every=7: drop-response
on end-txn every=5: drop-response
on end-txn probability=0.1: error CONCURRENT_TRANSACTIONS
on add-partitions-to-txn probability=0.2: error COORDINATOR_LOAD_IN_PROGRESS
on txn-offset-commit every=4: disconnect after-effect
on heartbeat every=5: move-coordinator
`} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(6) {
				runtime.GOMAXPROCS(1)
				first, text := copying(t, seed, faults)
				runtime.GOMAXPROCS(4)
				if again, other := copying(t, seed, faults); again != first {
					t.Errorf("seed %d gives two runs: %s", seed, firstDifference(text, other))
				}
			}
		})
	}
}
