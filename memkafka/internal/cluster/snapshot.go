package cluster

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/plog"
)

// Snapshot is a whole cluster as plain data: topics with their logs, what the coordinators recorded, brokers, producer
// ids and the state of chance. Requests that wait are not in it, nor is the time that was left of time-outs: after a
// restore they are as after a fail-over of every coordinator.
type Snapshot struct {
	Settings       Settings
	NextProducerID int64
	TxnEpoch       int32
	Chance         [][]byte // the streams for topic and for member ids
	Controller     int32
	Down           []int32 // brokers
	Topics         []topicSnapshot
	Groups         []groupSnapshot `json:",omitempty"` // unless Settings.RetainState
	Transactions   []kafka.Record  `json:",omitempty"` // unless Settings.RetainState

	ACLs   []ACL                                 `json:",omitempty"`
	Scram  map[string]map[string]ScramCredential `json:",omitempty"` // by user and mechanism
	Quotas []QuotaEntry                          `json:",omitempty"`

	head        []byte // the last one that Apply was given, nil for none
	producerIDs int64  // what is next, as Apply was told
	tails       map[logName]*tail
}

type topicSnapshot struct {
	Name        string
	ID          []byte
	Replication int16
	Configs     map[string]string `json:",omitempty"`
	Partitions  []partitionSnapshot
}

type partitionSnapshot struct {
	Leader        int32
	LeaderEpoch   kafka.Epoch
	Replicas, ISR []int32
	Held          bool              `json:",omitempty"`
	Behind        []laggingSnapshot `json:",omitempty"`
	Log           logSnapshot
}

type laggingSnapshot struct {
	Broker int32
	End    kafka.Offset
	Shared kafka.Offset
	Stray  *logSnapshot `json:",omitempty"`
}

// logSnapshot is a log. In a file its batches stand after all else; Lengths has their sizes, by segment.
type logSnapshot struct {
	plog.Snapshot
	Lengths [][]int
}

type groupSnapshot struct {
	ID      []byte
	Entries []group.Entry
}

// Snapshot takes the cluster as it is. What it holds of logs does not change any more.
func (c *Cluster) Snapshot() *Snapshot { return c.snapshot(true) }

// snapshot is Snapshot, or without logs where those are known from elsewhere.
func (c *Cluster) snapshot(logs bool) *Snapshot {
	s := &Snapshot{
		Settings:       c.base,
		NextProducerID: c.nextProducerID,
		TxnEpoch:       c.txnEpoch,
		Controller:     c.controller,
		Down:           slices.Sorted(maps.Keys(c.down)),
		ACLs:           slices.Clone(c.acls),
	}
	for user, credentials := range c.scram {
		if s.Scram == nil {
			s.Scram = map[string]map[string]ScramCredential{}
		}
		s.Scram[user] = maps.Clone(credentials)
	}
	s.Quotas, _ = c.Quotas(nil, false) // which has no filter that could be wrong
	s.Settings.TopicDefaults, s.Settings.Static = maps.Clone(c.base.TopicDefaults), maps.Clone(c.base.Static)
	s.Settings.Dynamic = maps.Clone(c.base.Dynamic)
	for _, source := range []*rand.PCG{c.idSource, c.nameSource} {
		state, err := source.MarshalBinary()
		if err != nil {
			panic("memkafka: the state of chance: " + err.Error())
		}
		s.Chance = append(s.Chance, state)
	}
	for _, name := range c.Topics() {
		t := c.topics[name]
		ts := topicSnapshot{Name: name, ID: bytes.Clone(t.ID[:]), Replication: t.Replication, Configs: maps.Clone(t.Configs)}
		for _, p := range t.Partitions {
			ps := partitionSnapshot{
				Leader: p.Leader, LeaderEpoch: p.LeaderEpoch, Replicas: slices.Clone(p.Replicas), ISR: slices.Clone(p.ISR), Held: p.Held,
			}
			if logs {
				ps.Log = logSnapshot{Snapshot: p.Log.Snapshot()}
			}
			for _, broker := range slices.Sorted(maps.Keys(p.behind)) {
				l := p.behind[broker]
				ls := laggingSnapshot{Broker: broker, End: l.end, Shared: l.shared}
				if l.stray != nil {
					ls.Stray = &logSnapshot{Snapshot: l.stray.Snapshot()}
				}
				ps.Behind = append(ps.Behind, ls)
			}
			ts.Partitions = append(ts.Partitions, ps)
		}
		s.Topics = append(s.Topics, ts)
	}
	if c.settings.RetainState {
		return s
	}
	for _, id := range slices.Sorted(maps.Keys(c.journals)) {
		j := c.journals[id]
		j.compact()
		if len(j.entries) > 0 {
			s.Groups = append(s.Groups, groupSnapshot{ID: []byte(id), Entries: slices.Clone(j.entries)})
		}
	}
	s.Transactions = c.txnRecords()
	return s
}

// The file of a snapshot: magic, version, length of the head, the head as JSON, the batches of all logs in the order in
// which the head has them, SHA-256 of all before. Numbers are big-endian.
const (
	snapshotMagic   = "gokasim\x00"
	snapshotVersion = 1
	snapshotPrefix  = len(snapshotMagic) + 4 + 8
)

// ErrSnapshot reports a snapshot that cannot be restored.
var ErrSnapshot = errors.New("not a usable snapshot of a cluster")

// WriteTo writes the snapshot as a file.
func (s *Snapshot) WriteTo(w io.Writer) (int64, error) {
	var batches [][]byte
	head := *s
	head.Topics = make([]topicSnapshot, len(s.Topics))
	for i, t := range s.Topics {
		head.Topics[i] = t
		head.Topics[i].Partitions = slices.Clone(t.Partitions)
		for j := range t.Partitions {
			p := &head.Topics[i].Partitions[j]
			p.Log, batches = p.Log.detach(batches)
			p.Behind = slices.Clone(p.Behind)
			for k, l := range p.Behind {
				if l.Stray != nil {
					var stray logSnapshot
					stray, batches = l.Stray.detach(batches)
					p.Behind[k].Stray = &stray
				}
			}
		}
	}
	text, err := json.Marshal(&head)
	if err != nil {
		return 0, fmt.Errorf("snapshot of a cluster: %w", err)
	}
	prefix := binary.BigEndian.AppendUint32([]byte(snapshotMagic), snapshotVersion)
	prefix = binary.BigEndian.AppendUint64(prefix, uint64(len(text)))
	sum := sha256.New()
	var n int64
	for _, part := range slices.Concat([][]byte{prefix, text}, batches, [][]byte{nil}) {
		if part == nil {
			part = sum.Sum(nil)
		}
		sum.Write(part)
		m, err := w.Write(part)
		n += int64(m)
		if err != nil {
			return n, fmt.Errorf("snapshot of a cluster: %w", err)
		}
	}
	return n, nil
}

// detach is the snapshot with the sizes of its batches in place of them; they are appended to batches.
func (l logSnapshot) detach(batches [][]byte) (logSnapshot, [][]byte) {
	l.Segments = slices.Clone(l.Segments)
	l.Lengths = make([][]int, len(l.Segments))
	for i := range l.Segments {
		for _, b := range l.Segments[i].Batches {
			l.Lengths[i] = append(l.Lengths[i], len(b))
			batches = append(batches, b)
		}
		l.Segments[i].Batches = nil
	}
	return l, batches
}

// ReadSnapshot reads what WriteTo wrote, up to the end of r. Errors wrap ErrSnapshot and say what is wrong. What is in the
// snapshot is checked by Restore.
func ReadSnapshot(r io.Reader) (*Snapshot, error) {
	file, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("snapshot of a cluster: %w", err)
	}
	if len(file) < len(snapshotMagic) || string(file[:len(snapshotMagic)]) != snapshotMagic {
		return nil, fmt.Errorf("%w: it does not begin with %q", ErrSnapshot, snapshotMagic)
	}
	if len(file) < snapshotPrefix+sha256.Size {
		return nil, fmt.Errorf("%w: it is cut short after %d bytes", ErrSnapshot, len(file))
	}
	if v := binary.BigEndian.Uint32(file[len(snapshotMagic):]); v != snapshotVersion {
		return nil, fmt.Errorf("%w: it has version %d, this build reads version %d; take it again with this build", ErrSnapshot, v, snapshotVersion)
	}
	body, sum := file[:len(file)-sha256.Size], file[len(file)-sha256.Size:]
	if got := sha256.Sum256(body); !bytes.Equal(got[:], sum) {
		return nil, fmt.Errorf("%w: checksum %x does not fit its %d bytes, whose is %x; the file is damaged or cut short", ErrSnapshot, sum[:4], len(body), got[:4])
	}
	length := binary.BigEndian.Uint64(file[len(snapshotMagic)+4:])
	rest := body[snapshotPrefix:]
	if length > uint64(len(rest)) {
		return nil, fmt.Errorf("%w: a head of %d bytes is announced, %d are left", ErrSnapshot, length, len(rest))
	}
	s := &Snapshot{}
	d := json.NewDecoder(bytes.NewReader(rest[:length]))
	d.DisallowUnknownFields()
	if err := d.Decode(s); err != nil {
		return nil, fmt.Errorf("%w: head: %w", ErrSnapshot, err)
	}
	batches := rest[length:]
	for i := range s.Topics {
		t := &s.Topics[i]
		for j := range t.Partitions {
			p := &t.Partitions[j]
			if batches, err = p.Log.attach(batches); err != nil {
				return nil, fmt.Errorf("%w: %s/%d: %w", ErrSnapshot, t.Name, j, err)
			}
			for _, l := range p.Behind {
				if l.Stray == nil {
					continue
				}
				if batches, err = l.Stray.attach(batches); err != nil {
					return nil, fmt.Errorf("%w: %s/%d on broker %d: %w", ErrSnapshot, t.Name, j, l.Broker, err)
				}
			}
		}
	}
	if len(batches) > 0 {
		return nil, fmt.Errorf("%w: %d bytes are left after the last batch", ErrSnapshot, len(batches))
	}
	return s, nil
}

// attach takes the batches of a log from the front of all.
func (l *logSnapshot) attach(all []byte) (rest []byte, err error) {
	if len(l.Lengths) != len(l.Segments) {
		return nil, fmt.Errorf("%d segments, and sizes of batches for %d", len(l.Segments), len(l.Lengths))
	}
	for i, lengths := range l.Lengths {
		if len(l.Segments[i].Batches) > 0 {
			return nil, fmt.Errorf("segment %d has batches in the head", l.Segments[i].Base)
		}
		for _, n := range lengths {
			if n < 0 || n > len(all) {
				return nil, fmt.Errorf("segment %d: a batch of %d bytes, and %d are left", l.Segments[i].Base, n, len(all))
			}
			l.Segments[i].Batches = append(l.Segments[i].Batches, all[:n:n])
			all = all[n:]
		}
	}
	l.Lengths = nil
	return all, nil
}
