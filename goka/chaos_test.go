package goka_test

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/tester"
)

// chaos is a run of five groups, with crashes, rebalances, faults of brokers and restarts as a seed decides. What it
// leaves has to be what the input amounts to.
type chaos struct {
	s       *tester.Sim
	plant   plant
	graphs  map[string]*goka.GroupGraph
	runs    map[string][]*tester.Instance // by group
	views   map[string]*goka.View
	started int
	want    map[string]map[string]string // rows by table
}

// plant is a bug that chaos is given to find: options for the processors of a simulation.
type plant func(s *tester.Sim) []goka.ProcessorOption

const chaosPartitions = 4

var chaosGroups = []string{"counting", "joining", "looping", "rekeying", "sink"}

// chaosGraphs collect, per key, the names of messages in sets, so that what is delivered twice is there once; a message
// that says so deletes what is there.
func chaosGraphs() map[string]*goka.GroupGraph {
	c := new(codec.String)
	collect := func(ctx goka.Context, name string) {
		if strings.HasPrefix(name, "-") {
			ctx.Delete()
			return
		}
		ctx.SetValue(add(ctx.Value(), name))
	}
	hop := func(ctx goka.Context, msg interface{}) {
		if hops, name, _ := strings.Cut(msg.(string), " "); hops != "" {
			ctx.Loopback(ctx.Key(), hops[1:]+" "+name)
		} else {
			collect(ctx, name)
		}
	}
	return map[string]*goka.GroupGraph{
		"counting": goka.DefineGroup("counting",
			goka.Input("in", c, func(ctx goka.Context, msg interface{}) { collect(ctx, msg.(string)) }),
			goka.Persist(c)),
		"joining": goka.DefineGroup("joining",
			goka.Input("in", c, func(ctx goka.Context, msg interface{}) {
				collect(ctx, msg.(string)+fmt.Sprint(orEmpty(ctx.Join("joined"))))
			}),
			goka.Join("joined", c), goka.Persist(c)),
		"looping": goka.DefineGroup("looping",
			goka.Input("in", c, func(ctx goka.Context, msg interface{}) {
				name := strings.TrimPrefix(msg.(string), "-")
				hop(ctx, strings.Repeat("x", int(name[len(name)-1]-'0')%3)+" "+name)
			}),
			goka.Loop(c, hop), goka.Persist(c)),
		"rekeying": goka.DefineGroup("rekeying",
			goka.Input("in", c, func(ctx goka.Context, msg interface{}) {
				name := strings.TrimPrefix(msg.(string), "-")
				ctx.Emit("rekeyed", "by-"+name[len(name)-1:], name)
			}),
			goka.Output("rekeyed", c)),
		"sink": goka.DefineGroup("sink",
			goka.Input("rekeyed", c, func(ctx goka.Context, msg interface{}) { collect(ctx, msg.(string)) }),
			goka.Persist(c)),
	}
}

// chaosFaults is what may go wrong: passing errors, broken connections, answers that are late or lost. A member that is
// expelled while its rows wait behind a lost answer is not among them: only transactions would keep these rows from landing
// behind those of the partition's new owner.
var chaosFaults = []string{
	"on produce every=7 times=4: error NOT_LEADER_OR_FOLLOWER",
	"on produce every=11 times=3: error REQUEST_TIMED_OUT after-effect",
	"on produce nth=9: drop-response",
	"on produce every=6 times=3: duplicate",
	"on produce every=8 times=3: disconnect after-effect",
	"on produce every=5 times=5: delay-response for=100ms up-to=3s",
	"on fetch every=13 times=4: error NOT_LEADER_OR_FOLLOWER",
	"on fetch every=9 times=3: disconnect",
	"on offset-commit every=4 times=4: error NOT_COORDINATOR",
	"on offset-commit every=3 times=3: drop-response",
	"on heartbeat every=5 times=3: error REBALANCE_IN_PROGRESS",
	"on join-group every=3 times=3: error COORDINATOR_LOAD_IN_PROGRESS",
	"on sync-group nth=2: error REBALANCE_IN_PROGRESS",
	"on offset-fetch nth=3: error NOT_COORDINATOR",
	"on list-offsets every=6 times=2: error NOT_LEADER_OR_FOLLOWER",
	"on join-group nth=4: move-coordinator, error NOT_COORDINATOR",
}

func newChaos(s *tester.Sim, p plant) *chaos {
	return &chaos{
		s: s, plant: p, graphs: chaosGraphs(), runs: map[string][]*tester.Instance{}, views: map[string]*goka.View{},
		want: map[string]map[string]string{"counting": {}, "joining": {}, "looping": {}, "sink": {}},
	}
}

// input makes the topics and the messages, and notes what they amount to.
func (c *chaos) input(messages int) {
	create := func(topic string, options ...memkafka.TopicOption) {
		if err := c.s.Cluster().CreateTopic(topic, chaosPartitions, options...); err != nil {
			c.s.T().Fatal(err)
		}
	}
	create("in")
	create("rekeyed")
	create("joined", memkafka.WithConfig("cleanup.policy", "compact"))
	at := func(key string) int32 {
		p, err := goka.PartitionForKey(goka.DefaultHasher(), []byte(key), chaosPartitions)
		if err != nil {
			c.s.T().Fatal(err)
		}
		return p
	}
	for key := range 3 { // the others have nothing to join
		k := fmt.Sprint("k", key)
		_, err := c.s.Cluster().Produce("joined", at(k), memkafka.Record{Key: []byte(k), Value: fmt.Append([]byte("+j"), key), Timestamp: memkafka.NoTimestamp})
		if err != nil {
			c.s.T().Fatal(err)
		}
	}
	n := 0
	c.s.Feed("in", func() (memkafka.TopicPartition, memkafka.Record, bool) {
		if n == messages {
			return memkafka.TopicPartition{}, memkafka.Record{}, false
		}
		key, name := fmt.Sprint("k", n%6), fmt.Sprintf("%02d", n)
		value := name
		if n%9 == 4 || n > messages-3 {
			value = "-" + name
		}
		c.expect(key, name, value)
		n++
		return memkafka.TopicPartition{Topic: "in", Partition: at(key)},
			memkafka.Record{Key: []byte(key), Value: []byte(value), Timestamp: memkafka.NoTimestamp}, true
	})
}

// expect notes what a message does to the tables.
func (c *chaos) expect(key, name, value string) {
	put := func(table, key, name string) {
		rows := c.want[table]
		rows[key] = add(rows[key], name)
	}
	if value == name {
		put("counting", key, name)
		joined := ""
		if key < "k3" {
			joined = "+j" + key[1:]
		}
		put("joining", key, name+joined)
	} else {
		delete(c.want["counting"], key)
		delete(c.want["joining"], key)
	}
	put("looping", key, name)
	put("sink", "by-"+name[len(name)-1:], name)
}

func (c *chaos) start(group string) {
	c.started++
	options := []goka.ProcessorOption{goka.WithLogger(new(logLines))}
	if c.s.Rand("standby")%3 == 0 {
		options = append(options, goka.WithHotStandby())
	}
	if c.s.Rand("ahead")%4 == 0 {
		options = append(options, goka.WithRecoverAhead())
	}
	if c.plant != nil {
		options = append(options, c.plant(c.s)...)
	}
	_, i := c.s.StartProcessor(fmt.Sprintf("%s-%d", group, c.started), c.graphs[group], options...)
	c.runs[group] = append(c.runs[group], i)
}

// alive forgets the instances of a group that have ended.
func (c *chaos) alive(group string) []*tester.Instance {
	c.runs[group] = slices.DeleteFunc(c.runs[group], func(i *tester.Instance) bool { ended, _ := i.Ended(); return ended })
	return c.runs[group]
}

func (c *chaos) allAlive() int {
	n := 0
	for _, group := range chaosGroups {
		n += len(c.alive(group))
	}
	return n
}

// run lets everything happen, and returns what is wrong in the end.
func (c *chaos) run() error {
	s := c.s
	c.input(36)
	for i, line := range chaosFaults {
		if s.Rand(fmt.Sprint("fault ", i))%4 == 0 {
			if err := s.Cluster().AddFaults(line); err != nil {
				s.T().Fatal(err)
			}
		}
	}
	for i, group := range chaosGroups {
		c.start(group)
		if s.Rand(fmt.Sprint("second ", i))%2 == 0 {
			c.start(group)
		}
	}
	for _, group := range slices.Sorted(maps.Keys(c.want)) {
		c.views[group], _ = s.StartView("view-"+group, goka.GroupTable(goka.Group(group)), new(codec.String),
			goka.WithViewLogger(new(logLines)), goka.WithViewAutoReconnect())
	}
	for range 5 + s.Rand("rounds")%4 {
		s.Steps(s.Rand("steps") % 250)
		group := chaosGroups[s.Rand("group")%uint64(len(chaosGroups))]
		instances := c.alive(group)
		if len(instances) == 0 || c.allAlive() < 4 { // where nobody runs, nothing happens
			c.start(group)
			continue
		}
		victim := instances[s.Rand("victim")%uint64(len(instances))]
		switch s.Rand("what") % 5 {
		case 0, 1:
			victim.Crash()
		case 2:
			_ = victim.Stop()
		case 3:
			c.start(group)
		case 4:
			victim.Restart()
		}
	}
	s.Cluster().ClearFaults()
	for _, group := range chaosGroups {
		if len(c.alive(group)) == 0 {
			c.start(group)
		}
	}
	s.Idle()
	return c.verdict()
}

// verdict compares what is there with what should be.
func (c *chaos) verdict() error {
	s := c.s
	var errs []error
	for range 30 { // until all that is marked is committed, and views have read again what they could not read
		if c.uncommitted() == nil && c.behind() == "" {
			break
		}
		s.Advance(time.Second)
	}
	errs = append(errs, c.uncommitted())
	for _, group := range slices.Sorted(maps.Keys(c.want)) {
		rows := c.rows(group)
		if diff := cmp.Diff(c.want[group], rows); diff != "" {
			errs = append(errs, fmt.Errorf("the table of %s (-want +got):\n%s", group, diff))
		}
		if diff := cmp.Diff(rows, c.viewed(group)); diff != "" {
			errs = append(errs, fmt.Errorf("the view of %s (-table +view):\n%s", group, diff))
		}
		errs = append(errs, c.held(group))
	}
	return errors.Join(errs...)
}

// rows are what the topic of a group's table amounts to.
func (c *chaos) rows(group string) map[string]string {
	rows := map[string]string{}
	table := string(goka.GroupTable(goka.Group(group)))
	for p := range c.s.Cluster().Partitions(table) {
		records, err := c.s.Cluster().Fetch(table, p, 0, 1<<20)
		if err != nil {
			c.s.T().Fatal(err)
		}
		for _, r := range records {
			if r.Value == nil {
				delete(rows, string(r.Key))
			} else {
				rows[string(r.Key)] = string(r.Value)
			}
		}
	}
	return rows
}

// behind names a group whose view has not all of its table, "" when there is none.
func (c *chaos) behind() string {
	for _, group := range slices.Sorted(maps.Keys(c.want)) {
		if !maps.Equal(c.rows(group), c.viewed(group)) {
			return group
		}
	}
	return ""
}

// uncommitted names a partition that a group has not committed to its end, whatever it has written.
func (c *chaos) uncommitted() error {
	for _, group := range chaosGroups {
		topics := c.graphs[group].InputStreams().Topics()
		if l := c.graphs[group].LoopStream(); l != nil {
			topics = append(topics, l.Topic())
		}
		for _, topic := range topics {
			for p := range c.s.Cluster().Partitions(topic) {
				_, end, err := c.s.Cluster().Offsets(topic, p)
				if err != nil {
					return err
				}
				if at, _ := c.s.Cluster().Committed(group, topic, p); at != end {
					return fmt.Errorf("group %s has committed %d of %d in %s/%d", group, at, end, topic, p)
				}
			}
		}
	}
	return nil
}

// viewed are the rows of a group's view.
func (c *chaos) viewed(group string) map[string]string {
	rows := map[string]string{}
	it, err := c.views[group].Iterator()
	if err != nil {
		return map[string]string{"": err.Error()}
	}
	defer it.Release()
	for it.Next() {
		v, err := it.Value()
		rows[it.Key()] = fmt.Sprint(v, orEmpty(err))
	}
	return rows
}

// held compares the tables that the instances hold with what they should have.
func (c *chaos) held(group string) error {
	var errs []error
	for _, i := range c.alive(group) {
		for _, key := range slices.Sorted(maps.Keys(c.want[group])) {
			got, err := i.Processor().Get(key)
			if err == nil && got != c.want[group][key] {
				errs = append(errs, fmt.Errorf("%s holds %v for %s, want %s", i.Name(), got, key, c.want[group][key]))
			}
		}
	}
	return errors.Join(errs...)
}

func TestSimulatedChaos(t *testing.T) {
	tester.Simulate(t, func(s *tester.Sim) {
		if err := newChaos(s, nil).run(); err != nil {
			t := s.T()
			t.Error(err)
		}
	}, tester.WithSeeds(simSeeds(100)...))
}

// Each of these bugs is one that a library of this kind had, or might have.
func TestChaosFindsPlantedBugs(t *testing.T) {
	for name, p := range map[string]plant{
		"nothing, but slower": func(s *tester.Sim) []goka.ProcessorOption {
			return []goka.ProcessorOption{
				goka.WithConsumerGroupBuilder(leaky{s, func(sarama.ConsumerGroupSession, *sarama.ConsumerMessage, bool) {}}.build),
				goka.WithProducerBuilder(twisted{s, goka.EmissionProducer.Produce}.build),
			}
		},
		"a message is marked before it is handled": func(s *tester.Sim) []goka.ProcessorOption {
			return []goka.ProcessorOption{goka.WithConsumerGroupBuilder(leaky{s, func(session sarama.ConsumerGroupSession, m *sarama.ConsumerMessage, _ bool) {
				session.MarkMessage(m, "")
			}}.build)}
		},
		"what waits when a generation ends is dropped": func(s *tester.Sim) []goka.ProcessorOption {
			return []goka.ProcessorOption{goka.WithConsumerGroupBuilder(leaky{s, func(session sarama.ConsumerGroupSession, m *sarama.ConsumerMessage, waits bool) {
				if waits {
					session.MarkMessage(m, "")
				}
			}}.build)}
		},
		"a row goes to another partition": func(s *tester.Sim) []goka.ProcessorOption {
			return []goka.ProcessorOption{goka.WithProducerBuilder(twisted{s, func(p goka.EmissionProducer, e *goka.Emission) {
				if e.Partition >= 0 {
					e.Partition = (e.Partition + 1) % chaosPartitions
				}
				p.Produce(e)
			}}.build)}
		},
		"a tombstone is not sent": func(s *tester.Sim) []goka.ProcessorOption {
			return []goka.ProcessorOption{goka.WithProducerBuilder(twisted{s, func(p goka.EmissionProducer, e *goka.Emission) {
				if e.Partition >= 0 && e.Value == nil {
					e.Offset = -1
					e.Done(e, nil)
					return
				}
				p.Produce(e)
			}}.build)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			const most = 30
			found := uint64(0)
			tester.Simulate(t, func(s *tester.Sim) {
				if found != 0 {
					return
				}
				if err := newChaos(s, p).run(); err != nil {
					found = s.Seed()
				}
			}, tester.WithSeeds(simSeeds(most)...))
			if isBug := !strings.HasPrefix(name, "nothing"); (found != 0) != isBug {
				t.Errorf("found by seed %d, of %d", found, most)
			}
		})
	}
}

// leaky are groups whose members do something with each message before goka gets it, and with those that goka does not get
// any more.
type leaky struct {
	s   *tester.Sim
	saw func(session sarama.ConsumerGroupSession, m *sarama.ConsumerMessage, waits bool)
}

type leakyHandler struct {
	sarama.ConsumerGroupHandler
	saw func(session sarama.ConsumerGroupSession, m *sarama.ConsumerMessage, waits bool)
}

type leakyGroup struct {
	sarama.ConsumerGroup
	leaky
}

type leakyClaim struct {
	sarama.ConsumerGroupClaim
	messages chan *sarama.ConsumerMessage
}

func (l leaky) build(brokers []string, group, clientID string) (sarama.ConsumerGroup, error) {
	c := l.s.Config()
	inner, err := goka.ConsumerGroupBuilderWithConfig(c)(brokers, group, clientID)
	return leakyGroup{inner, l}, err
}

func (g leakyGroup) Consume(ctx context.Context, topics []string, handler sarama.ConsumerGroupHandler) error {
	return g.ConsumerGroup.Consume(ctx, topics, leakyHandler{handler, g.saw})
}

func (c leakyClaim) Messages() <-chan *sarama.ConsumerMessage { return c.messages }

func (h leakyHandler) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	c := leakyClaim{claim, make(chan *sarama.ConsumerMessage)}
	pumped := make(chan struct{})
	go func() {
		defer close(pumped)
		defer close(c.messages)
		for m := range claim.Messages() {
			h.saw(session, m, false)
			select { // as if it were in a buffer
			case <-time.After(200 * time.Millisecond):
			case <-session.Context().Done():
			}
			if session.Context().Err() != nil {
				h.saw(session, m, true)
				continue
			}
			select {
			case c.messages <- m:
			case <-session.Context().Done():
				h.saw(session, m, true)
			}
		}
	}()
	err := h.ConsumerGroupHandler.ConsumeClaim(session, c)
	<-session.Context().Done()
	<-pumped
	return err
}

// twisted are producers that do something else with what they are to send.
type twisted struct {
	s     *tester.Sim
	twist func(p goka.EmissionProducer, e *goka.Emission)
}

type twistedProducer struct {
	goka.EmissionProducer
	twist func(p goka.EmissionProducer, e *goka.Emission)
}

func (w twisted) build(brokers []string, clientID string, hasher func() hash.Hash32) (goka.Producer, error) {
	inner, err := goka.ProducerBuilderWithConfig(w.s.Config())(brokers, clientID, hasher)
	if err != nil {
		return nil, err
	}
	return twistedProducer{inner.(goka.EmissionProducer), w.twist}, nil
}

func (p twistedProducer) Produce(e *goka.Emission) { p.twist(p.EmissionProducer, e) }
