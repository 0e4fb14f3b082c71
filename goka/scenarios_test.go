package goka_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/storage"
)

// numbered are keys from one number to before another.
func numbered(from, to int) []string {
	var keys []string
	for i := from; i < to; i++ {
		keys = append(keys, fmt.Sprint("key-", i))
	}
	return keys
}

// seen counts what callbacks got, by key.
type seen struct {
	mu   sync.Mutex
	keys map[string]int
}

func (s *seen) add(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys == nil {
		s.keys = map[string]int{}
	}
	s.keys[key]++
}

func (s *seen) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.keys)
}

// active are the partitions whose messages an instance handles.
func (r *running) active() []int32 {
	var ps []int32
	if !r.Recovered() {
		return nil
	}
	for p, s := range r.Stats().Group {
		if s.TableStats == nil || s.TableStats.RunMode == 0 {
			ps = append(ps, p)
		}
	}
	slices.Sort(ps)
	return ps
}

// shared reports whether instances have all partitions between them, evenly and each once.
func shared(partitions int, instances ...*running) bool {
	var all []int32
	for _, r := range instances {
		own := r.active()
		if len(own) < partitions/len(instances) || len(own) > (partitions+len(instances)-1)/len(instances) {
			return false
		}
		all = append(all, own...)
	}
	slices.Sort(all)
	return len(all) == partitions && len(slices.Compact(all)) == partitions
}

func TestScenarioRebalance(t *testing.T) {
	onEveryDoor(t, func(p *place) {
		const partitions = 20
		group, in := p.group("g"), p.stream("in")
		p.topic(in, partitions)
		gg := func() *goka.GroupGraph { return counter(group, in) }
		keys, sent := numbered(0, 100), 0
		send := func() {
			p.send(in, keys...)
			sent++
		}
		send()
		instances := []*running{p.run("c0", gg()).ready()}
		for i := 1; i < 5; i++ {
			instances = append(instances, p.run(fmt.Sprint("c", i), gg()))
			send()
		}
		p.until("five instances share twenty partitions", func() bool { return shared(partitions, instances...) })
		send()
		p.check(instances[1].stop())
		send()
		p.check(instances[3].stop())
		left := []*running{instances[0], instances[2], instances[4]}
		p.until("three instances share twenty partitions", func() bool { return shared(partitions, left...) })
		send()
		p.until("all is committed", func() bool { return p.committed(group, in) == int64(sent*len(keys)) })
		v := p.view(goka.GroupTable(group), new(codec.Int64))
		p.until("the table counts every message once", func() bool {
			for _, key := range keys {
				if n, err := v.Get(key); err != nil || n != int64(sent) {
					return false
				}
			}
			return true
		})
	})
}

func TestScenarioHotStandby(t *testing.T) {
	onEveryDoor(t, func(p *place) {
		group, in := p.group("g"), p.stream("in")
		p.topic(in, 4)
		a := p.run("a", counter(group, in), goka.WithHotStandby()).ready()
		b := p.run("b", counter(group, in), goka.WithHotStandby()).ready()
		p.until("they share", func() bool { return shared(4, a, b) })
		keys := numbered(0, 40)
		p.send(in, keys...)
		count := func(r *running, want int64) func() bool {
			return func() bool {
				return !slices.ContainsFunc(keys, func(key string) bool { n, err := r.Get(key); return err != nil || n != want })
			}
		}
		p.until("both have all rows", func() bool { return count(a, 1)() && count(b, 1)() })
		p.check(a.stop())
		p.until("the other one has all", func() bool { return shared(4, b) })
		p.send(in, keys...)
		p.until("it goes on counting", count(b, 2))
	})
}

func TestScenarioRecoverAhead(t *testing.T) {
	onEveryDoor(t, func(p *place) {
		group, in := p.group("g"), p.stream("in")
		p.topic(in, 4)
		keys := numbered(0, 40)
		p.send(in, keys...)
		a := p.run("a", counter(group, in)).ready()
		p.until("all is committed", func() bool { return p.committed(group, in) == 40 })
		var mu sync.Mutex
		recovered, before := map[int32]bool{}, -1
		b := p.run("b", counter(group, in), goka.WithRecoverAhead(),
			goka.WithRecoveryCallback(func(r goka.RecoveryProgress) {
				mu.Lock()
				defer mu.Unlock()
				recovered[r.Partition] = recovered[r.Partition] || r.Done
			}),
			goka.WithRebalanceCallback(func(goka.Assignment) {
				mu.Lock()
				defer mu.Unlock()
				if before < 0 {
					before = len(recovered)
				}
			})).ready()
		p.until("they share", func() bool { return shared(4, a, b) })
		mu.Lock()
		defer mu.Unlock()
		if before != 4 {
			p.Errorf("%d of 4 partitions were recovered before the group was joined", before)
		}
	})
}

func TestScenarioShutdownInEveryPhase(t *testing.T) {
	onEveryDoor(t, func(p *place) {
		in := p.stream("in")
		p.topic(in, 3)
		p.send(in, numbered(0, 60)...)
		for i, phase := range []struct {
			name  string
			state goka.State
			began func(r *running, handled *atomic.Int64) bool
		}{
			{"at once", goka.ProcStateIdle, func(*running, *atomic.Int64) bool { return true }},
			{"starting", goka.ProcStateStarting, func(r *running, _ *atomic.Int64) bool { return !r.StateReader().IsState(goka.ProcStateIdle) }},
			{"setup", goka.ProcStateSetup, func(r *running, _ *atomic.Int64) bool { return r.StateReader().State() >= goka.ProcStateSetup }},
			{"running", goka.ProcStateRunning, func(r *running, _ *atomic.Int64) bool { return r.Recovered() }},
			{"in a callback", goka.ProcStateRunning, func(_ *running, n *atomic.Int64) bool { return n.Load() > 0 }},
		} {
			group, handled := p.group(fmt.Sprint("g", i)), new(atomic.Int64)
			gg := func(wait time.Duration) *goka.GroupGraph {
				return goka.DefineGroup(group, goka.Input(in, new(codec.String), func(ctx goka.Context, _ interface{}) {
					handled.Add(1)
					time.Sleep(wait)
					n, _ := ctx.Value().(int64)
					ctx.SetValue(n + 1)
				}), goka.Persist(new(codec.Int64)))
			}
			r := p.run("a", gg(10*time.Millisecond))
			p.until(phase.name, func() bool { return phase.began(r, handled) })
			r.Stop()
			if err := r.wait(); err != nil {
				p.Errorf("stopped %s: %v", phase.name, err)
			}
			if !r.StateReader().IsState(goka.ProcStateStopped) {
				p.Errorf("stopped %s: the state is %v", phase.name, r.StateReader().State())
			}
			again := p.run("b", gg(0)).ready()
			p.until("all is committed", func() bool { return p.committed(group, in) == 60 })
			for _, key := range numbered(0, 60) {
				if n, err := again.Get(key); n != int64(1) || err != nil {
					p.Errorf("stopped %s: %s was counted %v times, %v", phase.name, key, n, err)
				}
			}
			p.check(again.stop())
		}
	})
}

func TestScenarioVisitsDuringRebalances(t *testing.T) {
	onEveryDoor(t, func(p *place) {
		group, in := p.group("g"), p.stream("in")
		p.topic(in, 6)
		keys := numbered(0, 120)
		gg := func() *goka.GroupGraph {
			return goka.DefineGroup(group,
				goka.Input(in, new(codec.String), func(ctx goka.Context, msg interface{}) { ctx.SetValue(msg) }),
				goka.Persist(new(codec.String)),
				goka.Visitor("mark", func(ctx goka.Context, meta interface{}) {
					time.Sleep(time.Millisecond)
					ctx.SetValue(meta)
				}))
		}
		a := p.run("a", gg()).ready()
		p.send(in, keys...)
		p.until("all is committed", func() bool { return p.committed(group, in) == 120 })
		visits := make(chan error, 1)
		aborted := 0
		for round := range 3 {
			go func() { visits <- a.VisitAll(context.Background(), "mark", fmt.Sprint("round ", round)) }()
			other := p.run(fmt.Sprint("other", round), gg()).ready()
			p.until("the visit ended", func() bool { return len(visits) == 1 })
			if err := <-visits; errors.Is(err, goka.ErrVisitAborted) {
				aborted++
			} else if err != nil {
				p.Errorf("visit: %v", err)
			}
			p.check(other.stop())
			p.until("it has all partitions again", func() bool { return shared(6, a) })
		}
		n, err := a.VisitAllWithStats(context.Background(), "mark", "last")
		if n != 120 || err != nil {
			p.Errorf("the last one visited %d, %v", n, err)
		}
		v := p.view(goka.GroupTable(group), new(codec.String))
		p.until("all rows are marked", func() bool {
			return !slices.ContainsFunc(keys, func(key string) bool { got, err := v.Get(key); return err != nil || got != "last" })
		})
	})
}

func TestScenarioManyInputs(t *testing.T) {
	onEveryDoor(t, func(p *place) {
		group := p.group("g")
		var ins goka.Streams
		for i := range 5 {
			in := p.stream(fmt.Sprint("in", i))
			p.topic(in, 3)
			ins = append(ins, in)
		}
		p.run("a", counter(group, ins...))
		p.run("b", counter(group, ins...))
		keys := numbered(0, 30)
		for _, in := range ins {
			p.send(in, keys...)
		}
		p.until("all is committed", func() bool {
			sum := int64(0)
			for _, in := range ins {
				sum += p.committed(group, in)
			}
			return sum == 150
		})
		v := p.view(goka.GroupTable(group), new(codec.Int64))
		p.until("each key is counted in all inputs", func() bool {
			return !slices.ContainsFunc(keys, func(key string) bool { n, err := v.Get(key); return err != nil || n != int64(5) })
		})
	})
}

func TestScenarioCommitsAndRedelivery(t *testing.T) {
	onEveryDoor(t, func(p *place) {
		group, in := p.group("g"), p.stream("in")
		p.topic(in, 1)
		broken, got := true, new(seen)
		gg := func() *goka.GroupGraph {
			return goka.DefineGroup(group, goka.Input(in, new(codec.String), func(ctx goka.Context, _ interface{}) {
				got.add(ctx.Key())
				if broken && ctx.Key() == "key-5" {
					ctx.Fail(errInjected)
				}
			}))
		}
		p.send(in, numbered(0, 10)...)
		r := p.run("a", gg())
		if err := r.wait(); !errors.Is(err, errInjected) {
			p.Fatalf("Run returned %v", err)
		}
		if n := p.committed(group, in); n != 5 || got.len() != 6 {
			p.Fatalf("%d messages were handled and %d committed", got.len(), n)
		}
		broken = false
		p.run("a", gg())
		p.until("all is committed", func() bool { return p.committed(group, in) == 10 })
		for key, n := range got.keys {
			if want := map[bool]int{true: 2, false: 1}[key == "key-5"]; n != want {
				p.Errorf("%s was delivered %d times, want %d", key, n, want)
			}
		}
	})
}

func TestScenarioTopicsThatAreCreatedAgain(t *testing.T) {
	onEveryDoor(t, func(p *place) {
		for name, commit := range map[string]sarama.OffsetAndMetadata{
			"beyond the end":       {Offset: 1000, LeaderEpoch: -1},
			"of another topic":     {Offset: 3, LeaderEpoch: -1, Metadata: "topic-id:AAAAAAAAAAAAAAAAAAAAAQ"},
			"nothing is committed": {Offset: -1},
		} {
			in, group := p.stream("in "+name[:3]), p.group("g "+name[:3])
			in = goka.Stream(strings.ReplaceAll(string(in), " ", "-"))
			p.topic(in, 1)
			p.send(in, numbered(0, 10)...)
			if commit.Offset >= 0 {
				_, err := p.admin.AlterConsumerGroupOffsets(string(group), map[string]map[int32]sarama.OffsetAndMetadata{string(in): {0: commit}}, nil)
				p.check(err)
			}
			got := new(seen)
			gg := goka.DefineGroup(group, goka.Input(in, new(codec.String), func(ctx goka.Context, _ interface{}) { got.add(ctx.Key()) }))
			r := p.run("a", gg).ready()
			p.until(name+": all is handled and committed", func() bool { return got.len() == 10 && p.committed(group, in) == 10 })
			p.check(r.stop())
		}
	})
}

// breaker are connections that a test can break.
type breaker struct {
	mu     sync.Mutex
	open   map[net.Conn]struct{}
	broken bool
}

func (b *breaker) Dial(network, addr string) (net.Conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broken {
		return nil, errInjected
	}
	conn, err := net.DialTimeout(network, addr, time.Second)
	if err == nil {
		b.open[conn] = struct{}{}
	}
	return conn, err
}

func (b *breaker) set(broken bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.broken = broken
	if broken {
		for conn := range b.open {
			_ = conn.Close()
		}
		clear(b.open)
	}
}

func TestScenarioDisconnects(t *testing.T) {
	onEveryDoor(t, func(p *place) {
		group, in := p.group("g"), p.stream("in")
		p.topic(in, 3)
		b := &breaker{open: map[net.Conn]struct{}{}}
		c := p.config()
		c.Net.Proxy.Enable, c.Net.Proxy.Dialer = true, b
		c.Metadata.Retry.Backoff = 50 * time.Millisecond
		backoff := func() (goka.Backoff, error) { return goka.NewSimpleBackoff(50*time.Millisecond, time.Second), nil }
		cut := b.set
		if p.virtual { // without connections, it is the broker that goes away
			broker := p.cluster.Brokers()[0]
			cut = func(broken bool) {
				if broken {
					p.check(p.cluster.BrokerDown(broker))
				} else {
					p.check(p.cluster.BrokerUp(broker))
				}
			}
		}
		stores := newMemory()
		gg := func() *goka.GroupGraph { return counter(group, in) }
		start := func() *running {
			return p.run("a", gg(), goka.WithConfig(c), goka.WithStorageBuilder(stores.build), goka.WithBackoffBuilder(backoff))
		}
		r := start().ready()
		v := p.view(goka.GroupTable(group), new(codec.Int64), goka.WithViewConfig(c), goka.WithViewAutoReconnect(), goka.WithViewBackoffBuilder(backoff),
			goka.WithViewStorageBuilder(storage.MemoryBuilder()))
		keys := numbered(0, 30)
		for round := range 3 {
			p.send(in, keys...)
			p.until("all is committed", func() bool {
				select {
				case <-r.Done(): // Kafka was away for too long
					_ = r.wait()
					r = start()
				default:
				}
				return p.committed(group, in) == int64((round+1)*len(keys))
			})
			p.until("the view has it", func() bool {
				return !slices.ContainsFunc(keys, func(key string) bool {
					got, err := v.Get(key) // nil while it reads all anew
					n, _ := got.(int64)
					return err != nil || n < int64(round+1)
				})
			})
			cut(true)
			time.Sleep(200 * time.Millisecond) // of an outage
			cut(false)
		}
	})
}
