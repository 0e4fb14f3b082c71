package cluster

import (
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
)

// jobBalance gives leadership back to preferred replicas (leader.imbalance.check.interval.seconds).
const jobBalance = "balance"

// Brokers lists the brokers that are up, by number.
func (c *Cluster) Brokers() []int32 {
	var up []int32
	for b := int32(1); b <= c.settings.Brokers; b++ {
		if !c.down[b] {
			up = append(up, b)
		}
	}
	return up
}

// Alive reports whether a broker exists and is up.
func (c *Cluster) Alive(id int32) bool { return id >= 1 && id <= c.settings.Brokers && !c.down[id] }

// Controller is the broker that is the active controller, NoLeader when all are down. It stays while it is up; then the
// next by number takes over.
func (c *Cluster) Controller() int32 { return c.controller }

func (c *Cluster) checkBroker(id int32) error {
	if id < 1 || id > c.settings.Brokers {
		return errorf(kafka.BrokerNotAvailable, "broker %d does not exist; there are brokers 1 to %d", id, c.settings.Brokers)
	}
	return nil
}

// BrokerDown stops a broker: partitions that it led go to the next in-sync replica, or have no leader; coordinators that
// it was are built again elsewhere. It does nothing to a broker that is down.
func (c *Cluster) BrokerDown(now kafka.Millis, id int32) error {
	if err := c.checkBroker(id); err != nil || c.down[id] {
		return err
	}
	c.reshape(now, func() {
		c.down[id] = true
		c.electController()
		c.eachPartition(func(p *Partition) { c.lose(now, p, id) })
	})
	return nil
}

// BrokerUp starts a broker again: its replicas catch up and are in sync, and partitions that waited for it have a leader.
// It does nothing to a broker that is up.
func (c *Cluster) BrokerUp(now kafka.Millis, id int32) error {
	if err := c.checkBroker(id); err != nil || !c.down[id] {
		return err
	}
	c.reshape(now, func() {
		delete(c.down, id)
		c.electController()
		c.eachPartition(func(p *Partition) {
			if !slices.Contains(p.Replicas, id) {
				return
			}
			if p.Leader == NoLeader {
				c.elect(now, p)
			} else {
				c.follow(now, p)
			}
		})
		c.watchBalance(now)
	})
	return nil
}

func (c *Cluster) electController() {
	if c.Alive(c.controller) {
		return
	}
	before := c.controller
	up := c.Brokers()
	if len(up) == 0 {
		c.controller = NoLeader
		return
	}
	c.controller = up[0]
	if i := slices.IndexFunc(up, func(b int32) bool { return b > before }); i >= 0 {
		c.controller = up[i]
	}
}

// MoveLeader makes another in-sync replica the leader of a partition; to of 0 is the next one in the order of the replicas.
func (c *Cluster) MoveLeader(now kafka.Millis, tp kafka.TopicPartition, to int32) error {
	p := c.Partition(tp.Topic, tp.Partition)
	if p == nil {
		return errorf(kafka.UnknownTopicOrPartition, "partition %s does not exist", tp)
	}
	may := func(r int32) bool { return r != p.Leader && !c.down[r] && slices.Contains(p.ISR, r) }
	if to == 0 {
		from := slices.Index(p.Replicas, p.Leader) + 1
		for i := range p.Replicas {
			if r := p.Replicas[(from+i)%len(p.Replicas)]; may(r) {
				to = r
				break
			}
		}
	}
	switch {
	case to == 0:
		return errorf(kafka.EligibleLeadersNotAvailable, "partition %s has no other in-sync replica: leader %d, in sync %v", tp, p.Leader, p.ISR)
	case to == p.Leader:
		return errorf(kafka.ElectionNotNeeded, "broker %d leads partition %s already", to, tp)
	case !slices.Contains(p.Replicas, to):
		return errorf(kafka.InvalidReplicaAssignment, "broker %d holds no replica of partition %s, whose replicas are %v", to, tp, p.Replicas)
	case !may(to):
		return errorf(kafka.EligibleLeadersNotAvailable, "broker %d is down or not in sync with partition %s: in sync %v", to, tp, p.ISR)
	}
	c.reshape(now, func() { c.lead(now, p, to, true) })
	return nil
}

// ElectLeader is ElectLeaders for one partition: to the preferred replica, or, unclean, to any live one when none in sync
// is left (KIP-460).
func (c *Cluster) ElectLeader(now kafka.Millis, tp kafka.TopicPartition, unclean bool) error {
	p := c.Partition(tp.Topic, tp.Partition)
	if p == nil {
		if c.topics[tp.Topic] == nil {
			return errorf(kafka.UnknownTopicOrPartition, "No such topic as %s", tp.Topic)
		}
		return errorf(kafka.UnknownTopicOrPartition, "No such partition as %s-%d", tp.Topic, tp.Partition)
	}
	if unclean {
		if p.Leader != NoLeader {
			return errorf(kafka.ElectionNotNeeded, "Leader election not needed for topic partition.")
		}
		next := c.candidate(p, false)
		if next == NoLeader {
			return errorf(kafka.EligibleLeadersNotAvailable, "eligible topic partition leaders are not available for partition %s", tp)
		}
		c.reshape(now, func() { c.lead(now, p, next, slices.Contains(p.ISR, next)) })
		return nil
	}
	switch preferred := p.Replicas[0]; {
	case p.Leader == preferred:
		return errorf(kafka.ElectionNotNeeded, "Leader election not needed for topic partition.")
	case c.down[preferred] || !slices.Contains(p.ISR, preferred):
		return errorf(kafka.PreferredLeaderNotAvailable, "the preferred leader %d of partition %s is not available", preferred, tp)
	}
	c.reshape(now, func() { c.lead(now, p, p.Replicas[0], true) })
	return nil
}

// HoldReplication stops the followers of a partition from fetching, or lets them go on. While it is on, the high watermark
// stays where they are until they have lagged for replica.lag.time.max.ms and left the ISR, and whoever of them becomes
// leader has only what it got.
func (c *Cluster) HoldReplication(now kafka.Millis, tp kafka.TopicPartition, on bool) error {
	p := c.Partition(tp.Topic, tp.Partition)
	if p == nil {
		return errorf(kafka.UnknownTopicOrPartition, "partition %s does not exist", tp)
	}
	if p.Held != on {
		p.Held, c.unkept = on, true
		if on {
			c.holding++
		} else {
			c.holding--
		}
	}
	if !on && p.lagTimer {
		p.lagTimer = false
		c.timers.stop(timerID{replication, tp.String()})
	}
	c.follow(now, p)
	return nil
}

// Held reports whether the replication of any partition is held.
func (c *Cluster) Held() bool { return c.holding > 0 }

// watchBalance sets the time of the next look for partitions that are not led by their preferred replica.
func (c *Cluster) watchBalance(now kafka.Millis) {
	if c.balancing || !c.settings.AutoLeaderRebalance || len(c.unbalanced()) == 0 {
		return
	}
	c.balancing = true
	c.timers.set(timerID{upkeep, jobBalance}, now+c.settings.LeaderCheckInterval)
}

// unbalanced lists the partitions whose preferred replica could lead and does not.
func (c *Cluster) unbalanced() []*Partition {
	var list []*Partition
	c.eachPartition(func(p *Partition) {
		if preferred := p.Replicas[0]; p.Leader != NoLeader && p.Leader != preferred && !c.down[preferred] && slices.Contains(p.ISR, preferred) {
			list = append(list, p)
		}
	})
	return list
}

func (c *Cluster) balance(now kafka.Millis) {
	c.reshape(now, func() {
		for _, p := range c.unbalanced() {
			c.lead(now, p, p.Replicas[0], true)
		}
	})
	c.balancing = false
}

// PartitionMetadata is what Metadata tells of a partition.
type PartitionMetadata struct {
	Err                    kafka.ErrorCode // LEADER_NOT_AVAILABLE, or none
	Leader                 int32           // NoLeader when there is none
	LeaderEpoch            kafka.Epoch
	Replicas, ISR, Offline []int32
}

// PartitionMetadata tells who leads and holds a partition. The slices belong to the caller.
func (c *Cluster) PartitionMetadata(p *Partition) PartitionMetadata {
	m := PartitionMetadata{
		Leader: p.Leader, LeaderEpoch: p.LeaderEpoch, Replicas: slices.Clone(p.Replicas), ISR: slices.Clone(p.ISR), Offline: []int32{},
	}
	if p.Leader == NoLeader {
		m.Err = kafka.LeaderNotAvailable
	}
	for _, r := range p.Replicas {
		if c.down[r] {
			m.Offline = append(m.Offline, r)
		}
	}
	return m
}

// ReplicaEnd is the log end of a broker's replica of a partition, NoOffset when it holds none.
func (c *Cluster) ReplicaEnd(p *Partition, broker int32) kafka.Offset {
	if !slices.Contains(p.Replicas, broker) {
		return kafka.NoOffset
	}
	if l, lags := p.behind[broker]; lags {
		return l.end
	}
	return p.Log.LogEnd()
}
