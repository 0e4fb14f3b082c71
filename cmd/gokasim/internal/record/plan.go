package record

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// endless is the end of a partition that is followed.
const endless = -1

// Part is what is recorded of one partition.
type Part struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	From      int64  `json:"from"`   // the first offset
	To        int64  `json:"to"`     // the offset after the last one, endless for none
	Broker    int32  `json:"broker"` // the leader, as kcat writes it into each record

	// Now is where the partition ended when this run began. What is before it is merged by time even where there is no end.
	Now int64 `json:"-"`
}

// plan is what a recording reads, decided at its beginning, so that it can go on after it was interrupted.
type plan struct {
	Version     int      `json:"version"`
	Raw         bool     `json:"raw"`
	Uncommitted bool     `json:"uncommitted"`
	Filter      string   `json:"filter,omitempty"`
	Asked       []string `json:"asked"` // the offsets and times as they were given; what they stood for is in Parts
	Parts       []Part   `json:"parts"`
}

const planVersion = 2

// same reports whether a recording that was begun by old is what p asks for: the same partitions and bounds, written the same way. At which offsets
// it begins and ends was decided then.
func (p plan) same(old plan) bool {
	return p.Version == old.Version && p.Raw == old.Raw && p.Uncommitted == old.Uncommitted && p.Filter == old.Filter && slices.Equal(p.Asked, old.Asked) && slices.EqualFunc(p.Parts, old.Parts, func(a, b Part) bool {
		return a.Topic == b.Topic && a.Partition == b.Partition && (a.To == endless) == (b.To == endless)
	})
}

func (p plan) text() ([]byte, error) {
	b, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		return nil, fmt.Errorf("writing what is recorded: %w", err)
	}
	return append(b, '\n'), nil
}

// resolve asks the cluster for the partitions of topics and for the offsets that bounds stand for.
func resolve(ctx context.Context, client *kadm.Client, o Options) ([]Part, error) {
	found, err := client.ListTopicsWithInternal(ctx, o.Topics...)
	if err != nil {
		return nil, fmt.Errorf("asking for topics %s: %w", strings.Join(o.Topics, ", "), err)
	}
	var parts []Part
	for _, name := range o.Topics {
		topic, ok := found[name]
		switch {
		case !ok || errors.Is(topic.Err, kerr.UnknownTopicOrPartition):
			return nil, fmt.Errorf("topic %s does not exist on this cluster", name)
		case topic.Err != nil:
			return nil, fmt.Errorf("topic %s: %w", name, topic.Err)
		}
		for _, p := range topic.Partitions.Sorted() {
			if len(o.Partitions) == 0 || slices.Contains(o.Partitions, p.Partition) {
				parts = append(parts, Part{Topic: name, Partition: p.Partition, Broker: p.Leader})
			}
		}
		for _, p := range o.Partitions {
			if _, ok := topic.Partitions[p]; !ok {
				return nil, fmt.Errorf("topic %s has no partition %d; it has %d", name, p, len(topic.Partitions))
			}
		}
	}
	sort.Slice(parts, func(i, j int) bool {
		a, b := parts[i], parts[j]
		return a.Topic < b.Topic || a.Topic == b.Topic && a.Partition < b.Partition
	})
	return parts, bounds(ctx, client, o, parts)
}

// bounds fills in where each part begins and ends.
func bounds(ctx context.Context, client *kadm.Client, o Options, parts []Part) error {
	first, err := client.ListStartOffsets(ctx, o.Topics...)
	if err == nil {
		err = first.Error()
	}
	if err != nil {
		return fmt.Errorf("asking for the first offsets: %w", err)
	}
	ends := client.ListCommittedOffsets
	if o.Uncommitted {
		ends = client.ListEndOffsets
	}
	last, err := ends(ctx, o.Topics...)
	if err == nil {
		err = last.Error()
	}
	if err != nil {
		return fmt.Errorf("asking for the last offsets: %w", err)
	}
	times := map[int64]kadm.ListedOffsets{}
	offset := func(b Bound, p Part) (int64, error) {
		low, high := offsetOf(first, p), offsetOf(last, p)
		switch b.kind {
		case absolute:
			return b.n, nil
		case start:
			return low + b.n, nil
		case end:
			return high - b.n, nil
		case at, unset:
		}
		ms := b.time.UnixMilli()
		listed, ok := times[ms]
		if !ok {
			if listed, err = client.ListOffsetsAfterMilli(ctx, ms, o.Topics...); err == nil {
				err = listed.Error()
			}
			if err != nil {
				return 0, fmt.Errorf("asking for the offsets of %s: %w", b.time.Format("2006-01-02T15:04:05.000Z07:00"), err)
			}
			times[ms] = listed
		}
		return offsetOf(listed, p), nil
	}
	for i := range parts {
		p := &parts[i]
		low, high := offsetOf(first, *p), offsetOf(last, *p)
		p.From, p.To, p.Now = low, high, high
		if o.Range.From.kind != unset {
			if p.From, err = offset(o.Range.From, *p); err != nil {
				return err
			}
		}
		switch {
		case o.Range.To.kind != unset:
			if p.To, err = offset(o.Range.To, *p); err != nil {
				return err
			}
		case o.Follow:
			p.To = endless
		}
		p.From = max(p.From, low)
		if p.To != endless {
			p.From = min(p.From, high)
			p.To = max(min(p.To, high), p.From) // what does not exist yet is not waited for
		}
	}
	return nil
}

func offsetOf(l kadm.ListedOffsets, p Part) int64 {
	o, _ := l.Lookup(p.Topic, p.Partition)
	return o.Offset
}
