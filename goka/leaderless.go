package goka

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka/logger"
)

// For how long a partition of a table is waited for that has no leader, and how often brokers are asked meanwhile.
const (
	leaderPatience = 30 * time.Second
	leaderPause    = 100 * time.Millisecond
)

// leaderless are what brokers answer while a partition has no leader, or before they and the client know of the new one.
var leaderless = []error{
	sarama.ErrNotLeaderForPartition, sarama.ErrLeaderNotAvailable, sarama.ErrReplicaNotAvailable,
	sarama.ErrFencedLeaderEpoch, sarama.ErrUnknownLeaderEpoch, sarama.ErrOffsetNotAvailable,
}

// whileLeaderless calls f until it fails no more because the partition has no leader, for leaderPatience at most. sarama
// tries twice, without a pause: less than what the election of a leader, or a new topic, takes.
func (p *PartitionTable) whileLeaderless(ctx context.Context, f func() error) error {
	for since := (time.Time{}); ; {
		err := f()
		if err == nil || !slices.ContainsFunc(leaderless, func(of error) bool { return errors.Is(err, of) }) ||
			!since.IsZero() && time.Since(since) > leaderPatience {
			return err
		}
		if since.IsZero() {
			since = time.Now()
			logger.Warnf(p.log, "table %s/%d has no leader, which is waited for up to %s: %v", p.topic, p.partition, leaderPatience, err)
		}
		if err := sleep(ctx, leaderPause); err != nil {
			return err
		}
	}
}

// limit returns an end of the partition: of sarama.OffsetOldest or sarama.OffsetNewest.
func (p *PartitionTable) limit(ctx context.Context, which int64) (offset int64, err error) {
	err = p.whileLeaderless(ctx, func() (err error) {
		offset, err = p.topics.GetOffset(p.topic, p.partition, which)
		return err
	})
	return offset, err
}
