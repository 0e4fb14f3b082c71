package saramaclient_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/internal/door"
	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

func group(t *testing.T, c *memkafka.Cluster, configure func(*sarama.Config)) sarama.ConsumerGroup {
	t.Helper()
	config := sarama.NewConfig()
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	if configure != nil {
		configure(config)
	}
	cg, err := saramaclient.NewConsumerGroup(c, "g", config)
	if err != nil {
		t.Fatal(err)
	}
	return cg
}

// script is a handler made of functions; nil ones do nothing, and without claim messages are read and not marked.
type script struct {
	setup, cleanup func(sarama.ConsumerGroupSession) error
	claim          func(sarama.ConsumerGroupSession, sarama.ConsumerGroupClaim) error
}

func (h script) Setup(s sarama.ConsumerGroupSession) error {
	if h.setup == nil {
		return nil
	}
	return h.setup(s)
}

func (h script) Cleanup(s sarama.ConsumerGroupSession) error {
	if h.cleanup == nil {
		return nil
	}
	return h.cleanup(s)
}

func (h script) ConsumeClaim(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
	if h.claim != nil {
		return h.claim(s, c)
	}
	for range c.Messages() { //nolint:revive // as said
	}
	return nil
}

// consuming runs Consume once, and returns what it returns.
func consuming(ctx context.Context, cg sarama.ConsumerGroup, h sarama.ConsumerGroupHandler) <-chan error {
	result := make(chan error, 1)
	go func() { result <- cg.Consume(ctx, []string{"t"}, h) }()
	return result
}

// TestEveryPhaseEnds ends a member at every moment of its first two minutes: by its context, by Close, with the cluster, and
// in all of these by Close afterwards. Nothing hangs and no goroutine is left, which goleak and the bubble see to.
func TestEveryPhaseEnds(t *testing.T) {
	ends := map[string]func(cancel context.CancelFunc, cg sarama.ConsumerGroup, c *memkafka.Cluster){
		"context": func(cancel context.CancelFunc, _ sarama.ConsumerGroup, _ *memkafka.Cluster) { cancel() },
		"close": func(_ context.CancelFunc, cg sarama.ConsumerGroup, _ *memkafka.Cluster) {
			if err := cg.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		},
		"cluster": func(_ context.CancelFunc, _ sarama.ConsumerGroup, c *memkafka.Cluster) { c.Close() },
	}
	moments := []time.Duration{
		0, 1, time.Millisecond, 2999 * time.Millisecond, 3 * time.Second, 3001 * time.Millisecond,
		4 * time.Second, 5500 * time.Millisecond, 6 * time.Second, 6001 * time.Millisecond, time.Minute,
	}
	for name, end := range ends {
		for _, after := range moments {
			t.Run(name+" after "+after.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := memkafka.New()
					createTopic(t, c, "t", 2)
					produce(t, c, "t", 0, "a", "b")
					other := group(t, c, nil)
					otherCtx, stopOther := context.WithCancel(t.Context())
					time.AfterFunc(time.Second, func() {
						go func() {
							for otherCtx.Err() == nil {
								if err := other.Consume(otherCtx, []string{"t"}, script{}); err != nil {
									return
								}
							}
						}()
					})
					cg := group(t, c, nil)
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					setups, cleanups := 0, 0
					h := script{
						setup:   func(sarama.ConsumerGroupSession) error { setups++; return nil },
						cleanup: func(sarama.ConsumerGroupSession) error { cleanups++; return nil },
					}
					done := make(chan struct{})
					go func() {
						defer close(done)
						for ctx.Err() == nil {
							if err := cg.Consume(ctx, []string{"t"}, h); err != nil {
								if !errors.Is(err, sarama.ErrClosedConsumerGroup) && ctx.Err() == nil {
									t.Errorf("Consume: %v", err)
								}
								return
							}
						}
					}()
					time.Sleep(after)
					synctest.Wait()
					began := time.Now()
					end(cancel, cg, c)
					<-done
					if took := time.Since(began); took > 10*time.Second {
						t.Errorf("it took %v to end", took)
					}
					if setups != cleanups {
						t.Errorf("%d sessions were set up, %d were cleaned up", setups, cleanups)
					}
					for range 2 {
						if err := cg.Close(); err != nil {
							t.Errorf("Close: %v", err)
						}
					}
					stopOther()
					time.Sleep(time.Minute)
					if err := other.Close(); err != nil {
						t.Errorf("Close: %v", err)
					}
					c.Close()
				})
			})
		}
	}
}

func TestConsumeThatWaitsForAnotherOneEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.New()
		defer c.Close()
		createTopic(t, c, "t", 1)
		cg := group(t, c, nil)
		first := consuming(t.Context(), cg, script{})
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		second := consuming(ctx, cg, script{})
		synctest.Wait()
		cancel()
		if err := <-second; !errors.Is(err, context.Canceled) {
			t.Errorf("the second Consume ended with %v, want that it was cancelled", err)
		}
		if err := cg.Close(); err != nil {
			t.Error(err)
		}
		if err := <-first; err != nil && !errors.Is(err, sarama.ErrClosedConsumerGroup) {
			t.Errorf("the first Consume ended with %v", err)
		}
		if err := cg.Consume(t.Context(), []string{"t"}, script{}); !errors.Is(err, sarama.ErrClosedConsumerGroup) {
			t.Errorf("Consume of a closed group gives %v, want ErrClosedConsumerGroup", err)
		}
	})
}

func TestSetupThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.New()
		defer c.Close()
		createTopic(t, c, "t", 1)
		cg := group(t, c, nil)
		broken := errors.New("broken")
		cleaned := false
		err := cg.Consume(t.Context(), []string{"t"}, script{
			setup:   func(sarama.ConsumerGroupSession) error { return broken },
			cleanup: func(sarama.ConsumerGroupSession) error { cleaned = true; return nil },
			claim: func(sarama.ConsumerGroupSession, sarama.ConsumerGroupClaim) error {
				t.Error("a claim began after Setup had failed")
				return nil
			},
		})
		if err != broken || !cleaned { //nolint:errorlint // sarama returns the very error
			t.Errorf("Consume gave %v, cleaned up: %v", err, cleaned)
		}
		if err := cg.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestGroupErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.New()
		defer c.Close()
		createTopic(t, c, "t", 1)
		cg := group(t, c, func(config *sarama.Config) { config.Consumer.Return.Errors = true })
		broken := errors.New("broken")
		if err := cg.Consume(t.Context(), []string{"t"}, script{
			claim: func(sarama.ConsumerGroupSession, sarama.ConsumerGroupClaim) error { return broken },
		}); err != nil {
			t.Errorf("Consume: %v; a claim's error goes to Errors", err)
		}
		var ce *sarama.ConsumerError
		if err := <-cg.Errors(); !errors.As(err, &ce) || !errors.Is(err, broken) || ce.Topic != "t" || ce.Partition != 0 {
			t.Errorf("Errors gave %v, want the claim's error with its partition", err)
		}
		if err := cg.Close(); err != nil {
			t.Error(err)
		}
		if _, open := <-cg.Errors(); open {
			t.Error("Errors is open after Close")
		}
	})
}

// Who has errors reported by a call hears of them there, and Errors has none.
func TestErrorsAreReportedByCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.New()
		defer c.Close()
		createTopic(t, c, "t", 1)
		for _, returned := range []bool{true, false} {
			cg := group(t, c, func(config *sarama.Config) { config.Consumer.Return.Errors = returned })
			var reported error
			if taken := cg.(door.Reporting).ReportTo(func(err error) { reported = err }); taken != returned {
				t.Errorf("with Consumer.Return.Errors %v, reports are taken: %v", returned, taken)
			}
			broken := errors.New("broken")
			if err := cg.Consume(t.Context(), []string{"t"}, script{
				claim: func(sarama.ConsumerGroupSession, sarama.ConsumerGroupClaim) error { return broken },
			}); err != nil {
				t.Errorf("Consume: %v; a claim's error is reported", err)
			}
			if errors.Is(reported, broken) != returned {
				t.Errorf("with Consumer.Return.Errors %v, %v was reported", returned, reported)
			}
			if err := cg.Close(); err != nil {
				t.Error(err)
			}
			if err, open := <-cg.Errors(); open {
				t.Errorf("Errors has %v, too", err)
			}
		}
	})
}

// TestMarks is the table of MarkOffset and ResetOffset: what is committed in the end.
func TestMarks(t *testing.T) {
	type marks func(s sarama.ConsumerGroupSession)
	mark := func(o int64) marks {
		return func(s sarama.ConsumerGroupSession) { s.MarkOffset("t", 0, o, "m") }
	}
	reset := func(o int64) marks {
		return func(s sarama.ConsumerGroupSession) { s.ResetOffset("t", 0, o, "m") }
	}
	commit := func(s sarama.ConsumerGroupSession) { s.Commit() }
	for _, tc := range []struct {
		name   string
		before int64 // committed by another generation, -1 for nothing
		marks  []marks
		manual bool // no auto-commit
		want   int64
	}{
		{name: "nothing", before: -1, want: -1},
		{name: "offset 0", before: -1, marks: []marks{mark(0)}, want: 0},
		{name: "forwards", before: -1, marks: []marks{mark(2), mark(4)}, want: 4},
		{name: "not backwards", before: -1, marks: []marks{mark(4), mark(2)}, want: 4},
		{name: "not below what is committed", before: 3, marks: []marks{mark(2)}, want: 3},
		{name: "reset backwards", before: 3, marks: []marks{reset(1)}, want: 1},
		{name: "not reset forwards", before: 3, marks: []marks{reset(4)}, want: 3},
		{name: "no reset from nothing", before: -1, marks: []marks{reset(2)}, want: -1},
		{name: "reset and go on", before: 4, marks: []marks{reset(1), mark(3)}, want: 3},
		{name: "without auto-commit", before: -1, marks: []marks{mark(2)}, manual: true, want: -1},
		{name: "by Commit", before: -1, marks: []marks{mark(2), commit, mark(3)}, manual: true, want: 2},
		{name: "of a partition that is not claimed", before: -1, marks: []marks{func(s sarama.ConsumerGroupSession) {
			s.MarkOffset("other", 7, 3, "")
			s.ResetOffset("other", 7, 3, "")
		}}, want: -1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := memkafka.New(memkafka.WithInitialRebalanceDelay(0))
				defer c.Close()
				createTopic(t, c, "t", 1)
				produce(t, c, "t", 0, "0", "1", "2", "3", "4")
				generation := func(manual bool, ms ...marks) {
					cg := group(t, c, func(config *sarama.Config) { config.Consumer.Offsets.AutoCommit.Enable = !manual })
					if err := cg.Consume(t.Context(), []string{"t"}, script{claim: func(s sarama.ConsumerGroupSession, _ sarama.ConsumerGroupClaim) error {
						for _, m := range ms {
							m(s)
						}
						return nil
					}}); err != nil {
						t.Fatal(err)
					}
					if err := cg.Close(); err != nil {
						t.Fatal(err)
					}
				}
				if tc.before >= 0 {
					generation(false, mark(tc.before))
				}
				generation(tc.manual, tc.marks...)
				got := int64(-1)
				if o, ok := c.Committed("g", "t", 0); ok {
					got = int64(o)
				}
				if got != tc.want {
					t.Errorf("committed is %d, want %d", got, tc.want)
				}
			})
		})
	}
}

// TestConsumePartition is the table of where a partition consumer begins.
func TestConsumePartition(t *testing.T) {
	for _, tc := range []struct {
		name      string
		topic     string
		partition int32
		offset    int64
		configure func(*sarama.Config)
		want      string // the value of the next record, after "new" was written
		wantErr   error
	}{
		{name: "oldest", topic: "t", offset: sarama.OffsetOldest, want: "b"},
		{name: "newest", topic: "t", offset: sarama.OffsetNewest, want: "new"},
		{name: "the log start", topic: "t", offset: 1, want: "b"},
		{name: "the end", topic: "t", offset: 3, want: "new"},
		{name: "deleted", topic: "t", offset: 0, wantErr: sarama.ErrOffsetOutOfRange},
		{name: "past the end", topic: "t", offset: 4, wantErr: sarama.ErrOffsetOutOfRange},
		{name: "no offset", topic: "t", offset: -7, wantErr: sarama.ErrOffsetOutOfRange},
		{name: "no partition", topic: "t", partition: 1, offset: sarama.OffsetOldest, wantErr: sarama.ErrUnknownTopicOrPartition},
		{name: "a topic that is made by asking", topic: "u", offset: sarama.OffsetOldest, want: "new"},
		{
			name: "no topic", topic: "u", offset: sarama.OffsetOldest, wantErr: sarama.ErrUnknownTopicOrPartition,
			configure: func(c *sarama.Config) { c.Metadata.AllowAutoTopicCreation = false },
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := memkafka.New()
			defer c.Close()
			createTopic(t, c, "t", 1)
			produce(t, c, "t", 0, "a", "b", "c")
			admin, err := saramaclient.NewClusterAdmin(c, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := admin.DeleteRecords("t", map[int32]int64{0: 1}); err != nil {
				t.Fatal(err)
			}
			config := sarama.NewConfig()
			if tc.configure != nil {
				tc.configure(config)
			}
			consumer, err := saramaclient.NewConsumer(c, config)
			if err != nil {
				t.Fatal(err)
			}
			pc, err := consumer.ConsumePartition(tc.topic, tc.partition, tc.offset)
			if tc.wantErr != nil || err != nil {
				if !errors.Is(err, tc.wantErr) {
					t.Errorf("ConsumePartition gives %v, want %v", err, tc.wantErr)
				}
				return
			}
			if _, err := consumer.ConsumePartition(tc.topic, tc.partition, tc.offset); !errors.As(err, new(sarama.ConfigurationError)) {
				t.Errorf("a second consumer of the partition gives %v, want a ConfigurationError", err)
			}
			produce(t, c, tc.topic, 0, "new")
			if m := <-pc.Messages(); string(m.Value) != tc.want {
				t.Errorf("the first record is %s, want %s", m.Value, tc.want)
			}
			if err := pc.Close(); err != nil {
				t.Error(err)
			}
			if err := pc.Close(); err != nil {
				t.Error(err)
			}
			if _, err := consumer.ConsumePartition(tc.topic, tc.partition, sarama.OffsetNewest); err != nil {
				t.Errorf("a partition cannot be consumed again: %v", err)
			}
			if err := consumer.Close(); err != nil {
				t.Error(err)
			}
			if err := consumer.Close(); !errors.Is(err, sarama.ErrClosedClient) {
				t.Errorf("Close again gives %v, want ErrClosedClient", err)
			}
			if _, err := consumer.ConsumePartition(tc.topic, 0, sarama.OffsetNewest); !errors.Is(err, sarama.ErrClosedClient) {
				t.Errorf("a closed consumer gives %v, want ErrClosedClient", err)
			}
		})
	}
}

func TestPauseAndResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.New()
		defer c.Close()
		createTopic(t, c, "t", 1)
		consumer, err := saramaclient.NewConsumer(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		pc, err := consumer.ConsumePartition("t", 0, sarama.OffsetOldest)
		if err != nil {
			t.Fatal(err)
		}
		consumer.Pause(map[string][]int32{"t": {0}, "other": {3}})
		produce(t, c, "t", 0, "a")
		synctest.Wait()
		select {
		case m := <-pc.Messages():
			t.Errorf("a paused consumer got %s", m.Value)
		default:
		}
		if !pc.IsPaused() {
			t.Error("the consumer does not know that it is paused")
		}
		consumer.ResumeAll()
		if m := <-pc.Messages(); string(m.Value) != "a" {
			t.Errorf("got %s", m.Value)
		}
		consumer.PauseAll()
		if err := pc.Close(); err != nil {
			t.Error(err)
		}
		if err := consumer.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestRetentionPastAConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.New()
		defer c.Close()
		createTopic(t, c, "t", 1)
		config := sarama.NewConfig()
		config.Consumer.Return.Errors = true
		consumer, err := saramaclient.NewConsumer(c, config)
		if err != nil {
			t.Fatal(err)
		}
		pc, err := consumer.ConsumePartition("t", 0, sarama.OffsetOldest)
		if err != nil {
			t.Fatal(err)
		}
		pc.Pause()
		synctest.Wait()
		produce(t, c, "t", 0, "a", "b", "c")
		admin, err := saramaclient.NewClusterAdmin(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := admin.DeleteRecords("t", map[int32]int64{0: 2}); err != nil {
			t.Fatal(err)
		}
		pc.Resume()
		if m, open := <-pc.Messages(); open {
			t.Errorf("got %s at %d", m.Value, m.Offset)
		}
		if e := <-pc.Errors(); e == nil || !errors.Is(e, sarama.ErrOffsetOutOfRange) {
			t.Errorf("the consumer ended with %v, want ErrOffsetOutOfRange", e)
		}
		if err := consumer.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestGroupsNeedAVersion(t *testing.T) {
	c := memkafka.New()
	defer c.Close()
	config := sarama.NewConfig()
	config.Version = sarama.V0_10_1_0
	if _, err := saramaclient.NewConsumerGroup(c, "g", config); !errors.As(err, new(sarama.ConfigurationError)) {
		t.Errorf("a group before Kafka 0.10.2 gives %v, want a ConfigurationError", err)
	}
}

func TestNoClusterIsAnError(t *testing.T) {
	if _, err := saramaclient.NewClient(nil, nil); err == nil || !strings.Contains(err.Error(), "cluster is nil") {
		t.Errorf("a client of a nil cluster: %v", err)
	}
}
