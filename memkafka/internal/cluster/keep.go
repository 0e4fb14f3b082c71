package cluster

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
	"github.com/gokasim/gokasim/memkafka/internal/plog"
)

// Keeper is told what changes in a cluster, before anybody is answered. The parts are one entry together; they belong to
// the cluster, and may change after the call. Snapshot.Apply takes the entry.
type Keeper func(parts ...[]byte)

// Kinds of entries, which are their first byte.
const (
	entryBatch       = 'b' // topic id, partition, time; the batch as it travels
	entryLog         = 'l' // topic id, partition, time; the whole log as JSON, in the place of what was there
	entryStart       = 's' // topic id, partition, time; the log start
	entryProducerIDs = 'p' // the next producer id
	entryHead        = 'h' // a Snapshot as JSON, without its logs
)

// logPrefix is the kind, the topic's id, the partition and the time.
const logPrefix = 1 + 16 + 4 + 8

// Keep tells k of all that changes from now on. With the coordinators' records in their topics (Settings.RetainState) a
// Snapshot that is taken now, and what is told after it, make the cluster again.
func (c *Cluster) Keep(k Keeper) {
	c.keeper = k
	c.eachPartition(c.keepAppends)
	c.keepHead()
}

// keepAppends has the log of a partition tell of its batches.
func (c *Cluster) keepAppends(p *Partition) {
	if c.keeper == nil {
		return
	}
	p.Log.OnAppend(func(now kafka.Millis, b *batch.Batch) {
		c.keeper(c.logEntry(entryBatch, p, now), b.Bytes())
	})
}

// logEntry is the beginning of an entry about a log.
func (c *Cluster) logEntry(kind byte, p *Partition, now kafka.Millis) []byte {
	e := append(make([]byte, 0, logPrefix), kind)
	id := c.topics[p.TP.Topic].ID
	e = append(e, id[:]...)
	e = binary.BigEndian.AppendUint32(e, uint32(p.TP.Partition))
	return binary.BigEndian.AppendUint64(e, uint64(now))
}

// keepLog tells of a log that lost records or has become another.
func (c *Cluster) keepLog(now kafka.Millis, p *Partition) {
	if c.keeper == nil {
		return
	}
	c.keepAppends(p)
	text, err := json.Marshal(p.Log.Snapshot())
	if err != nil {
		panic("memkafka: the snapshot of a log cannot be written: " + err.Error())
	}
	c.keeper(c.logEntry(entryLog, p, now), text)
}

func (c *Cluster) keepStart(now kafka.Millis, p *Partition) {
	if c.keeper != nil {
		c.keeper(c.logEntry(entryStart, p, now), binary.BigEndian.AppendUint64(nil, uint64(p.Log.LogStart())))
	}
}

func (c *Cluster) keepProducerIDs() {
	if c.keeper != nil {
		c.keeper([]byte{entryProducerIDs}, binary.BigEndian.AppendUint64(nil, uint64(c.nextProducerID)))
	}
}

// keepHead tells of everything but the logs.
func (c *Cluster) keepHead() {
	c.unkept = false
	if c.keeper == nil {
		return
	}
	text, err := json.Marshal(c.snapshot(false))
	if err != nil {
		panic("memkafka: the snapshot of a cluster cannot be written: " + err.Error())
	}
	c.keeper([]byte{entryHead}, text)
}

// KeepChanges tells the keeper of what changed without a request for it, such as leaders. The shell calls it after each step.
func (c *Cluster) KeepChanges() {
	if c.unkept {
		c.keepHead()
	}
}

// logName names a log in entries.
type logName struct {
	topic     [16]byte
	partition int32
}

// tail is what happened to a log after a snapshot.
type tail struct {
	replaced *plog.Snapshot // what the log was replaced by, nil for what the snapshot has
	changes  []logChange
}

// logChange is a batch, or a log start.
type logChange struct {
	at    kafka.Millis
	batch []byte // nil for none
	start kafka.Offset
}

// Apply brings the snapshot to where an entry leads, which has to be the next one that a Keeper was told. The entry belongs
// to the snapshot from then on. Errors wrap ErrSnapshot; what is in the entry is looked at by Restore.
func (s *Snapshot) Apply(entry []byte) error {
	if len(entry) == 0 {
		return fmt.Errorf("%w: an entry is empty", ErrSnapshot)
	}
	switch entry[0] {
	case entryHead:
		s.head = entry[1:]
		return nil
	case entryProducerIDs:
		if len(entry) != 1+8 {
			return fmt.Errorf("%w: an entry about producer ids has %d bytes", ErrSnapshot, len(entry))
		}
		s.producerIDs = int64(binary.BigEndian.Uint64(entry[1:]))
		return nil
	case entryBatch, entryLog, entryStart:
	default:
		return fmt.Errorf("%w: an entry of kind %q, which this build does not know", ErrSnapshot, entry[0])
	}
	if len(entry) < logPrefix {
		return fmt.Errorf("%w: an entry about a log has %d bytes", ErrSnapshot, len(entry))
	}
	var name logName
	copy(name.topic[:], entry[1:])
	name.partition = int32(binary.BigEndian.Uint32(entry[1+16:]))
	at, rest := kafka.Millis(binary.BigEndian.Uint64(entry[1+16+4:])), entry[logPrefix:]
	if s.tails == nil {
		s.tails = map[logName]*tail{}
	}
	t := s.tails[name]
	if t == nil {
		t = &tail{}
		s.tails[name] = t
	}
	switch entry[0] {
	case entryBatch:
		t.changes = append(t.changes, logChange{at: at, batch: rest})
	case entryStart:
		if len(rest) != 8 {
			return fmt.Errorf("%w: an entry about a log start has %d bytes", ErrSnapshot, len(entry))
		}
		t.changes = append(t.changes, logChange{at: at, start: kafka.Offset(binary.BigEndian.Uint64(rest))})
	case entryLog:
		var l plog.Snapshot
		if err := json.Unmarshal(rest, &l); err != nil {
			return fmt.Errorf("%w: an entry with a log: %w", ErrSnapshot, err)
		}
		*t = tail{replaced: &l}
	}
	return nil
}

// Settle brings the head of the snapshot to where the entries led. It is to be called after the last of them, and then
// Restore.
func (s *Snapshot) Settle() error {
	if s.head != nil {
		logs := map[logName]logSnapshot{}
		for _, t := range s.Topics {
			for i, p := range t.Partitions {
				logs[logName{[16]byte(t.ID), int32(i)}] = p.Log
			}
		}
		next := &Snapshot{tails: s.tails, producerIDs: s.producerIDs}
		if err := json.Unmarshal(s.head, next); err != nil {
			return fmt.Errorf("%w: an entry with all but the logs: %w", ErrSnapshot, err)
		}
		for _, t := range next.Topics {
			if len(t.ID) != 16 {
				return fmt.Errorf("%w: the id of topic %q has %d bytes", ErrSnapshot, t.Name, len(t.ID))
			}
			for i := range t.Partitions {
				l, known := logs[logName{[16]byte(t.ID), int32(i)}]
				if !known {
					l = logSnapshot{Snapshot: emptyLog}
				}
				t.Partitions[i].Log = l
			}
		}
		*s = *next
	}
	s.NextProducerID = max(s.NextProducerID, s.producerIDs)
	return nil
}

// emptyLog is a log that nothing was written to.
var emptyLog = plog.New(plog.Config{}).Snapshot()

// follow brings a log to where the entries led.
func (t *tail) follow(l *plog.Log) error {
	for _, change := range t.changes {
		if change.batch == nil {
			if change.start > l.HighWatermark() {
				l.SetHighWatermark(change.start)
			}
			if _, err := l.DeleteRecords(change.start); err != nil {
				return err
			}
			continue
		}
		b, err := batch.FromBytes(change.batch)
		if err != nil {
			return err
		}
		if b.BaseOffset() < l.LogEnd() {
			return fmt.Errorf("a batch begins at %d, and the log ends at %d", b.BaseOffset(), l.LogEnd())
		}
		if err := l.AppendReplica(change.at, b); err != nil {
			return err
		}
	}
	return nil
}
