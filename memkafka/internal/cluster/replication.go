package cluster

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/plog"
)

// NoLeader stands for the leader of a partition that has none, and for a coordinator that is nowhere.
const NoLeader int32 = -1

// lagging is a replica that is not where its leader is, because its broker is down or replication is held.
type lagging struct {
	end    kafka.Offset // of its log
	shared kafka.Offset // its log is the leader's up to here: to its end, unless it has strayed
	stray  *plog.Log    // nil, or the log of a replica that has records which the leader lost
}

// lags reports whether the replica has to fetch, or truncate, to be where its leader is.
func (l lagging) lags(leader *plog.Log) bool { return l.stray != nil || l.end < leader.LogEnd() }

// replication is the owner of the timers by which replicas that lag leave the ISR, keyed by partition.
const replication = "\x00replication"

// place chooses the brokers of a new partition: those after each other from the one that its name leads to, live ones
// first, since only they can lead.
func (c *Cluster) place(topic string, partition int, replication int16) []int32 {
	first := c.leaderOf(topic, partition)
	all := make([]int32, c.settings.Brokers)
	for i := range all {
		all[i] = (first-1+int32(i))%c.settings.Brokers + 1
	}
	slices.SortStableFunc(all, func(a, b int32) int {
		switch {
		case c.down[a] == c.down[b]:
			return 0
		case c.down[b]:
			return -1
		}
		return 1
	})
	return all[:replication:replication]
}

// begin gives a new partition its brokers. Those that are down hold nothing yet and are not in sync.
func (c *Cluster) begin(p *Partition, replicas []int32) {
	p.Replicas, p.Leader = replicas, NoLeader
	for _, r := range replicas {
		if c.down[r] {
			p.lag(r)
		} else {
			p.ISR = append(p.ISR, r)
		}
	}
	if len(p.ISR) > 0 {
		p.Leader = p.ISR[0]
	} else {
		p.ISR = []int32{replicas[0]}
	}
}

// lag notes that a replica gets nothing any more from here on.
func (p *Partition) lag(broker int32) {
	if _, lags := p.behind[broker]; lags {
		return
	}
	if p.behind == nil {
		p.behind = map[int32]lagging{}
	}
	p.behind[broker] = lagging{end: p.Log.LogEnd(), shared: p.Log.LogEnd()}
}

// lose takes a broker that went down out of a partition. The last in-sync replica stays in the ISR: it alone has all
// that was acknowledged.
func (c *Cluster) lose(now kafka.Millis, p *Partition, broker int32) {
	if !slices.Contains(p.Replicas, broker) {
		return
	}
	p.lag(broker)
	if len(p.ISR) > 1 {
		p.ISR = without(p.ISR, broker)
	}
	if p.Leader == broker {
		c.elect(now, p)
	} else {
		c.advance(now, p)
	}
}

// elect finds a leader for a partition whose leader is gone: the first of its replicas that is alive and in sync, or,
// with unclean.leader.election.enable, the first that is alive.
func (c *Cluster) elect(now kafka.Millis, p *Partition) {
	next, clean := c.candidate(p, true), true
	if next == NoLeader && c.topicConfig(p.TP.Topic, "unclean.leader.election.enable") == "true" {
		next, clean = c.candidate(p, false), false
	}
	if next == p.Leader {
		return
	}
	c.lead(now, p, next, clean)
}

// candidate is the first live replica, of those in sync if that is asked for.
func (c *Cluster) candidate(p *Partition, inSync bool) int32 {
	for _, r := range p.Replicas {
		if !c.down[r] && (!inSync || slices.Contains(p.ISR, r)) {
			return r
		}
	}
	return NoLeader
}

// lead makes a replica the leader, in a new epoch. An unclean one forgets what the others had beyond it.
func (c *Cluster) lead(now kafka.Millis, p *Partition, next int32, clean bool) {
	c.leaderChanges++
	c.unkept = true
	p.LeaderEpoch++
	p.Leader = next
	if next == NoLeader {
		c.touched = append(c.touched, p)
		return
	}
	if !clean {
		p.ISR = []int32{next}
	}
	before := p.Log.LogEnd()
	if p.adopt(next); p.Log.LogEnd() < before || !clean {
		c.keepLog(now, p)
	}
	p.Log.BeginEpoch(p.LeaderEpoch)
	c.follow(now, p)
	c.watchBalance(now)
}

// adopt makes the log of a replica the partition's. Replicas that have more, or other, records and cannot follow now
// keep a log of their own.
func (p *Partition) adopt(next int32) {
	at, lags := p.behind[next]
	delete(p.behind, next)
	if !lags || at.stray == nil && at.end >= p.Log.LogEnd() {
		return
	}
	for _, r := range p.Replicas {
		l, lags := p.behind[r]
		if !lags && p.Held && r != next {
			l, lags = lagging{end: p.Log.LogEnd(), shared: p.Log.LogEnd()}, true // it led until now
		}
		if !lags {
			continue
		}
		if l.stray == nil && (at.stray != nil || l.end > at.end) {
			l.stray = copyLog(p.Log)
			l.stray.TruncateTo(l.end)
		}
		l.shared = min(l.shared, at.shared)
		p.behind[r] = l
	}
	if at.stray == nil {
		p.Log.TruncateTo(at.end)
		return
	}
	at.stray.SetConfig(p.Log.Config())
	if start := p.Log.LogStart(); start > at.stray.LogStart() && p.Log.Config().Delete { // its broker deletes what is too old, too
		at.stray.SetHighWatermark(max(at.stray.HighWatermark(), min(start, at.stray.LogEnd())))
		if _, err := at.stray.DeleteRecords(min(start, at.stray.HighWatermark())); err != nil {
			panic("memkafka: " + p.TP.String() + ": " + err.Error())
		}
	}
	*p.Log = *at.stray // in place: readers hold on to the log
}

func copyLog(l *plog.Log) *plog.Log {
	c, err := plog.Restore(l.Config(), l.Snapshot())
	if err != nil {
		panic("memkafka: the snapshot of a log cannot be restored: " + err.Error())
	}
	return c
}

// follow lets the live replicas catch up with the leader, and enter the ISR, unless replication is held.
func (c *Cluster) follow(now kafka.Millis, p *Partition) {
	if p.Leader == NoLeader {
		return
	}
	for _, r := range p.Replicas {
		switch {
		case r == p.Leader || c.down[r]:
		case p.Held:
			p.lag(r)
		default:
			delete(p.behind, r)
			if !slices.Contains(p.ISR, r) {
				p.ISR = append(p.ISR, r)
			}
		}
	}
	c.advance(now, p)
}

// advance moves the high watermark to what every in-sync replica has. It never goes back.
func (c *Cluster) advance(now kafka.Millis, p *Partition) {
	if p.Leader == NoLeader {
		return
	}
	high := p.Log.LogEnd()
	waits := false
	for _, r := range p.ISR {
		if l, lags := p.behind[r]; lags {
			high, waits = min(high, l.shared), true
		}
	}
	if waits {
		p.Log.HoldHighWatermark(true)
		p.Log.SetHighWatermark(max(high, p.Log.HighWatermark()))
	} else {
		p.Log.HoldHighWatermark(false)
	}
	c.watchLag(now, p)
	c.touched = append(c.touched, p)
}

// watchLag sets the time at which in-sync replicas that lag leave the ISR (replica.lag.time.max.ms).
func (c *Cluster) watchLag(now kafka.Millis, p *Partition) {
	if !p.Held || p.lagTimer || p.Leader == NoLeader || !slices.ContainsFunc(p.ISR, p.lagsBehind) {
		return
	}
	p.lagTimer = true
	c.timers.set(timerID{replication, p.TP.String()}, now+c.settings.ReplicaLagTime)
}

// dropLagging takes the replicas that lag out of the ISR of a partition, by its name.
func (c *Cluster) dropLagging(now kafka.Millis, name string) {
	i := strings.LastIndexByte(name, '/')
	n, err := strconv.Atoi(name[i+1:])
	if err != nil {
		panic("memkafka: a timer for the replicas of " + name)
	}
	p := c.Partition(name[:i], int32(n))
	if p == nil || !p.lagTimer {
		return // deleted meanwhile
	}
	p.lagTimer = false
	if p.Leader == NoLeader {
		return
	}
	p.ISR = slices.DeleteFunc(slices.Clone(p.ISR), p.lagsBehind)
	c.unkept = true
	c.advance(now, p)
}

func (p *Partition) lagsBehind(broker int32) bool {
	l, there := p.behind[broker]
	return there && l.lags(p.Log)
}

// CheckProduce says whether a producer with these acks (-1 is all) may append to a partition now: it needs a leader, and
// with all so many in-sync replicas as min.insync.replicas asks for, or as many as the topic has if these are fewer.
func (c *Cluster) CheckProduce(p *Partition, acks int16) error {
	if p.Leader == NoLeader {
		return errorf(kafka.NotLeaderOrFollower, "partition %s has no leader; replicas %v, in sync %v", p.TP, p.Replicas, p.ISR)
	}
	if least := c.minISR(p); acks == -1 && len(p.ISR) < least {
		return errorf(kafka.NotEnoughReplicas, "the size of the current ISR %v is insufficient to satisfy the min.isr requirement of %d for partition %s",
			p.ISR, least, p.TP)
	}
	return nil
}

func (c *Cluster) minISR(p *Partition) int {
	if len(p.Replicas) == 1 {
		return 1
	}
	n, err := strconv.Atoi(c.topicConfig(p.TP.Topic, "min.insync.replicas"))
	if err != nil {
		panic("memkafka: min.insync.replicas of " + p.TP.Topic + ": " + err.Error())
	}
	return min(n, len(p.Replicas))
}

// Replicated says whether what was appended up to and including offset last in a leader epoch is acknowledged to a
// producer with acks=all: it is below the high watermark. The error is NOT_ENOUGH_REPLICAS_AFTER_APPEND when too few
// in-sync replicas are left, and NOT_LEADER_OR_FOLLOWER when another leader came meanwhile.
func (c *Cluster) Replicated(p *Partition, last kafka.Offset, epoch kafka.Epoch) (done bool, err error) {
	switch {
	case p.LeaderEpoch != epoch:
		return false, errorf(kafka.NotLeaderOrFollower, "partition %s has leader epoch %d, the records were appended in %d", p.TP, p.LeaderEpoch, epoch)
	case p.Log.HighWatermark() <= last:
		return false, nil
	case len(p.ISR) < c.minISR(p):
		return true, errorf(kafka.NotEnoughReplicasAfterAppend, "the ISR of %s is %v, min.insync.replicas %d", p.TP, p.ISR, c.minISR(p))
	}
	return true, nil
}

// CheckLeader says whether a request to a broker (0 for any), from a client that knows of a leader epoch (negative for
// none), is answered by that broker: FENCED_LEADER_EPOCH and UNKNOWN_LEADER_EPOCH (KIP-320), then
// NOT_LEADER_OR_FOLLOWER.
func (c *Cluster) CheckLeader(p *Partition, broker int32, epoch kafka.Epoch) error {
	switch {
	case epoch >= 0 && epoch < p.LeaderEpoch:
		return errorf(kafka.FencedLeaderEpoch, "partition %s has leader epoch %d, the request %d", p.TP, p.LeaderEpoch, epoch)
	case epoch > p.LeaderEpoch:
		return errorf(kafka.UnknownLeaderEpoch, "partition %s has leader epoch %d, the request %d", p.TP, p.LeaderEpoch, epoch)
	case p.Leader == NoLeader || broker != 0 && broker != p.Leader:
		return errorf(kafka.NotLeaderOrFollower, "broker %d does not lead partition %s, whose leader is %d", broker, p.TP, p.Leader)
	}
	return nil
}

func without(list []int32, x int32) []int32 {
	return slices.DeleteFunc(slices.Clone(list), func(v int32) bool { return v == x })
}
