package suite

import (
	"errors"
	"fmt"
	"strings"

	"github.com/IBM/sarama"
)

// offsetManager is an offset manager on a client of its own.
func (e *env) offsetManager(group string, changes ...func(*sarama.Config)) (sarama.OffsetManager, sarama.Client) {
	e.Helper()
	c := e.client(changes...)
	om, err := e.NewOffsetManagerFromClient(group, c)
	e.check(err, "NewOffsetManagerFromClient")
	return om, c
}

// manage has an offset manager manage partition 0.
func (e *env) manage(om sarama.OffsetManager, topic string) sarama.PartitionOffsetManager {
	e.Helper()
	pom, err := om.ManagePartition(topic, 0)
	e.check(err, "ManagePartition")
	return pom
}

func next(pom sarama.PartitionOffsetManager) string {
	o, m := pom.NextOffset()
	return fmt.Sprintf("%d %s", o, m)
}

var offsetCases = []kase{
	{"a new group is where it is configured to begin", func(e *env) {
		topic := e.topic(1)
		for _, initial := range []int64{sarama.OffsetOldest, sarama.OffsetNewest} {
			om, _ := e.offsetManager(e.name("group"), func(c *sarama.Config) { c.Consumer.Offsets.Initial = initial })
			equal(e, "NextOffset", next(e.manage(om, topic)), fmt.Sprintf("%d ", initial))
			e.check(om.Close(), "Close")
		}
	}},
	{"marks are committed on Close, with metadata", func(e *env) {
		topic, group := e.topic(1), e.name("group")
		om, _ := e.offsetManager(group)
		pom := e.manage(om, topic)
		pom.MarkOffset(3, "three")
		equal(e, "NextOffset", next(pom), "3 three")
		pom.MarkOffset(2, "two")
		equal(e, "NextOffset after a mark backwards", next(pom), "3 three")
		e.check(om.Close(), "Close")
		om, _ = e.offsetManager(group)
		equal(e, "NextOffset of the next manager", next(e.manage(om, topic)), "3 three")
		e.check(om.Close(), "Close")
	}},
	{"marks are committed now and then", func(e *env) {
		topic, group := e.topic(1), e.name("group")
		om, _ := e.offsetManager(group)
		e.manage(om, topic).MarkOffset(3, "")
		e.until("the offset is committed", func() bool { o, _ := e.committed(group, topic, 0); return o == 3 })
		e.check(om.Close(), "Close")
	}},
	{"Commit commits where nothing else does", func(e *env) {
		topic, group := e.topic(1), e.name("group")
		om, _ := e.offsetManager(group, byHand)
		pom := e.manage(om, topic)
		pom.MarkOffset(3, "")
		om.Commit()
		o, _ := e.committed(group, topic, 0)
		equal(e, "committed", o, 3)
		pom.MarkOffset(4, "")
		e.check(om.Close(), "Close")
		o, _ = e.committed(group, topic, 0)
		equal(e, "committed after Close", o, 3)
	}},
	{"an offset is reset", func(e *env) {
		topic, group := e.topic(1), e.name("group")
		om, _ := e.offsetManager(group)
		pom := e.manage(om, topic)
		pom.MarkOffset(5, "five")
		pom.ResetOffset(7, "seven")
		equal(e, "NextOffset after a reset forwards", next(pom), "5 five")
		pom.ResetOffset(2, "two")
		equal(e, "NextOffset after a reset", next(pom), "2 two")
		e.check(om.Close(), "Close")
		o, m := e.committed(group, topic, 0)
		equal(e, "committed", fmt.Sprintf("%d %s", o, m), "2 two")
	}},
	{"a partition is managed once", func(e *env) {
		topic := e.topic(1)
		om, _ := e.offsetManager(e.name("group"))
		e.manage(om, topic)
		_, err := om.ManagePartition(topic, 0)
		if !errors.As(err, new(sarama.ConfigurationError)) {
			e.Errorf("ManagePartition again gives %v (%T), want a ConfigurationError", err, err)
		}
		e.check(om.Close(), "Close")
	}},
	{"closing the manager ends the channels of its partitions", func(e *env) {
		topic := e.topic(1)
		om, _ := e.offsetManager(e.name("group"))
		pom := e.manage(om, topic)
		e.within("Close", func() { e.wants(om.Close(), nil, "Close") })
		ended(e, pom.Errors(), "Errors")
		e.within("Close again", func() { e.wants(om.Close(), nil, "Close again") })
	}},
	{"a partition is closed once what it marked is committed", func(e *env) {
		topic, group := e.topic(1), e.name("group")
		om, _ := e.offsetManager(group)
		pom := e.manage(om, topic)
		pom.MarkOffset(3, "")
		e.within("PartitionOffsetManager.Close", func() { e.wants(pom.Close(), nil, "PartitionOffsetManager.Close") })
		o, _ := e.committed(group, topic, 0)
		equal(e, "committed", o, 3)
		e.check(om.Close(), "Close")
	}},
	{"a refused commit is an error of the partition", func(e *env) {
		topic, group := e.topic(1), e.name("group")
		om, _ := e.offsetManager(group, byHand)
		pom := e.manage(om, topic)
		pom.MarkOffset(3, strings.Repeat("m", 5000))
		om.Commit()
		err := receive(e, pom.Errors(), "an error")
		if !errors.Is(err, sarama.ErrOffsetMetadataTooLarge) || err.Topic != topic || err.Partition != 0 {
			e.Errorf("the error is %v, want ErrOffsetMetadataTooLarge of %s/0", err, topic)
		}
		e.check(om.Close(), "Close")
	}},
	{"who is no member cannot commit for a group that has some", func(e *env) {
		topic, group := e.topic(1), e.name("group")
		m := e.join(group, []string{topic})
		m.untilHolds(topic, 1)
		om, _ := e.offsetManager(group, byHand)
		pom := e.manage(om, topic)
		pom.MarkOffset(3, "")
		om.Commit()
		e.wants(receive(e, pom.Errors(), "an error"), sarama.ErrUnknownMemberId, "Errors")
		e.check(om.Close(), "Close")
		m.leave()
	}},
	{"a closed client manages nothing", func(e *env) {
		c := e.client()
		e.check(c.Close(), "Client.Close")
		_, err := e.NewOffsetManagerFromClient("g", c)
		e.wants(err, sarama.ErrClosedClient, "NewOffsetManagerFromClient")
	}},
}
