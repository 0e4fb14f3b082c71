package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"
)

// patience is how long clients wait for an answer: faults lose some.
const patience = 2 * time.Second

// rest lets a while pass, or less if ctx ends.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// lives runs one life of a client after the other until ctx ends.
func (r *round) lives(ctx context.Context, name string, live func(ctx context.Context, name string, random *rand.Rand) error) {
	random := rand.New(rand.NewPCG(r.seed, uint64(len(name))<<32|uint64(name[len(name)-1])))
	r.clients.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			life, end := context.WithTimeout(ctx, 500*time.Millisecond+time.Duration(random.Int64N(int64(4*time.Second))))
			if err := live(life, fmt.Sprintf("%s.%d", name, n), random); err != nil && life.Err() == nil {
				r.t.Errorf("%s: %v", name, err)
			}
			end()
		}
	})
}

func (r *round) franz(name string, options ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(r.addrs...), kgo.ClientID(name), kgo.RequestTimeoutOverhead(patience), kgo.RetryTimeout(30 * time.Second),
		kgo.MetadataMinAge(50 * time.Millisecond), kgo.UnknownTopicRetries(-1),
	}, options...)...)
}

// produceFranz is idempotent. It flushes at the end of its life, or dies with records on the way.
func (r *round) produceFranz(ctx context.Context, name string, random *rand.Rand) error {
	client, err := r.franz(name, kgo.DefaultProduceTopic(r.plain), kgo.ProduceRequestTimeout(patience))
	if err != nil {
		return err
	}
	defer client.Close()
	for n := 0; ctx.Err() == nil; {
		for range 1 + random.IntN(30) {
			id := fmt.Sprintf("%s/%d", name, n)
			n++
			client.Produce(context.WithoutCancel(ctx), kgo.StringRecord(id), func(_ *kgo.Record, err error) {
				if err == nil {
					r.ledger.learn(acked, id)
				}
			})
		}
		rest(ctx, time.Duration(random.IntN(40))*time.Millisecond)
	}
	if random.IntN(2) == 0 {
		flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = client.Flush(flush) // what it does not bring out is not acknowledged
	}
	return nil
}

// transact commits and aborts. Each life fences the one before it.
func (r *round) transact(ctx context.Context, name string, random *rand.Rand) error {
	client, err := r.franz(name, kgo.DefaultProduceTopic(r.transactional), kgo.TransactionalID("soak"), kgo.ProduceRequestTimeout(patience))
	if err != nil {
		return err
	}
	defer client.Close()
	for n := 0; ctx.Err() == nil; {
		if err := client.BeginTransaction(); err != nil {
			return nil // fenced, or in a state that ends this life
		}
		var ids []string
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		var mu sync.Mutex
		failed := false
		for range 1 + random.IntN(20) {
			id := fmt.Sprintf("%s/%d", name, n)
			n++
			ids = append(ids, id)
			client.Produce(bounded, kgo.StringRecord(id), func(_ *kgo.Record, err error) {
				mu.Lock()
				defer mu.Unlock()
				failed = failed || err != nil
			})
		}
		flushed := client.Flush(bounded)
		mu.Lock()
		commit := flushed == nil && !failed && random.IntN(3) > 0
		mu.Unlock()
		if !commit {
			_ = client.AbortBufferedRecords(bounded) // there may be none
		}
		err := client.EndTransaction(bounded, kgo.TransactionEndTry(commit))
		cancel()
		switch {
		case err != nil:
			return nil // nobody knows what became of it
		case commit:
			r.ledger.learn(committed, ids...)
		default:
			r.ledger.learn(aborted, ids...)
		}
		rest(ctx, time.Duration(random.IntN(30))*time.Millisecond)
	}
	return nil
}

// consumeFranz is a member of a group.
func (r *round) consumeFranz(group string, options ...kgo.Opt) func(ctx context.Context, name string, random *rand.Rand) error {
	return func(ctx context.Context, name string, _ *rand.Rand) error {
		client, err := r.franz(name, append(options, kgo.ConsumeTopics(r.plain), kgo.ConsumerGroup(group),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.HeartbeatInterval(200*time.Millisecond), kgo.SessionTimeout(6*time.Second),
			kgo.AutoCommitInterval(200*time.Millisecond), kgo.FetchMaxWait(200*time.Millisecond))...)
		if err != nil {
			return err
		}
		defer client.Close()
		for ctx.Err() == nil {
			client.PollFetches(ctx).EachRecord(func(record *kgo.Record) { r.ledger.see(group, string(record.Value)) })
		}
		return nil
	}
}

func (r *round) sarama(name string) *sarama.Config {
	config := sarama.NewConfig()
	config.ClientID, config.Version = name, sarama.V3_6_0_0
	config.Net.DialTimeout, config.Net.ReadTimeout, config.Net.WriteTimeout = patience, patience, patience
	config.Metadata.Retry.Max, config.Metadata.Retry.Backoff = 20, 50*time.Millisecond
	return config
}

// produceSarama is idempotent, and ends when all it sent was answered.
func (r *round) produceSarama(ctx context.Context, name string, random *rand.Rand) error {
	config := r.sarama(name)
	config.Net.MaxOpenRequests = 1
	config.Producer.Idempotent, config.Producer.RequiredAcks, config.Producer.Return.Successes = true, sarama.WaitForAll, true
	config.Producer.Timeout, config.Producer.Retry.Max, config.Producer.Retry.Backoff = patience, 20, 50*time.Millisecond
	producer, err := sarama.NewAsyncProducer(r.addrs, config)
	if err != nil {
		return nil // brokers were down for too long
	}
	var answers sync.WaitGroup
	answers.Go(func() {
		for m := range producer.Successes() {
			r.ledger.learn(acked, m.Metadata.(string))
		}
	})
	answers.Go(func() {
		for range producer.Errors() { // not acknowledged
		}
	})
	for n := 0; ctx.Err() == nil; {
		for range 1 + random.IntN(30) {
			id := fmt.Sprintf("%s/%d", name, n)
			n++
			producer.Input() <- &sarama.ProducerMessage{Topic: r.plain, Value: sarama.StringEncoder(id), Metadata: id}
		}
		rest(ctx, time.Duration(random.IntN(40))*time.Millisecond)
	}
	producer.AsyncClose()
	answers.Wait()
	return nil
}

// consumeSarama is a member of a group.
func (r *round) consumeSarama(group string) func(ctx context.Context, name string, random *rand.Rand) error {
	return func(ctx context.Context, name string, _ *rand.Rand) error {
		config := r.sarama(name)
		config.Consumer.Offsets.Initial, config.Consumer.Offsets.AutoCommit.Interval = sarama.OffsetOldest, 200*time.Millisecond
		config.Consumer.Group.Heartbeat.Interval, config.Consumer.Group.Session.Timeout = 200*time.Millisecond, 6*time.Second
		config.Consumer.Group.Rebalance.Timeout, config.Consumer.MaxWaitTime = 6*time.Second, 200*time.Millisecond
		member, err := sarama.NewConsumerGroup(r.addrs, group, config)
		if err != nil {
			return nil // brokers were down for too long
		}
		for ctx.Err() == nil {
			if err := member.Consume(ctx, []string{r.plain}, &reader{r.ledger, group}); err != nil && !errors.Is(err, context.Canceled) {
				rest(ctx, 50*time.Millisecond) // it failed by a fault: again
			}
		}
		_ = member.Close() // as above
		return nil
	}
}

// reader is what a member of sarama's groups does with its claims.
type reader struct {
	ledger *ledger
	group  string
}

func (*reader) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (*reader) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (h *reader) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for m := range claim.Messages() {
		h.ledger.see(h.group, string(m.Value))
		session.MarkMessage(m, "")
	}
	return nil
}

// mumble says something, hardly ever a whole request, and hangs up.
func (r *round) mumble(ctx context.Context, _ string, random *rand.Rand) error {
	for ctx.Err() == nil {
		dialer := net.Dialer{Timeout: patience}
		conn, err := dialer.DialContext(ctx, "tcp", r.addrs[random.IntN(len(r.addrs))])
		if err == nil {
			words := make([]byte, random.IntN(200))
			for i := range words {
				words[i] = byte(random.IntN(256))
			}
			if len(words) > 8 && random.IntN(2) == 0 { // a frame that could be
				copy(words, []byte{0, 0, byte(random.IntN(2)), byte(random.IntN(256)), 0, byte(random.IntN(80)), 0, byte(random.IntN(10))})
			}
			_, _ = conn.Write(words) // it may be closed already
			_ = conn.Close()
		}
		rest(ctx, time.Duration(random.IntN(100))*time.Millisecond)
	}
	return nil
}
