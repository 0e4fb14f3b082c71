package group

import (
	"fmt"
	"maps"
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
)

// The kinds of records that make a KIP-848 group, by the first two bytes of their key.
const (
	keyEpoch       = 3  // ConsumerGroupMetadataKey
	keyMember      = 5  // ConsumerGroupMemberMetadataKey
	keyTargetEpoch = 6  // ConsumerGroupTargetAssignmentMetadataKey
	keyTarget      = 7  // ConsumerGroupTargetAssignmentMemberKey
	keyProgress    = 8  // ConsumerGroupCurrentMemberAssignmentKey
	keyRegex       = 16 // ConsumerGroupRegularExpressionKey
)

// stateRecord is one change of a KIP-848 group. Nothing else changes one.
type stateRecord interface {
	kind() int16
	name() string       // what the key says behind the group id; empty for records of the group itself
	value(*writer) bool // writes what follows the version; false for a tombstone
	apply(group *consumer)
}

type (
	// epochRecord moves the group on to another epoch.
	epochRecord struct {
		epoch int32
		hash  int64
		gone  bool
	}
	// memberRecord is what a member says of itself; nil takes the member out.
	memberRecord struct {
		memberID string
		metadata *memberMetadata
	}
	// targetEpochRecord says for which epoch the target assignment was made.
	targetEpochRecord struct {
		epoch int32
		at    kafka.Millis // when it was made; 0 for one that a classic group's leader made
		gone  bool
	}
	// targetRecord is what a member shall work on; nil for a member that is gone.
	targetRecord struct {
		memberID string
		target   parts
	}
	// progressRecord is how far a member is; nil for a member that is gone.
	progressRecord struct {
		memberID string
		progress *memberProgress
	}
	// regexRecord is the topics that a regular expression stands for; nil when nobody subscribes to it any more.
	regexRecord struct {
		regex    string
		resolved *resolvedRegex
	}
)

// put applies a record, and leaves it to be written.
func (c *consumer) put(r stateRecord) {
	c.append(encodeState(c.id, r))
	r.apply(c)
}

func encodeState(group string, r stateRecord) kafka.Record {
	k := writer{}
	k.int16(r.kind())
	k.string(group)
	if hasName(r.kind()) {
		k.string(r.name())
	}
	v := writer{}
	v.int16(0)
	if !r.value(&v) {
		return kafka.Record{Key: k.b}
	}
	return kafka.Record{Key: k.b, Value: v.b}
}

// hasName reports whether keys of this kind name something in the group: a member or an expression.
func hasName(kind int16) bool {
	return kind == keyMember || kind == keyTarget || kind == keyProgress || kind == keyRegex
}

// decodeState reads a record of a kind that encodeState writes.
func decodeState(r kafka.Record) (stateRecord, error) {
	k := reader{b: r.Key}
	kind := k.int16()
	k.string()
	var name string
	if hasName(kind) {
		name = k.string()
	}
	v := reader{b: r.Value}
	if r.Value != nil {
		if version := v.int16(); version != 0 && v.err == nil {
			return nil, fmt.Errorf("%w: kind %d in version %d; version 0 can be read", ErrRecord, kind, version)
		}
	}
	record := readState(kind, name, &v, r.Value == nil)
	switch {
	case k.err != nil:
		return nil, fmt.Errorf("%w: key %x: %w", ErrRecord, r.Key, k.err)
	case v.err != nil:
		return nil, fmt.Errorf("%w: kind %d, value %x: %w", ErrRecord, kind, r.Value, v.err)
	default:
		return record, nil
	}
}

func readState(kind int16, name string, v *reader, gone bool) stateRecord {
	switch kind {
	case keyEpoch:
		return readEpoch(v, gone)
	case keyMember:
		return readMember(name, v, gone)
	case keyTargetEpoch:
		return readTargetEpoch(v, gone)
	case keyTarget:
		return readTarget(name, v, gone)
	case keyProgress:
		return readProgress(name, v, gone)
	default:
		return readRegex(name, v, gone)
	}
}

func (epochRecord) kind() int16  { return keyEpoch }
func (epochRecord) name() string { return "" }

func (r epochRecord) value(w *writer) bool {
	if r.gone {
		return false
	}
	w.int32(r.epoch)
	if r.hash == 0 {
		w.tags()
		return true
	}
	hash := writer{}
	hash.int64(r.hash)
	w.tags(tagged{0, hash.b})
	return true
}

func readEpoch(v *reader, gone bool) stateRecord {
	if gone {
		return epochRecord{gone: true}
	}
	r := epochRecord{epoch: v.int32()}
	v.tags(func(tag uint64, value *reader) {
		if tag == 0 {
			r.hash = value.int64()
		}
	})
	return r
}

func (r epochRecord) apply(c *consumer) {
	if r.gone {
		*c = newConsumer(c.core)
		return
	}
	c.exists, c.epoch, c.metadataHash = true, r.epoch, r.hash
}

func (memberRecord) kind() int16    { return keyMember }
func (r memberRecord) name() string { return r.memberID }

func (r memberRecord) value(w *writer) bool {
	m := r.metadata
	if m == nil {
		return false
	}
	w.compactNullable(m.instanceID)
	w.compactNullable(m.rackID)
	w.compact(m.clientID)
	w.compact(m.clientHost)
	w.compactStrings(m.topics)
	w.compact(m.regex)
	w.int32(int32(m.rebalanceTimeout))
	w.compactNullable(m.assignor)
	if m.classic == nil {
		w.tags(tagged{0, []byte{0}}) // null
		return true
	}
	classic := writer{}
	classic.int8(1) // not null
	classic.int32(int32(m.classic.sessionTimeout))
	classic.compactLen(len(m.classic.protocols))
	for _, p := range m.classic.protocols {
		classic.compact(p.Name)
		classic.compactBytes(p.Metadata)
		classic.tags()
	}
	classic.tags()
	w.tags(tagged{0, classic.b})
	return true
}

func readMember(id string, v *reader, gone bool) stateRecord {
	if gone {
		return memberRecord{memberID: id}
	}
	m := memberMetadata{
		id: id, instanceID: v.compact(), rackID: v.compact(), clientID: v.compact(), clientHost: v.compact(),
		topics: v.compactStrings(), regex: v.compact(), rebalanceTimeout: kafka.Millis(v.int32()), assignor: v.compact(),
	}
	v.tags(func(tag uint64, value *reader) {
		if tag == 0 && value.int8() == 1 {
			m.classic = &classicMember{sessionTimeout: kafka.Millis(value.int32())}
			for range value.compactLen() {
				p := Protocol{Name: value.compact(), Metadata: value.take(value.compactLen())}
				value.tags(noTags)
				m.classic.protocols = append(m.classic.protocols, p)
			}
			value.tags(noTags)
		}
	})
	return memberRecord{memberID: id, metadata: &m}
}

func (r memberRecord) apply(c *consumer) {
	c.exists = true
	c.expiryChanged = true
	if old, known := c.members[r.memberID]; known && c.instances[old.instanceID] == old.id {
		delete(c.instances, old.instanceID)
	}
	if r.metadata == nil {
		delete(c.members, r.memberID)
		return
	}
	m := &consumerMember{memberMetadata: *r.metadata, memberProgress: memberProgress{state: memberStable, previousEpoch: -1}}
	if old, known := c.members[r.memberID]; known {
		m.memberProgress = old.memberProgress
	}
	c.members[m.id] = m
	if m.instanceID != "" {
		c.instances[m.instanceID] = m.id
	}
}

func (targetEpochRecord) kind() int16  { return keyTargetEpoch }
func (targetEpochRecord) name() string { return "" }

func (r targetEpochRecord) value(w *writer) bool {
	if r.gone {
		return false
	}
	w.int32(r.epoch)
	if r.at == 0 {
		w.tags()
		return true
	}
	at := writer{}
	at.int64(int64(r.at))
	w.tags(tagged{0, at.b})
	return true
}

func readTargetEpoch(v *reader, gone bool) stateRecord {
	if gone {
		return targetEpochRecord{gone: true}
	}
	r := targetEpochRecord{epoch: v.int32()}
	v.tags(func(tag uint64, value *reader) {
		if tag == 0 {
			r.at = kafka.Millis(value.int64())
		}
	})
	return r
}

func (r targetEpochRecord) apply(c *consumer) { c.assignmentEpoch = r.epoch }

func (targetRecord) kind() int16    { return keyTarget }
func (r targetRecord) name() string { return r.memberID }

func (r targetRecord) value(w *writer) bool {
	if r.target == nil {
		return false
	}
	w.parts(r.target, false)
	w.tags()
	return true
}

func readTarget(id string, v *reader, gone bool) stateRecord {
	if gone {
		return targetRecord{memberID: id}
	}
	r := targetRecord{memberID: id, target: v.parts()}
	v.tags(noTags)
	return r
}

func (r targetRecord) apply(c *consumer) {
	if r.target == nil {
		delete(c.target, r.memberID)
		return
	}
	c.target[r.memberID] = r.target
}

func (progressRecord) kind() int16    { return keyProgress }
func (r progressRecord) name() string { return r.memberID }

func (r progressRecord) value(w *writer) bool {
	p := r.progress
	if p == nil {
		return false
	}
	w.int32(p.epoch)
	w.int32(p.previousEpoch)
	w.int8(int8(p.state))
	w.parts(p.assigned, true)
	w.parts(p.revoking, true)
	w.tags()
	return true
}

func readProgress(id string, v *reader, gone bool) stateRecord {
	if gone {
		return progressRecord{memberID: id}
	}
	p := memberProgress{epoch: v.int32(), previousEpoch: v.int32(), state: memberState(v.int8()), assigned: v.parts(), revoking: v.parts()}
	v.tags(noTags)
	return progressRecord{memberID: id, progress: &p}
}

func (r progressRecord) apply(c *consumer) {
	old, known := c.members[r.memberID]
	if !known {
		return // the member's own record comes before, so this is what is left of one that is gone
	}
	m := &consumerMember{memberMetadata: old.memberMetadata, memberProgress: memberProgress{state: memberStable, previousEpoch: -1}}
	if r.progress != nil {
		m.memberProgress = *r.progress
	}
	c.own(old, m)
	c.members[m.id] = m
}

// own keeps owners in step with what a member holds.
func (c *consumer) own(old, m *consumerMember) {
	for _, held := range []parts{old.assigned, old.revoking} {
		for p := range held {
			if c.owners[p] == old.id {
				delete(c.owners, p)
			}
		}
	}
	for _, held := range []parts{m.assigned, m.revoking} {
		for p := range held {
			if owner, taken := c.owners[p]; taken && owner != m.id {
				panic(fmt.Sprintf("group %q: partition %d of %x goes to %q while %q has it", c.id, p.partition, p.topic, m.id, owner))
			}
			c.owners[p] = m.id
		}
	}
}

func (regexRecord) kind() int16    { return keyRegex }
func (r regexRecord) name() string { return r.regex }

func (r regexRecord) value(w *writer) bool {
	if r.resolved == nil {
		return false
	}
	w.compactStrings(r.resolved.topics)
	w.int64(int64(r.resolved.version))
	w.int64(int64(r.resolved.at))
	w.tags()
	return true
}

func readRegex(regex string, v *reader, gone bool) stateRecord {
	if gone {
		return regexRecord{regex: regex}
	}
	r := resolvedRegex{topics: v.compactStrings(), version: int(v.int64()), at: kafka.Millis(v.int64())}
	v.tags(noTags)
	return regexRecord{regex: regex, resolved: &r}
}

func (r regexRecord) apply(c *consumer) {
	c.expiryChanged = true
	if r.resolved == nil {
		delete(c.regexes, r.regex)
		return
	}
	c.regexes[r.regex] = *r.resolved
}

// parts writes an array of TopicPartitions, with the epochs in which the partitions were assigned if asked to.
func (w *writer) parts(ps parts, epochs bool) {
	list := ps.topicPartitions()
	w.compactLen(len(list))
	for _, tp := range list {
		w.id(tp.Topic)
		w.compactLen(len(tp.Partitions))
		for _, p := range tp.Partitions {
			w.int32(p)
		}
		if !epochs {
			w.tags()
			continue
		}
		field := writer{}
		field.compactLen(len(tp.Partitions))
		for _, p := range tp.Partitions {
			field.int32(ps[part{tp.Topic, p}])
		}
		w.tags(tagged{0, field.b})
	}
}

func (r *reader) parts() parts {
	ps := parts{}
	for range r.compactLen() {
		topic := r.id()
		list := make([]part, r.compactLen())
		for i := range list {
			list[i] = part{topic, r.int32()}
			ps[list[i]] = 0
		}
		r.tags(func(tag uint64, value *reader) {
			if tag != 0 {
				return
			}
			if n := value.compactLen(); n != len(list) && value.err == nil {
				value.err = fmt.Errorf("%d epochs for %d partitions", n, len(list))
				return
			}
			for _, p := range list {
				ps[p] = value.int32()
			}
		})
	}
	return ps
}

// replay applies a record that was read back. Tombstones of a group that is gone say nothing.
func (c *consumer) replay(r kafka.Record) error {
	record, err := decodeState(r)
	if err != nil {
		return err
	}
	if r.Value == nil && !c.exists {
		return nil
	}
	record.apply(c)
	return nil
}

// resume sets the timers of the members that replaying found.
func (c *consumer) resume() {
	for _, m := range c.sorted() {
		c.keepAlive(m)
		if m.state == memberRevoking && m.classic == nil {
			c.setTimer(timerRevoke+m.id, c.now+m.rebalanceTimeout)
		}
	}
}

// hashOf is FNV-1a over words, each ended by a byte that no topic name has.
func hashOf(words ...string) int64 {
	h := uint64(14695981039346656037)
	for _, word := range words {
		for _, b := range append([]byte(word), 0) {
			h = (h ^ uint64(b)) * 1099511628211
		}
	}
	return int64(h)
}

// topicNames is the names of the topics that exist, sorted.
func (c *core) topicNames() []string { return slices.Sorted(maps.Keys(c.topics)) }
