package check

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/group"
)

// history is what was seen of a group.
type history struct {
	kind       group.Type
	generation int32             // the last that was recorded: Stable, or any of a KIP-848 group
	owners     map[string]string // of the generation, by partition
}

// Committed tells that a group's offset for a partition was stored, outside of transactions or by the commit of one: from
// now on it is that, while the group has a coordinator. Checks do not know of offsets that expire or are deleted.
func (k *Checker) Committed(id string, tp kafka.TopicPartition, offset kafka.Offset) {
	if k.commits[id] == nil {
		k.commits[id] = map[kafka.TopicPartition]kafka.Offset{}
	}
	k.commits[id][tp] = offset
}

func (k *Checker) keepsCommits(c *cluster.Cluster) error {
	for _, id := range slices.Sorted(maps.Keys(k.commits)) {
		if c.GroupCoordinator(id) == cluster.NoLeader {
			continue
		}
		has := map[kafka.TopicPartition]kafka.Offset{}
		if g := c.Group(id); g != nil {
			for _, o := range g.Offsets() {
				has[o.TP] = o.Offset
			}
		}
		for tp, want := range k.commits[id] {
			if got, found := has[tp]; !found || got != want {
				return fmt.Errorf("group %q committed %d for %s, and has %d (%v)", id, want, tp, got, found)
			}
		}
	}
	return nil
}

func (k *Checker) group(c *cluster.Cluster, id string) error {
	d := c.Group(id).Describe()
	h := k.groups[id]
	switch {
	case d.State == group.Dead:
		delete(k.groups, id)
		return nil
	case h == nil || h.kind != d.Type:
		h = &history{kind: d.Type}
		k.groups[id] = h
	}
	if d.Type == group.Classic && d.State != group.Stable {
		return nil // what it is about to become is on no record yet
	}
	if d.Generation < h.generation {
		return fmt.Errorf("the generation went back from %d to %d", h.generation, d.Generation)
	}
	owners := map[string]string{}
	for _, m := range d.Members {
		for _, p := range owned(m) {
			if other, taken := owners[p]; taken {
				return fmt.Errorf("generation %d: %s belongs to %q and to %q", d.Generation, p, other, m.MemberID)
			}
			owners[p] = m.MemberID
		}
	}
	if d.Type == group.Classic && d.Generation == h.generation {
		for p, m := range owners {
			if other, had := h.owners[p]; had && other != m {
				return fmt.Errorf("generation %d: %s belonged to %q, and now to %q", d.Generation, p, other, m)
			}
		}
	}
	h.generation, h.owners = d.Generation, owners
	return nil
}

// owned is what a member may work on: in a KIP-848 group also what it has not let go of yet.
func owned(m group.MemberDescription) []string {
	if m.Assignment != nil {
		return classicAssignment(m.Assignment)
	}
	var list []string
	for _, tps := range [][]group.TopicPartitions{m.Assigned, m.Revoking} {
		for _, t := range tps {
			for _, p := range t.Partitions {
				list = append(list, fmt.Sprintf("%x/%d", t.Topic, p))
			}
		}
	}
	return list
}

// classicAssignment reads the assignment of a consumer (ConsumerProtocolAssignment). Other kinds of members write what
// they like, of which nothing is said.
func classicAssignment(b []byte) []string {
	ok := true
	take := func(n int) []byte {
		if !ok || n < 0 || n > len(b) {
			ok = false
			return make([]byte, max(n, 0)&7)
		}
		taken := b[:n]
		b = b[n:]
		return taken
	}
	number := func(n int) int {
		v := take(n)
		switch {
		case !ok:
			return 0
		case n == 2:
			return int(int16(binary.BigEndian.Uint16(v)))
		}
		return int(int32(binary.BigEndian.Uint32(v)))
	}
	number(2) // version
	var list []string
	for range number(4) {
		topic := string(take(number(2)))
		for range number(4) {
			if p := number(4); ok {
				list = append(list, fmt.Sprintf("%s/%d", topic, p))
			}
			if !ok {
				return nil
			}
		}
		if !ok {
			return nil
		}
	}
	return list
}
