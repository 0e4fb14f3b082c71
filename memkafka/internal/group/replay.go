package group

import (
	"errors"
	"fmt"

	"github.com/gokasim/gokasim/internal/kafka"
)

// Entry is one batch of a group's records in __consumer_offsets, or the marker that ends a transaction there.
type Entry struct {
	Records     []kafka.Record
	Transaction *Transaction // that the batch belongs to or the marker ends; nil outside of transactions
	Marker      Marker
}

// Marker tells the ends of transactions from batches of records.
type Marker int8

// The kinds of an [Entry].
const (
	NoMarker     Marker = iota // a batch of records
	CommitMarker               // the transaction is committed
	AbortMarker                // the transaction is aborted
)

// ErrRecord reports a record that Kafka's coordinator would not write.
var ErrRecord = errors.New("malformed record of __consumer_offsets")

// IDOf is the group id that a record of __consumer_offsets is about. It is false for kinds of records that this package
// does not write, which replaying passes over.
func IDOf(r kafka.Record) (id string, ok bool, err error) {
	k := reader{b: r.Key}
	switch kind := k.int16(); kind {
	case 0, keyOffset, keyMetadata, keyEpoch, keyMember, keyTargetEpoch, keyTarget, keyProgress, keyRegex:
		id = k.string()
	default:
		return "", false, nil
	}
	if k.err != nil {
		return "", false, fmt.Errorf("%w: key %x: %w", ErrRecord, r.Key, k.err)
	}
	return id, true, nil
}

// Replay builds the group named id again from its entries in __consumer_offsets, oldest first, as a coordinator does
// that takes over at time now. Entries of other groups are passed over; markers concern every group. What was never
// recorded is lost, as in Kafka: rounds of joining that were under way, and the requests that waited in them. Members
// get a whole session time-out from now on. The effects are to be carried out like those of [Group.Step].
func Replay(id string, cfg Config, newID func(clientID string) string, now kafka.Millis, entries []Entry) (*Group, []Effect, error) {
	g := New(id, cfg, newID)
	g.now = now
	for _, e := range entries {
		if e.Marker != NoMarker {
			if e.Transaction == nil {
				return nil, nil, fmt.Errorf("group %q: %w: a marker of no transaction", id, ErrRecord)
			}
			g.offsets.end(e.Transaction.ProducerID, e.Marker == CommitMarker)
			continue
		}
		for _, r := range e.Records {
			if err := g.replay(r, e.Transaction); err != nil {
				return nil, nil, fmt.Errorf("group %q: offset %d: %w", id, r.Offset, err)
			}
		}
	}
	if g.consumer.exists {
		g.classic.state = Dead // offsets from before the group was one of KIP-848 made it look like a classic one
	}
	g.classic.resume()
	g.consumer.resume()
	g.expiryChanged = true
	return g, g.finish(), nil
}

func (g *Group) replay(r kafka.Record, txn *Transaction) error {
	id, ok, err := IDOf(r)
	if err != nil || !ok || id != g.id {
		return err
	}
	k := reader{b: r.Key}
	switch kind := k.int16(); kind {
	case keyMetadata:
		return g.classic.replayMetadata(r.Value)
	case keyEpoch, keyMember, keyTargetEpoch, keyTarget, keyProgress, keyRegex:
		return g.consumer.replay(r)
	default:
		k.string()
		tp := kafka.TopicPartition{Topic: k.string(), Partition: k.int32()}
		if k.err != nil {
			return fmt.Errorf("%w: key %x: %w", ErrRecord, r.Key, k.err)
		}
		return g.replayOffset(tp, r.Value, txn)
	}
}

func (g *Group) replayOffset(tp kafka.TopicPartition, value []byte, txn *Transaction) error {
	if value == nil {
		g.offsets.remove(tp)
		return nil
	}
	o, err := decodeOffset(value)
	if err != nil {
		return err
	}
	o.TP = tp
	// A coordinator that never saw a record of the group itself knows from its offsets that it exists.
	if g.State() == Dead {
		g.classic.state = Empty
	}
	g.offsets.apply(o, txn)
	return nil
}

func decodeOffset(value []byte) (committedOffset, error) {
	v := reader{b: value}
	o := committedOffset{OffsetCommit: OffsetCommit{LeaderEpoch: -1}, expires: -1}
	version := v.int16()
	if version < 0 || version > 4 {
		return o, fmt.Errorf("%w: an offset in version %d; versions 0 to 4 can be read", ErrRecord, version)
	}
	o.Offset = kafka.Offset(v.int64())
	if version >= 3 {
		o.LeaderEpoch = kafka.Epoch(v.int32())
	}
	if version == 4 {
		o.Metadata = v.compact()
	} else {
		o.Metadata = v.string()
	}
	o.at = kafka.Millis(v.int64())
	switch version {
	case 1:
		o.expires = kafka.Millis(v.int64())
	case 4:
		v.tags(func(tag uint64, value *reader) {
			if tag == 0 {
				o.TopicID = value.id()
			}
		})
	}
	if v.err != nil {
		return o, fmt.Errorf("%w: offset %x: %w", ErrRecord, value, v.err)
	}
	return o, nil
}

func (c *classic) replayMetadata(value []byte) error {
	fresh := classic{core: c.core, state: Dead, members: newRoster()}
	if value == nil {
		*c = fresh
		return nil
	}
	v := reader{b: value}
	if version := v.int16(); version != 3 {
		return fmt.Errorf("%w: a group in version %d; version 3 can be read", ErrRecord, version)
	}
	fresh.protocolType = v.string()
	fresh.generation = v.int32()
	fresh.protocol = v.string()
	fresh.leader = v.string()
	fresh.since = kafka.Millis(v.int64())
	for range v.count() {
		m := &member{id: v.string(), instanceID: v.string(), clientID: v.string(), clientHost: v.string()}
		m.rebalanceTimeout, m.sessionTimeout = kafka.Millis(v.int32()), kafka.Millis(v.int32())
		m.protocols = []Protocol{{Name: fresh.protocol, Metadata: v.bytes()}}
		m.assignment = v.bytes()
		if v.err != nil {
			break
		}
		fresh.members.add(m)
	}
	if v.err != nil {
		return fmt.Errorf("%w: group %x: %w", ErrRecord, value, v.err)
	}
	fresh.state = Empty
	if len(fresh.members.list) > 0 {
		fresh.state = Stable
	}
	fresh.subscribed = fresh.subscription()
	*c = fresh
	return nil
}

// resume sets the timers of the members that replaying found.
func (c *classic) resume() {
	for _, m := range c.members.list {
		c.keepAlive(m)
	}
}
