package goka

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka/internal/beginning"
	"github.com/gokasim/gokasim/goka/logger"
)

// claimed names a topic's partition.
type claimed struct {
	topic     string
	partition int32
}

// topicMarks is the metadata that goes with the committed offsets of each topic: whose offsets they are.
type topicMarks map[string]string

// markedTopic begins the metadata of commits that say which topic they are about.
const markedTopic = "topic-id:"

func topicMark(id sarama.Uuid) string {
	if id == (sarama.Uuid{}) {
		return "" // the broker, or the configured version, knows no ids (KIP-516)
	}
	return markedTopic + base64.RawURLEncoding.EncodeToString(id[:])
}

// marking is a session whose marks say which topic they are about.
type marking struct {
	sarama.ConsumerGroupSession
	marks topicMarks
}

func (m *marking) MarkOffset(topic string, partition int32, offset int64, _ string) {
	m.ConsumerGroupSession.MarkOffset(topic, partition, offset, m.marks[topic])
}

// groupTopics is what a topic manager offers that knows a group's commits, and topics by their ids.
type groupTopics interface {
	topicMarks(topics []string) (topicMarks, error)
	commits(group string, partitions map[string][]int32) (*sarama.OffsetFetchResponse, error)
}

func (m *topicManager) topicMarks(topics []string) (topicMarks, error) {
	metas, err := m.admin.DescribeTopics(topics)
	if err != nil {
		return nil, fmt.Errorf("error describing topics %v: %w", topics, err)
	}
	marks := make(topicMarks, len(metas))
	for _, meta := range metas {
		marks[meta.Name] = topicMark(meta.Uuid)
	}
	return marks, nil
}

func (m *topicManager) commits(group string, partitions map[string][]int32) (*sarama.OffsetFetchResponse, error) {
	response, err := m.admin.ListConsumerGroupOffsets(group, partitions)
	if err == nil && response.GroupError() != sarama.ErrNoError {
		err = response.GroupError()
	}
	if err != nil {
		return nil, fmt.Errorf("error reading the commits of group %s: %w", group, err)
	}
	return response, nil
}

// begin sees to it that a generation begins each partition that is new to this instance where it should: nothing is
// skipped, and nothing stands still. A consumer left to itself begins a partition without a commit where
// Consumer.Offsets.Initial says, at the newest record by default and at the moment when it looks, so that what comes
// between WaitForReady and that moment would be missed; and it does the same for a commit that a topic knows nothing of.
//
// The place where a group begins for the first time is committed at once: it is the same in the next generation then,
// after a message that was delivered and not handled. A loop begins with its first record, since it has nothing but what
// the group itself wrote.
func (g *Processor) begin(session sarama.ConsumerGroupSession, partitions []int32) (marks topicMarks, err error) {
	for try := 1; ; try++ {
		marks, err = g.tryToBegin(session, partitions)
		if err == nil || try == beginTries {
			return marks, err
		}
		logger.Warnf(g.log, "error finding out where the partitions begin, trying again in %s: %v", beginPause, err)
		if err := sleep(session.Context(), beginPause); err != nil {
			return nil, err
		}
	}
}

// How often, and with which pause between, a generation asks where its partitions begin. sarama has tried several times
// then, too.
const (
	beginTries = 5
	beginPause = time.Second
)

func (g *Processor) tryToBegin(session sarama.ConsumerGroupSession, partitions []int32) (topicMarks, error) {
	g.mu.RLock()
	s := g.shared
	g.mu.RUnlock()
	if s == nil {
		return nil, nil
	}
	topics, ok := s.topics.(groupTopics)
	if !ok {
		return nil, nil // one that a test has made may not expect to be asked
	}
	marks, err := topics.topicMarks(g.graph.consumed())
	if err != nil {
		return nil, err
	}
	unknown := g.notBegun(marks, partitions)
	if len(unknown) == 0 {
		return marks, nil
	}
	asked := make(map[string][]int32)
	for _, c := range unknown {
		asked[c.topic] = append(asked[c.topic], c.partition)
	}
	commits, err := topics.commits(string(g.graph.Group()), asked)
	if err != nil {
		return nil, err
	}
	err = together(session.Context(), len(unknown), func(_ context.Context, i int) error {
		c := unknown[i]
		commit := commits.GetBlock(c.topic, c.partition)
		if commit == nil {
			return fmt.Errorf("error reading the commits of group %s: no answer for %s/%d", g.graph.Group(), c.topic, c.partition)
		}
		if commit.Err != sarama.ErrNoError {
			return fmt.Errorf("error reading the commit of group %s for %s/%d: %w", g.graph.Group(), c.topic, c.partition, commit.Err)
		}
		return g.beginPartition(session, s.topics, c, commit, marks[c.topic])
	})
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	if g.begun == nil {
		g.begun = make(map[claimed]string)
	}
	for _, c := range unknown {
		g.begun[c] = marks[c.topic]
	}
	g.mu.Unlock()
	return marks, nil
}

// notBegun returns the partitions that this instance did not have in the generation before, or whose topic is another
// one now, and forgets those that it has no longer.
func (g *Processor) notBegun(marks topicMarks, partitions []int32) []claimed {
	g.mu.Lock()
	defer g.mu.Unlock()
	maps.DeleteFunc(g.begun, func(c claimed, _ string) bool { return !slices.Contains(partitions, c.partition) })
	var unknown []claimed
	for _, topic := range g.graph.consumed() {
		for _, p := range partitions {
			if mark, known := g.begun[claimed{topic, p}]; !known || mark != marks[topic] {
				unknown = append(unknown, claimed{topic, p})
			}
		}
	}
	return unknown
}

func (g *Processor) beginPartition(session sarama.ConsumerGroupSession, topics TopicManager, c claimed, commit *sarama.OffsetFetchResponseBlock, mark string) error {
	facts := beginning.Facts{Committed: commit.Offset, TopicID: mark, Initial: g.initial}
	if strings.HasPrefix(commit.Metadata, markedTopic) {
		facts.CommittedOf = commit.Metadata
	}
	if c.topic == g.graph.loopTopic {
		facts.Initial = beginning.First
	}
	var err, err2 error
	facts.Oldest, err = topics.GetOffset(c.topic, c.partition, sarama.OffsetOldest)
	facts.Newest, err2 = topics.GetOffset(c.topic, c.partition, sarama.OffsetNewest)
	if err := errors.Join(err, err2); err != nil {
		return fmt.Errorf("error reading the offsets of %s/%d: %w", c.topic, c.partition, err)
	}
	if facts.Committed < 0 && facts.Initial == beginning.Unknown {
		g.mu.Lock()
		if g.newest == nil {
			g.newest = make(map[claimed]int64)
		}
		g.newest[c] = facts.Newest
		g.mu.Unlock()
	}
	offset, why := beginning.Decide(facts)
	switch {
	case offset == beginning.None:
		return nil
	case offset < commit.Offset:
		session.ResetOffset(c.topic, c.partition, offset, mark)
	case offset > commit.Offset:
		session.MarkOffset(c.topic, c.partition, offset, mark)
	default:
		return nil
	}
	if why != beginning.FirstTime {
		g.log.Printf("%s/%d begins at offset %d and not at %d, which is committed: %s", c.topic, c.partition, offset, commit.Offset, why)
	}
	return nil
}

// markBeginning has the beginning of a claim committed that was given none, in a group that goka cannot look into: as soon
// as the claim tells that it begins with what comes next.
func (g *Processor) markBeginning(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) {
	if claim.InitialOffset() != sarama.OffsetNewest {
		return
	}
	g.mu.RLock()
	offset, known := g.newest[claimed{claim.Topic(), claim.Partition()}]
	g.mu.RUnlock()
	if known {
		session.MarkOffset(claim.Topic(), claim.Partition(), offset, "")
	}
}

// initialOf returns where a member of a group begins that has committed nothing.
func initialOf(group sarama.ConsumerGroup) beginning.Initial {
	own, ok := group.(*joinedGroup)
	switch {
	case !ok:
		return beginning.Unknown
	case own.initial == sarama.OffsetOldest:
		return beginning.Oldest
	default:
		return beginning.Newest
	}
}
