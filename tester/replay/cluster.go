package replay

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/internal/door"
	"github.com/gokasim/gokasim/memkafka"
)

// cluster is the cluster of a run, reached as goka reaches it.
type cluster struct {
	brokers    []string
	partitions int
	config     *sarama.Config
	door       door.Door
	client     sarama.Client
	admin      sarama.ClusterAdmin

	// idle waits until no goroutine of the run can go on before time passes. It is nil on a real cluster, where nobody
	// can tell.
	idle func()

	// interrupted reports that the run is to end. The context behind it does not belong to a bubble, so nobody may wait
	// for it there.
	interrupted func() bool

	kill func(clientID string) // ends clients as a crash does; of a simulated cluster
	core *memkafka.Cluster     // the simulated cluster, nil on a real one
	meet func()                // called before something is done to processors
}

func (c *cluster) simulated() bool { return c.idle != nil }

// connect opens clients on brokers.
func connect(brokers []string, partitions int, idle func(), interrupted func() bool) (*cluster, error) {
	c := &cluster{brokers: brokers, partitions: partitions, idle: idle, interrupted: interrupted, meet: func() {}, config: goka.DefaultConfig()}
	c.config.ClientID = "gokasim"
	c.config.Consumer.Offsets.Initial = sarama.OffsetOldest
	if c.simulated() {
		c.config.Consumer.Group.Rebalance.Timeout = simulatedPatience // see groups.options
	}
	var err error
	if c.door, err = door.For(brokers); err != nil {
		return nil, err
	}
	if c.client, err = c.door.NewClient(brokers, c.config); err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", c, err)
	}
	if c.admin, err = c.door.NewClusterAdmin(brokers, c.config); err != nil {
		return nil, errors.Join(fmt.Errorf("connecting to %s: %w", c, err), c.client.Close())
	}
	return c, nil
}

func (c *cluster) String() string { return strings.Join(c.brokers, ",") }

func (c *cluster) close() error { return errors.Join(c.admin.Close(), c.client.Close()) }

// topicManagerConfig keeps streams for ever: recorded times would have them expire at once.
func topicManagerConfig() *goka.TopicManagerConfig {
	config := goka.NewTopicManagerConfig()
	config.Stream.Retention = -time.Millisecond
	config.Logger = logger.Discard()
	return config
}

// brokersChoice as a number of replicas leaves it to the brokers (default.replication.factor, KIP-464).
const brokersChoice = -1

// createTopics makes all topics of a plan. On a real cluster those that are there already must be empty, and must have
// the right number of partitions.
func (c *cluster) createTopics(p *plan) error {
	all := p.sorted(func(*topic) bool { return true })
	existing, err := c.admin.ListTopics()
	if err != nil {
		return fmt.Errorf("listing the topics of %s: %w", c, err)
	}
	if err := c.checkUnused(p, all, existing); err != nil {
		return err
	}
	manager, err := goka.NewTopicManager(c.brokers, c.config, topicManagerConfig())
	if err != nil {
		return err
	}
	for _, t := range all {
		if _, ok := existing[t.name]; ok || err != nil {
			continue
		}
		err = manager.EnsureTopicExists(t.name, c.partitions, brokersChoice, c.settings(t))
	}
	if err = errors.Join(err, manager.Close()); err != nil {
		return err
	}
	var names []string
	for _, t := range all {
		names = append(names, t.name)
	}
	if err := c.client.RefreshMetadata(names...); err != nil {
		return fmt.Errorf("asking %s for its topics: %w", c, err)
	}
	return nil
}

// never is the longest time of a topic's configuration, in milliseconds.
const never = "9223372036854775807"

// settings returns the configuration of a new topic.
func (c *cluster) settings(t *topic) map[string]string {
	s := map[string]string{"cleanup.policy": "delete", "retention.ms": "-1"}
	if t.table {
		s = map[string]string{"cleanup.policy": "compact"}
	}
	if !c.simulated() {
		return s
	}
	if !t.table {
		s["retention.ms"] = never // with -1 a cluster would not look for segments that trim has emptied
	}
	if t.keepsAll() {
		s["min.compaction.lag.ms"] = never
	}
	s["message.timestamp.after.max.ms"] = never // a bubble's clock is behind every recording
	s["segment.bytes"] = "1048576"              // whole segments are forgotten, so they are small
	return s
}

// errUsed reports a cluster that was worked on before.
var errUsed = errors.New("was used before")

// checkUnused reports topics and groups that a replay would come on top of, so that everything counted twice.
func (c *cluster) checkUnused(p *plan, all []*topic, existing map[string]sarama.TopicDetail) error {
	var full, committed []string
	for _, t := range all {
		detail, ok := existing[t.name]
		if !ok {
			continue
		}
		if n := int(detail.NumPartitions); n != c.partitions {
			return fmt.Errorf("topic %s has %d partitions on %s and this run is for %d; give --partitions %d, or delete the topic",
				t.name, n, c, c.partitions, n)
		}
		empty, err := c.empty(t)
		if err != nil {
			return err
		}
		if !empty {
			full = append(full, "topic "+t.name+" holds records")
		}
	}
	for _, g := range p.groups {
		known := slices.DeleteFunc(slices.Clone(g.inputs), func(t *topic) bool { _, ok := existing[t.name]; return !ok })
		used, err := c.used(g, known)
		if err != nil {
			return err
		}
		if used {
			committed = append(committed, "group "+g.name+" has committed offsets")
		}
	}
	if reasons := slices.Concat(full, committed); len(reasons) > 0 {
		return fmt.Errorf("%s %w, and a replay on top of that would count twice: %s; delete them (kafka-topics.sh --delete, "+
			"kafka-consumer-groups.sh --delete), or take another cluster", c, errUsed, strings.Join(reasons, ", "))
	}
	return nil
}

func (c *cluster) empty(t *topic) (bool, error) {
	for p := range int32(c.partitions) {
		if oldest, newest, err := c.offsets(t.name, p); err != nil || oldest != newest {
			return false, err
		}
	}
	return true, nil
}

// used reports whether a group has committed offsets of some of the topics.
func (c *cluster) used(g *group, topics []*topic) (bool, error) {
	if len(topics) == 0 {
		return false, nil
	}
	committed, err := c.committed(g, topics)
	for _, offsets := range committed {
		if slices.Max(offsets) >= 0 {
			return true, nil
		}
	}
	return false, err
}

func (c *cluster) offsets(topic string, partition int32) (oldest, newest int64, err error) {
	if oldest, err = c.client.GetOffset(topic, partition, sarama.OffsetOldest); err == nil {
		newest, err = c.client.GetOffset(topic, partition, sarama.OffsetNewest)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("asking %s for the offsets of %s/%d: %w", c, topic, partition, err)
	}
	return oldest, newest, nil
}

// committed returns the offsets that a group committed, by topic and partition, -1 for none.
func (c *cluster) committed(g *group, topics []*topic) (map[*topic][]int64, error) {
	ask := map[string][]int32{}
	for _, t := range topics {
		for p := range int32(c.partitions) {
			ask[t.name] = append(ask[t.name], p)
		}
	}
	answer, err := c.admin.ListConsumerGroupOffsets(g.name, ask)
	if err != nil {
		return nil, fmt.Errorf("asking %s for the offsets of group %s: %w", c, g.name, err)
	}
	if answer.Err != sarama.ErrNoError {
		return nil, fmt.Errorf("asking %s for the offsets of group %s: %w", c, g.name, answer.Err)
	}
	offsets := map[*topic][]int64{}
	for _, t := range topics {
		for p := range int32(c.partitions) {
			offset := int64(-1)
			if b := answer.GetBlock(t.name, p); b != nil {
				if b.Err != sarama.ErrNoError {
					return nil, fmt.Errorf("asking %s for the offset of group %s in %s/%d: %w", c, g.name, t.name, p, b.Err)
				}
				offset = b.Offset
			}
			offsets[t] = append(offsets[t], offset)
		}
	}
	return offsets, nil
}
