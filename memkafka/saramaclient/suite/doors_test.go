package suite

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
	"go.uber.org/goleak"

	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil { // cases wait more than they work
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick")) // one for all of sarama's metrics, started once
}

// each runs f for each case, as a subtest of its section.
func each(t *testing.T, f func(t *testing.T, name string, c kase)) {
	for _, s := range sections {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			seen := map[string]bool{}
			for _, c := range s.cases {
				if seen[c.name] {
					t.Errorf("two cases are named %q", c.name)
				}
				seen[c.name] = true
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					f(t, s.name+"/"+c.name, c)
				})
			}
		})
	}
}

// TestApacheKafka is sarama's own clients on Apache Kafka: what happens there is what every other door has to do.
func TestApacheKafka(t *testing.T) {
	brokers := os.Getenv("BROKERS")
	if brokers == "" {
		t.Skip("BROKERS=host:port names no Apache Kafka")
	}
	door := saramaDoor{addrs: strings.Split(brokers, ","), config: func() *sarama.Config {
		c := newConfig()
		c.Metadata.Retry.Max = 20 // a busy broker takes a while to make a topic
		return c
	}}
	p := pace{
		session: 6 * time.Second, heartbeat: 100 * time.Millisecond, rebalance: 10 * time.Second, fetch: 100 * time.Millisecond, commit: 200 * time.Millisecond,
		quiet: 300 * time.Millisecond, patience: time.Minute, poll: 20 * time.Millisecond,
	}
	awaitCoordinators(t, door.addrs)
	each(t, func(t *testing.T, _ string, c kase) { c.run(&env{tb: t, Door: door, pace: p}) })
}

// TestWireDoor is sarama's own clients on a cluster of memkafka, by connections in memory.
func TestWireDoor(t *testing.T) {
	p := pace{
		session: 1500 * time.Millisecond, heartbeat: 20 * time.Millisecond, rebalance: 2 * time.Second, fetch: 25 * time.Millisecond, commit: 50 * time.Millisecond,
		quiet: 150 * time.Millisecond, patience: 8 * time.Second, poll: 5 * time.Millisecond,
	}
	each(t, func(t *testing.T, name string, c kase) {
		perhaps(t, pendingOnWire, name, func(tb tb) {
			cluster := newCluster(tb)
			c.run(&env{tb: tb, pace: p, Door: saramaDoor{addrs: cluster.Addrs(), config: func() *sarama.Config {
				config := newConfig()
				config.Net.Proxy.Enable, config.Net.Proxy.Dialer = true, cluster
				return config
			}}})
		})
	})
}

// TestDirectDoor is memkafka/saramaclient in real time.
func TestDirectDoor(t *testing.T) {
	p := pace{
		session: 1500 * time.Millisecond, heartbeat: 20 * time.Millisecond, rebalance: 2 * time.Second, fetch: 25 * time.Millisecond, commit: 50 * time.Millisecond,
		quiet: 50 * time.Millisecond, patience: 8 * time.Second, poll: 2 * time.Millisecond,
	}
	each(t, func(t *testing.T, name string, c kase) {
		p := p
		if slices.Contains(pendingOnDirect, name) {
			p.patience = 2 * time.Second // it fails anyway
		}
		perhaps(t, pendingOnDirect, name, func(tb tb) { c.run(&env{tb: tb, Door: directDoor{newCluster(tb)}, pace: p}) })
	})
}

// virtual has Kafka's own times.
var virtual = pace{
	session: 45 * time.Second, heartbeat: 3 * time.Second, rebalance: time.Minute, fetch: 500 * time.Millisecond, commit: time.Second,
	quiet: 10 * time.Second, patience: 10 * time.Minute, poll: 100 * time.Millisecond,
}

// TestBubbles is memkafka/saramaclient where time is virtual, with Kafka's own times.
func TestBubbles(t *testing.T) {
	each(t, func(t *testing.T, name string, c kase) {
		if slices.Contains(pendingOnDirect, name) {
			t.Skip("it does not work in real time yet")
		}
		synctest.Test(t, func(t *testing.T) {
			c.run(&env{tb: t, Door: directDoor{newCluster(t, memkafka.WithInitialRebalanceDelay(3*time.Second))}, pace: virtual})
		})
	})
}

// TestTimeoutsTakeNoRealTime has a member crash whose session times out after 45 s.
func TestTimeoutsTakeNoRealTime(t *testing.T) {
	began := time.Now()
	for _, c := range groupCases {
		if c.name != "a crashed member is missed when its session times out" {
			continue
		}
		synctest.Test(t, func(t *testing.T) {
			inside := time.Now()
			c.run(&env{tb: t, Door: directDoor{newCluster(t, memkafka.WithInitialRebalanceDelay(3*time.Second))}, pace: virtual})
			if took := time.Since(inside); took < virtual.session/2 {
				t.Errorf("in the bubble it took %v, want about the session time-out of %v", took, virtual.session)
			}
		})
		if took := time.Since(began); took > virtual.session/10 {
			t.Errorf("it took %v", took)
		}
		return
	}
	t.Error("there is no such case")
}

// perhaps runs a case, and expects that it fails if it is pending.
func perhaps(t *testing.T, pending []string, name string, f func(tb)) {
	if !slices.Contains(pending, name) {
		f(t)
		return
	}
	failures := try(t.Context(), f)
	if len(failures) == 0 {
		t.Errorf("%q works: take it off the list of what is pending", name)
	}
	for _, f := range failures {
		t.Log(f)
	}
}

// TestPendingAreCases looks for names on the lists of what is pending that no case has.
func TestPendingAreCases(t *testing.T) {
	var all []string
	for _, s := range sections {
		for _, c := range s.cases {
			all = append(all, s.name+"/"+c.name)
		}
	}
	t.Logf("%d cases, %d pending on the direct door, %d on the wire door", len(all), len(pendingOnDirect), len(pendingOnWire))
	for _, name := range slices.Concat(pendingOnDirect, pendingOnWire) {
		if !slices.Contains(all, name) {
			t.Errorf("%q is pending, and no case", name)
		}
	}
}

// newConfig is sarama's default, at the newest version that both sides know.
func newConfig() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.V4_1_0_0
	return c
}

// newCluster is a cluster for one case.
func newCluster(t tb, options ...memkafka.Option) *memkafka.Cluster {
	c := memkafka.New(append([]memkafka.Option{
		memkafka.WithInitialRebalanceDelay(0), memkafka.WithSetting("group.min.session.timeout.ms", "100"),
		memkafka.WithSetting("transaction.abort.timed.out.transaction.cleanup.interval.ms", "100"),
	}, options...)...)
	t.Cleanup(c.Close)
	return c
}

// directDoor is memkafka/saramaclient.
type directDoor struct{ cluster *memkafka.Cluster }

func (d directDoor) Config() *sarama.Config { return newConfig() }

func (d directDoor) NewClient(c *sarama.Config) (sarama.Client, error) {
	return saramaclient.NewClient(d.cluster, c)
}

func (d directDoor) NewClusterAdmin(c *sarama.Config) (sarama.ClusterAdmin, error) {
	return saramaclient.NewClusterAdmin(d.cluster, c)
}

func (d directDoor) NewConsumer(c *sarama.Config) (sarama.Consumer, error) {
	return saramaclient.NewConsumer(d.cluster, c)
}

func (d directDoor) NewConsumerGroup(group string, c *sarama.Config) (sarama.ConsumerGroup, error) {
	return saramaclient.NewConsumerGroup(d.cluster, group, c)
}

func (d directDoor) NewSyncProducer(c *sarama.Config) (sarama.SyncProducer, error) {
	return saramaclient.NewSyncProducer(d.cluster, c)
}

func (d directDoor) NewAsyncProducer(c *sarama.Config) (sarama.AsyncProducer, error) {
	return saramaclient.NewAsyncProducer(d.cluster, c)
}

func (d directDoor) NewClusterAdminFromClient(c sarama.Client) (sarama.ClusterAdmin, error) {
	return saramaclient.NewClusterAdminFromClient(c)
}

func (d directDoor) NewConsumerFromClient(c sarama.Client) (sarama.Consumer, error) {
	return saramaclient.NewConsumerFromClient(c)
}

func (d directDoor) NewConsumerGroupFromClient(group string, c sarama.Client) (sarama.ConsumerGroup, error) {
	return saramaclient.NewConsumerGroupFromClient(group, c)
}

func (d directDoor) NewSyncProducerFromClient(c sarama.Client) (sarama.SyncProducer, error) {
	return saramaclient.NewSyncProducerFromClient(c)
}

func (d directDoor) NewAsyncProducerFromClient(c sarama.Client) (sarama.AsyncProducer, error) {
	return saramaclient.NewAsyncProducerFromClient(c)
}

func (d directDoor) NewOffsetManagerFromClient(group string, c sarama.Client) (sarama.OffsetManager, error) {
	return saramaclient.NewOffsetManagerFromClient(group, c)
}
