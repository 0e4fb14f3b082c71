package saramaclient

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/seam"
)

// offsets keeps how far partitions were handled, and commits that for a group: for a member of it, or for nobody in
// particular.
type offsets struct {
	config   *sarama.Config
	seam     *seam.Client
	group    string
	instance string                       // group.instance.id of a static member (KIP-345)
	failed   func(p *position, err error) // is told of commits that failed
	fenced   func(err error)              // is told when another one has the instance id; nil for nobody
	turn     chan struct{}                // capacity 1: held while offsets are committed, and while the member changes

	mu         sync.Mutex // guards all below, and what positions say so of
	member     string
	generation int32
	positions  map[kafka.TopicPartition]*position
}

// position is how far a partition was handled.
type position struct {
	tp    kafka.TopicPartition
	epoch kafka.Epoch // of the leader, as it was committed

	// guarded by mu of offsets
	next     int64 // the offset to commit; -1 for none
	metadata string
	dirty    bool               // there is something to commit
	sub      *seam.Subscription // nil until its claim began
}

func newOffsets(config *sarama.Config, s *seam.Client, groupID, member string, generation int32) *offsets {
	return &offsets{
		config: config, seam: s, group: groupID, instance: instanceOf(config), member: member, generation: generation,
		turn: make(chan struct{}, 1), positions: map[kafka.TopicPartition]*position{},
	}
}

// instanceOf is the instance id of static members. Versions before KIP-345 have none.
func instanceOf(config *sarama.Config) string {
	if !config.Version.IsAtLeast(sarama.V2_3_0_0) {
		return ""
	}
	return config.Consumer.Group.InstanceId
}

// add asks for the committed offsets of partitions, which it looks after from then on. What passes is asked for again, up to
// Metadata.Retry.Max times, until ctx ends.
func (o *offsets) add(ctx context.Context, tps []kafka.TopicPartition) error {
	if len(tps) == 0 {
		return nil
	}
	slices.SortFunc(tps, kafka.TopicPartition.Compare)
	stable := o.config.Consumer.IsolationLevel == sarama.ReadCommitted && o.config.Version.IsAtLeast(sarama.V2_5_0_0)
	for retries := o.config.Metadata.Retry.Max; ; retries-- {
		fetched, err := o.fetch(ctx, tps, stable)
		if err == nil {
			o.mu.Lock()
			defer o.mu.Unlock()
			for _, f := range fetched {
				o.positions[f.TP] = &position{tp: f.TP, epoch: f.LeaderEpoch, next: int64(f.Offset), metadata: f.Metadata}
			}
			return nil
		}
		passes := unanswered(err) || errors.Is(err, sarama.ErrNotCoordinatorForConsumer) || errors.Is(err, sarama.ErrConsumerCoordinatorNotAvailable) ||
			errors.Is(err, sarama.ErrOffsetsLoadInProgress) || errors.Is(err, sarama.ErrUnstableOffsetCommit)
		if !passes || retries <= 0 {
			return err
		}
		if err := sleep(ctx, metadataBackoff(o.config, retries)); err != nil {
			return err
		}
	}
}

// metadataBackoff is the pause before a retry, of which so many are left.
func metadataBackoff(config *sarama.Config, retries int) time.Duration {
	if f := config.Metadata.Retry.BackoffFunc; f != nil {
		return f(retries, config.Metadata.Retry.Max)
	}
	return config.Metadata.Retry.Backoff
}

func (o *offsets) fetch(ctx context.Context, tps []kafka.TopicPartition, stable bool) ([]group.FetchedOffset, error) {
	v, err := o.seam.Ask(ctx, "fetch offsets", o.group, func(core *cluster.Cluster, now kafka.Millis, call *seam.Call) {
		core.GroupStep(now, o.group, group.FetchOffsets{Tag: call, Partitions: tps, RequireStable: stable})
	})
	if err != nil {
		return nil, saramaError(err)
	}
	r := v.(group.FetchOffsetsResponse)
	if r.Err != kafka.None {
		return nil, sarama.KError(r.Err)
	}
	for _, f := range r.Offsets {
		if f.Err != kafka.None {
			return nil, sarama.KError(f.Err)
		}
	}
	return r.Offsets, nil
}

// find returns what is known of a partition, nil if it is not looked after.
func (o *offsets) find(topic string, partition int32) *position {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.positions[kafka.TopicPartition{Topic: topic, Partition: partition}]
}

// nextOf is the offset to begin with, which Consumer.Offsets.Initial is where none was committed.
func (o *offsets) nextOf(p *position) (offset int64, metadata string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p.next >= 0 {
		return p.next, p.metadata
	}
	return o.config.Consumer.Offsets.Initial, ""
}

// mark moves the offset to commit forward. It does nothing for an offset below the present one.
func (o *offsets) mark(p *position, offset int64, metadata string) {
	o.mu.Lock()
	sub := p.forward(offset, metadata)
	o.mu.Unlock()
	if sub != nil {
		sub.Handled(kafka.Offset(offset))
	}
}

// markAt is mark for a partition that may not be looked after, where it does nothing.
func (o *offsets) markAt(tp kafka.TopicPartition, offset int64, metadata string) {
	o.mu.Lock()
	var sub *seam.Subscription
	if p := o.positions[tp]; p != nil {
		sub = p.forward(offset, metadata)
	}
	o.mu.Unlock()
	if sub != nil {
		sub.Handled(kafka.Offset(offset))
	}
}

// forward moves the offset to commit forward, and returns the claim's subscription. Called with mu of offsets held.
func (p *position) forward(offset int64, metadata string) *seam.Subscription {
	if offset > p.next {
		p.next, p.metadata, p.dirty = offset, metadata, true
	}
	return p.sub
}

// reset moves the offset to commit backwards. It does nothing for an offset above the present one.
func (o *offsets) reset(p *position, offset int64, metadata string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if offset <= p.next {
		p.next, p.metadata, p.dirty = offset, metadata, true
	}
}

// change lets f find out who the member is from now on. No commit is under way meanwhile.
func (o *offsets) change(f func() (member string, generation int32, err error)) error {
	o.turn <- struct{}{}
	defer func() { <-o.turn }()
	member, generation, err := f()
	if err == nil {
		o.mu.Lock()
		o.member, o.generation = member, generation
		o.mu.Unlock()
	}
	return err
}

// commit sends what is to be committed, of some partitions or of all if only is nil, and waits for the answer. It reports
// whether nothing is left of that.
func (o *offsets) commit(only []kafka.TopicPartition) (clean bool) {
	o.turn <- struct{}{}
	defer func() { <-o.turn }()
	return o.commitNow(only)
}

// commitNow is commit for who has the turn.
func (o *offsets) commitNow(only []kafka.TopicPartition) (clean bool) {
	o.mu.Lock()
	var dirty []*position
	var commits []group.OffsetCommit
	for _, p := range o.positions {
		if p.dirty && p.next >= 0 && (only == nil || slices.Contains(only, p.tp)) {
			dirty = append(dirty, p)
		}
	}
	slices.SortFunc(dirty, func(a, b *position) int { return a.tp.Compare(b.tp) })
	for _, p := range dirty {
		c := group.OffsetCommit{TP: p.tp, Offset: kafka.Offset(p.next), LeaderEpoch: -1, Metadata: p.metadata}
		if !o.config.Version.IsAtLeast(sarama.V2_1_0_0) { // KIP-211 ended that clients say how long
			c.RetainFor = millis(o.config.Consumer.Offsets.Retention)
		} else {
			c.LeaderEpoch = p.epoch
		}
		commits = append(commits, c)
	}
	who := group.Commit{MemberID: o.member, InstanceID: o.instance, Generation: o.generation, Offsets: commits}
	o.mu.Unlock()
	if len(dirty) == 0 {
		return true
	}
	results, err := o.send(who)
	if err != nil {
		for _, p := range dirty {
			o.failed(p, err)
		}
		return errors.Is(err, sarama.ErrClosedClient)
	}
	clean = true
	for i, p := range dirty {
		clean = o.result(p, &commits[i], results[p.tp]) && clean
	}
	return clean
}

// send commits, apart from partitions that do not exist.
func (o *offsets) send(c group.Commit) (map[kafka.TopicPartition]kafka.ErrorCode, error) {
	op := seam.Op{Name: "offset-commit", Groups: []string{o.group}}
	results := map[kafka.TopicPartition]kafka.ErrorCode{}
	for _, of := range c.Offsets {
		op.Partitions = append(op.Partitions, of.TP)
		results[of.TP] = kafka.UnknownTopicOrPartition
	}
	v, err := o.seam.AskOf(context.Background(), "commit", o.about(c.Offsets), op, func(core *cluster.Cluster, now kafka.Millis, call *seam.Call) {
		known := c
		known.Tag = call
		known.Offsets = slices.DeleteFunc(slices.Clone(c.Offsets), func(of group.OffsetCommit) bool {
			return core.Partition(of.TP.Topic, of.TP.Partition) == nil
		})
		if len(known.Offsets) == 0 {
			call.Resolve(group.CommitResponse{}, nil)
			return
		}
		core.GroupStep(now, o.group, known)
	})
	if err != nil {
		return nil, saramaError(err)
	}
	for _, r := range v.(group.CommitResponse).Partitions {
		results[r.TP] = r.Err
	}
	return results, nil
}

// about describes a commit for traces, which only driven clusters keep.
func (o *offsets) about(commits []group.OffsetCommit) string {
	if !o.seam.Engine().Driven() {
		return o.group
	}
	var b strings.Builder
	b.WriteString(o.group)
	for _, c := range commits {
		b.WriteString(" " + c.TP.String() + "=" + strconv.FormatInt(int64(c.Offset), 10))
	}
	return b.String()
}

// result looks at what became of one offset, and reports whether it is committed.
func (o *offsets) result(p *position, c *group.OffsetCommit, code kafka.ErrorCode) bool {
	if code == kafka.None {
		o.mu.Lock()
		defer o.mu.Unlock()
		if p.next == int64(c.Offset) && p.metadata == c.Metadata {
			p.dirty = false
		}
		return true
	}
	if slices.Contains(silent, code) {
		return false
	}
	o.failed(p, sarama.KError(code))
	if code == kafka.FencedInstanceID && o.fenced != nil {
		o.fenced(sarama.ErrFencedInstancedId)
	}
	return false
}

// silent are the errors of a commit that are left to the next one without a word.
var silent = []kafka.ErrorCode{
	kafka.NotLeaderOrFollower, kafka.LeaderNotAvailable, kafka.CoordinatorNotAvailable, kafka.NotCoordinator, kafka.CoordinatorLoadInProgress,
}

// finish commits for the last time, some partitions or all if only is nil, and looks after them no longer. Where
// Consumer.Offsets.AutoCommit is off, what was marked and not committed is lost. It keeps the turn until it is done: a commit
// that waits for it finds nothing left of what ended here.
func (o *offsets) finish(only []kafka.TopicPartition) {
	o.turn <- struct{}{}
	defer func() { <-o.turn }()
	if o.config.Consumer.Offsets.AutoCommit.Enable {
		for retries := o.config.Consumer.Offsets.Retry.Max; !o.commitNow(only) && retries > 0; retries-- { //nolint:revive // commits
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for tp := range o.positions {
		if only == nil || slices.Contains(only, tp) {
			delete(o.positions, tp)
		}
	}
}
