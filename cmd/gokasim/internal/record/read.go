package record

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/dump"
	"github.com/gokasim/gokasim/internal/kafka"
)

// A partition whose records wait for those of others is read no further from highQueue bytes on, and again when a quarter is left; less where there
// are many partitions.
const highQueue = 8 << 20

// quiet is how long nothing may come before the ends of partitions are looked at: their last offsets may hold no record any more.
const quiet = time.Second

// stuck is how long a recording with an end waits for records that the cluster does not give: longer than an election or a broker's restart takes.
const stuck = time.Minute

// allQueues bounds what waits in all partitions together.
const allQueues = 512 << 20

// part is a partition that is read.
type part struct {
	Part
	next   int64 // the first offset that was not looked at
	time   int64 // the greatest time of a record so far, in ms
	queue  []*kgo.Record
	bytes  int
	paused bool
	count  int64
}

func (p *part) done() bool { return p.To != endless && p.next >= p.To && len(p.queue) == 0 }

// ended reports whether nothing more is read.
func (p *part) ended() bool { return p.To != endless && p.next >= p.To }

// known is the offset up to which records are known to be there, or to have been: those of other partitions wait for them.
func (p *part) known() int64 {
	if p.To == endless {
		return p.Now
	}
	return p.To
}

// reader merges partitions by time: a record comes after all that are older, except that the order in a partition is kept.
type reader struct {
	client *kgo.Client
	parts  []*part
	index  map[string]map[int32]*part
	follow bool
	write  func(*dump.Record, *part) error
	wanted func(*dump.Record) bool // nil wants all
	show   func()
	say    func(format string, args ...any)
	rec    dump.Record

	highQueue, lowQueue int                     // in bytes, of a partition
	patience            time.Duration           // stuck
	heard               time.Time               // when something came last, or was found to be at its end
	topics              map[string]kadm.TopicID // by name, as they were at first
	probed              time.Time               // when the ends were looked at last
	lonely              bool                    // no broker answers, and the user knows
}

func newReader(client *kgo.Client, parts []*part, follow bool) *reader {
	r := &reader{client: client, parts: parts, index: map[string]map[int32]*part{}, follow: follow, say: func(string, ...any) {}, patience: stuck, heard: time.Now(), topics: map[string]kadm.TopicID{}}
	r.highQueue = max(min(highQueue, allQueues/max(len(parts), 1)), 64<<10)
	r.lowQueue = r.highQueue / 4
	assign := map[string]map[int32]kgo.Offset{}
	for _, p := range parts {
		if r.index[p.Topic] == nil {
			r.index[p.Topic] = map[int32]*part{}
			assign[p.Topic] = map[int32]kgo.Offset{}
		}
		r.index[p.Topic][p.Partition] = p
		if !p.ended() {
			assign[p.Topic][p.Partition] = kgo.NewOffset().At(p.next)
		}
	}
	client.AddConsumePartitions(assign)
	return r
}

// run reads until every partition is at its end, or ctx is.
func (r *reader) run(ctx context.Context) error {
	for {
		if err := r.emit(false); err != nil {
			return err
		}
		r.show()
		if r.allDone() {
			return nil
		}
		if err := r.poll(ctx); err != nil {
			return err
		}
	}
}

func (r *reader) allDone() bool {
	for _, p := range r.parts {
		if !p.done() {
			return false
		}
	}
	return true
}

// emit writes queued records for as long as it is known which one is next, or all of them.
func (r *reader) emit(all bool) error {
	for {
		var first *part
		for _, p := range r.parts {
			if len(p.queue) == 0 {
				if p.next < p.known() && !all {
					return nil // an older record may still come
				}
				continue
			}
			if first == nil || p.headTime() < first.headTime() {
				first = p
			}
		}
		if first == nil {
			return nil
		}
		if err := r.take(first); err != nil {
			return err
		}
	}
}

// headTime is the time by which the next record is placed.
func (p *part) headTime() int64 { return max(p.time, p.queue[0].Timestamp.UnixMilli()) }

func (r *reader) take(p *part) error {
	from := p.queue[0]
	p.queue = p.queue[1:]
	p.bytes -= size(from)
	p.time = max(p.time, from.Timestamp.UnixMilli())
	if p.paused && p.bytes <= r.lowQueue {
		p.paused = false
		r.client.ResumeFetchPartitions(map[string][]int32{p.Topic: {p.Partition}})
	}
	r.rec = dump.Record{
		Topic: p.Topic, Partition: p.Partition, Offset: kafka.Offset(from.Offset), TimestampType: timestampType(from.Attrs.TimestampType()),
		Timestamp: kafka.Millis(from.Timestamp.UnixMilli()), Broker: p.Broker, Key: from.Key, Value: from.Value, Headers: r.rec.Headers[:0],
	}
	for _, h := range from.Headers {
		r.rec.Headers = append(r.rec.Headers, kafka.Header{Key: h.Key, Value: h.Value})
	}
	if r.wanted != nil && !r.wanted(&r.rec) {
		return nil
	}
	p.count++
	return r.write(&r.rec, p)
}

func timestampType(t int8) dump.TimestampType {
	switch t {
	case 0:
		return dump.TimestampCreate
	case 1:
		return dump.TimestampLogAppend
	}
	return dump.TimestampUnknown
}

func size(rec *kgo.Record) int {
	n := 128 + len(rec.Key) + len(rec.Value)
	for _, h := range rec.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return n
}

// poll takes what has come, and looks at the ends of partitions when nothing comes.
func (r *reader) poll(ctx context.Context) error {
	wait, cancel := context.WithTimeout(ctx, quiet)
	fetched := r.client.PollRecords(wait, 20_000)
	cancel()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var failed error
	fetched.EachError(func(topic string, partition int32, err error) {
		if failed != nil || errors.Is(err, context.DeadlineExceeded) || kerr.IsRetriable(err) {
			return
		}
		if lost := (*kgo.ErrDataLoss)(nil); errors.As(err, &lost) {
			failed = fmt.Errorf("topic %s partition %d: offset %d is gone from the cluster while it is recorded, by retention or by hand; "+
				"the recording would have a hole", topic, partition, lost.ConsumedTo)
			return
		}
		failed = fmt.Errorf("reading topic %s partition %d: %w", topic, partition, err)
	})
	if failed != nil {
		return failed
	}
	n := 0
	fetched.EachRecord(func(rec *kgo.Record) {
		n++
		r.accept(rec)
	})
	if n > 0 {
		r.heard, r.lonely = time.Now(), false
	}
	if n > 0 && (!r.waiting() || time.Since(r.probed) < quiet) {
		return nil
	}
	r.probed = time.Now()
	return r.probe(ctx)
}

// waiting reports whether what comes in waits for a partition that is followed.
func (r *reader) waiting() bool {
	return r.follow && slices.ContainsFunc(r.parts, func(p *part) bool { return p.next < p.known() && len(p.queue) == 0 })
}

func (r *reader) accept(rec *kgo.Record) {
	p := r.index[rec.Topic][rec.Partition]
	if p.ended() || rec.Offset < p.next {
		return
	}
	if p.To != endless && rec.Offset >= p.To {
		r.leave(p)
		return
	}
	p.next = rec.Offset + 1
	if p.ended() {
		r.leave(p)
	}
	if rec.Attrs.IsControl() {
		return
	}
	p.queue = append(p.queue, rec)
	p.bytes += size(rec)
	if p.bytes >= r.highQueue && !p.paused {
		p.paused = true
		r.client.PauseFetchPartitions(map[string][]int32{p.Topic: {p.Partition}})
	}
}

// leave reads no more of p, or, where it is followed, has nobody wait for it any more.
func (r *reader) leave(p *part) {
	if p.To == endless {
		p.Now = p.next
		return
	}
	p.next = p.To
	r.client.RemoveConsumePartitions(map[string][]int32{p.Topic: {p.Partition}})
}

// probe finds partitions of which nothing is left to come although their last offset was not seen, since it holds no record any
// more: what is there was compacted away, or was aborted. It finds topics that are gone, too, of which nothing comes ever again.
func (r *reader) probe(ctx context.Context) error {
	var names []string
	for _, p := range r.parts {
		if !p.ended() && !slices.Contains(names, p.Topic) {
			names = append(names, p.Topic)
		}
	}
	if len(names) == 0 {
		return nil
	}
	found, err := kadm.NewClient(r.client).ListTopicsWithInternal(ctx, names...)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && r.follow:
		if !r.lonely {
			r.lonely = true
			r.say("no broker answers; waiting for one (%v)", err)
		}
		return nil
	case err != nil:
		return fmt.Errorf("looking at the ends of %s: %w", strings.Join(names, ", "), err)
	}
	if r.lonely {
		r.lonely = false
		r.say("a broker answers again")
	}
	if err := r.gone(found, names); err != nil {
		return err
	}
	for _, p := range r.parts {
		if p.next >= p.known() || p.paused || len(p.queue) > 0 {
			continue
		}
		empty, err := r.nothingFrom(ctx, p, found[p.Topic])
		if err != nil {
			return fmt.Errorf("looking at the end of topic %s partition %d: %w", p.Topic, p.Partition, err)
		}
		if empty {
			r.heard = time.Now()
			r.leave(p)
			continue
		}
		if still := time.Since(r.heard); still >= r.patience {
			if p.To == endless {
				p.Now = p.next // it may come at any time, and the others wait no longer
				continue
			}
			return r.stalled(p, found[p.Topic].Partitions[p.Partition], still)
		}
	}
	return nil
}

// gone reports a topic that was deleted, or deleted and created anew.
func (r *reader) gone(found kadm.TopicDetails, names []string) error {
	for _, name := range names {
		t := found[name]
		first, known := r.topics[name]
		switch {
		case errors.Is(t.Err, kerr.UnknownTopicOrPartition), t.Err == nil && known && first != t.ID:
			return fmt.Errorf("topic %s was deleted while it was recorded; what was read of it until then stays", name)
		case t.Err == nil && !known:
			r.topics[name] = t.ID
		}
	}
	return nil
}

func (r *reader) stalled(p *part, detail kadm.PartitionDetail, still time.Duration) error {
	why := fmt.Sprintf("its leader, broker %d, gives none", detail.Leader)
	if detail.Leader < 0 {
		why = "it has no leader"
	}
	return fmt.Errorf("topic %s partition %d: no records have come for %v, at offset %d of %d: %s; see to the cluster, and run the same command again",
		p.Topic, p.Partition, still.Round(time.Second), p.next, p.To, why)
}

// nothingFrom reports whether the leader has no batch of p from p.next up to where it is known to end.
func (r *reader) nothingFrom(ctx context.Context, p *part, topic kadm.TopicDetail) (bool, error) {
	detail, ok := topic.Partitions[p.Partition]
	if !ok || detail.Leader < 0 {
		return false, nil // it is elected; a later look will tell
	}
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.IsolationLevel = 0, 0, 1<<20, 0
	req.SessionEpoch = -1
	rt := kmsg.NewFetchRequestTopic()
	rt.Topic, rt.TopicID = p.Topic, topic.ID
	rp := kmsg.NewFetchRequestTopicPartition()
	rp.Partition, rp.FetchOffset, rp.PartitionMaxBytes = p.Partition, p.next, 1<<20
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	answer, err := r.client.Broker(int(detail.Leader)).Request(ctx, req)
	if err != nil {
		return false, err
	}
	fetched := answer.(*kmsg.FetchResponse)
	if len(fetched.Topics) != 1 || len(fetched.Topics[0].Partitions) != 1 {
		return false, fmt.Errorf("broker %d answered for %d topics, and was asked for one", detail.Leader, len(fetched.Topics))
	}
	a := fetched.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(a.ErrorCode); err != nil {
		if kerr.IsRetriable(err) {
			return false, nil
		}
		return false, err
	}
	return a.HighWatermark >= p.known() && !holdsBatch(a.RecordBatches, p.next, p.known()), nil
}

// holdsBatch reports whether one of the batches, the last of which may be cut off, has offsets from from up to to.
func holdsBatch(b []byte, from, to int64) bool {
	for len(b) >= 61 {
		base := int64(binary.BigEndian.Uint64(b))
		length := int(int32(binary.BigEndian.Uint32(b[8:])))
		last := base + int64(int32(binary.BigEndian.Uint32(b[23:])))
		if base < to && last >= from {
			return true
		}
		if length < 0 || len(b) < 12+length {
			return false
		}
		b = b[12+length:]
	}
	return false
}
