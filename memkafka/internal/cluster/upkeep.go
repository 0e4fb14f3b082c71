package cluster

import (
	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/plog"
)

// The jobs that a broker does by itself, at the periods of its settings. Each is on only while there is something it
// could do some day: a cluster at rest sets no timer.
const (
	jobRetention = "retention" // log.retention.check.interval.ms
	jobCleaner   = "cleaner"   // log.cleaner.backoff.ms
	jobProducers = "producers" // producer.id.expiration.check.interval.ms
)

// producerCheckInterval is producer.id.expiration.check.interval.ms.
const producerCheckInterval = 600_000

// upkeep is the owner of the jobs' timers, beside the groups, none of which has such a name.
const upkeep = "\x00upkeep"

// wake turns on the jobs that may have something to do with a partition that got records.
func (c *Cluster) wake(now kafka.Millis, p *Partition) {
	if p.forgets && !c.retaining {
		c.retaining = true
		c.timers.set(timerID{upkeep, jobRetention}, now+c.settings.RetentionCheckInterval)
	}
	if p.compacts && !c.cleaning {
		c.cleaning = true
		c.timers.set(timerID{upkeep, jobCleaner}, now+c.settings.CleanerBackoff)
	}
}

// DeleteRecords moves the log start of a partition up to an offset, OffsetLatest for its high watermark (KIP-107). The
// segments below go when retention looks next.
func (c *Cluster) DeleteRecords(now kafka.Millis, topic string, partition int32, before kafka.Offset) (logStart kafka.Offset, err error) {
	p := c.Partition(topic, partition)
	if p == nil {
		return kafka.NoOffset, errorf(kafka.UnknownTopicOrPartition, "partition %s/%d does not exist", topic, partition)
	}
	logStart, err = p.Log.DeleteRecords(before)
	if err == nil && !c.retaining {
		c.retaining = true
		c.timers.set(timerID{upkeep, jobRetention}, now+c.settings.RetentionCheckInterval)
	}
	if err == nil {
		c.keepStart(now, p)
	}
	return logStart, err
}

// watchProducers turns on the job that forgets producers, while a log remembers any: at the first look after one of them
// may have been idle for producer.id.expiration.ms.
func (c *Cluster) watchProducers(now kafka.Millis, p *Partition) {
	if c.expiring {
		return
	}
	for _, known := range p.Log.Producers() {
		wait := max(known.LastTimestamp+c.settings.ProducerIDExpiration-c.clock(now, p.Leader), 1)
		if at := now + (wait+producerCheckInterval-1)/producerCheckInterval*producerCheckInterval; !c.expiring || at < c.expireAt {
			c.expiring, c.expireAt = true, at
		}
	}
	if c.expiring {
		c.timers.set(timerID{upkeep, jobProducers}, c.expireAt)
	}
}

// configure puts a configuration in force for a partition.
func (p *Partition) configure(config plog.Config) {
	if p.Log == nil {
		p.Log = plog.New(config)
	} else {
		p.Log.SetConfig(config)
	}
	p.compacts = config.Compact
	p.forgets = config.Delete && (config.RetentionMs >= 0 || config.RetentionBytes >= 0)
}

func (c *Cluster) upkeep(now kafka.Millis, job string) {
	switch job {
	case jobRetention:
		c.retaining = c.retain(now)
		if c.retaining {
			c.timers.set(timerID{upkeep, jobRetention}, now+c.settings.RetentionCheckInterval)
		}
	case jobCleaner:
		c.cleaning = c.clean(now)
		if c.cleaning {
			c.timers.set(timerID{upkeep, jobCleaner}, now+c.settings.CleanerBackoff)
		}
	case jobBalance:
		c.balance(now)
	case jobProducers:
		c.expiring = false
		c.eachPartition(func(p *Partition) { p.Log.ExpireProducers(c.clock(now, p.Leader)) })
		c.eachPartition(func(p *Partition) { c.watchProducers(now, p) })
	}
}

// retain deletes what topics may forget, and reports whether any could have more to forget later.
func (c *Cluster) retain(now kafka.Millis) (more bool) {
	c.eachPartition(func(p *Partition) {
		p.Log.Retain(c.clock(now, p.Leader)) // also below the log start, where DeleteRecords has been
		if p.forgets && p.Log.LogEnd() > p.Log.LogStart() {
			more = true
		}
	})
	return more
}

// clean compacts logs, the dirtiest first, until none is dirty enough, as the log cleaner does between two rests. It
// reports whether any could become dirty enough without further records.
func (c *Cluster) clean(now kafka.Millis) (more bool) {
	for {
		var dirtiest *Partition
		var ratio float64
		c.eachPartition(func(p *Partition) {
			if !p.compacts {
				return
			}
			d := p.Log.Dirtiness(c.clock(now, p.Leader))
			if d.Eligible && (dirtiest == nil || d.Ratio > ratio) {
				dirtiest, ratio = p, d.Ratio
			}
		})
		if dirtiest == nil {
			break
		}
		if done := dirtiest.Log.Clean(c.clock(now, dirtiest.Leader)); done.To <= done.From {
			break // nothing moved, so the next look would find the same
		}
	}
	c.eachPartition(func(p *Partition) {
		if !p.compacts {
			return
		}
		segments := p.Log.Segments()
		if n := len(segments); n > 1 && segments[n-2].Base >= p.Log.Dirtiness(c.clock(now, p.Leader)).FirstDirty {
			more = true // a closed segment that only has to grow old enough
		}
	})
	return more
}

// eachPartition visits all partitions, by topic and number.
func (c *Cluster) eachPartition(visit func(p *Partition)) {
	for _, name := range c.Topics() {
		for _, p := range c.topics[name].Partitions {
			visit(p)
		}
	}
}
