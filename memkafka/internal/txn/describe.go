package txn

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
)

// Description is what DescribeTransactions tells of a transactional id (KIP-664).
type Description struct {
	TransactionalID string
	State           State
	Producer        Producer
	Timeout         kafka.Millis
	Start           kafka.Millis           // of the last transaction, NoTimestamp if this producer began none
	Partitions      []kafka.TopicPartition // of the open transaction, or still without their marker; sorted
}

// Describe tells about one transactional id. The error is TRANSACTIONAL_ID_NOT_FOUND for one that is not known, and
// INVALID_REQUEST for an empty one.
func (c *Coordinator) Describe(id string) (Description, kafka.ErrorCode) {
	t := c.ids[id]
	switch {
	case id == "":
		return Description{}, kafka.InvalidRequest
	case t == nil:
		return Description{TransactionalID: id}, kafka.TransactionalIDNotFound
	}
	return t.describe(), kafka.None
}

func (t *transaction) describe() Description {
	partitions := t.partitions
	if t.state.ending() {
		partitions = t.unmarked
	}
	return Description{
		TransactionalID: t.id, State: t.state, Producer: t.producer, Timeout: t.timeout, Start: t.start,
		Partitions: slices.Clone(partitions),
	}
}

// Filter narrows down what [Coordinator.List] returns. The zero value lets everything pass, but for LongerThan: set it to
// -1 if it does not matter.
type Filter struct {
	ProducerIDs []int64 // those wanted; empty for all
	States      []string
	// LongerThan passes transactions that began longer ago than this (version 1 of the request), unless negative.
	LongerThan kafka.Millis
	// Pattern passes transactional ids that it fits as a whole, in RE2's syntax (version 2 of the request), unless empty.
	Pattern string
}

// List is ListTransactions: the transactional ids that fit a filter, in the order of their names. unknown is the names in
// the filter that are no states. A pattern that is none gets INVALID_REGULAR_EXPRESSION.
func (c *Coordinator) List(now kafka.Millis, f Filter) (list []Description, unknown []string, err kafka.ErrorCode) {
	var pattern *regexp.Regexp
	if f.Pattern != "" {
		var bad error
		if pattern, bad = regexp.Compile(fmt.Sprintf("^(?:%s)$", f.Pattern)); bad != nil {
			return nil, nil, kafka.InvalidRegularExpression
		}
	}
	var states []State
	for _, name := range f.States {
		if s, ok := StateNamed(name); ok {
			states = append(states, s)
		} else {
			unknown = append(unknown, name)
		}
	}
	for _, id := range c.sorted() {
		t := c.ids[id]
		switch {
		case len(f.ProducerIDs) > 0 && !slices.Contains(f.ProducerIDs, t.producer.ID):
		case len(f.States) > 0 && !slices.Contains(states, t.state):
		case f.LongerThan >= 0 && now-t.start <= f.LongerThan:
		case pattern != nil && !pattern.MatchString(id):
		default:
			list = append(list, t.describe())
		}
	}
	return list, unknown, kafka.None
}
