package goka

import (
	"fmt"
	"maps"
	"slices"

	"github.com/IBM/sarama"
)

// WithTableStartOffset sets where a joined or a lookup table begins to be read whose storage is new: sarama.OffsetOldest by
// default, sarama.OffsetNewest for what is written from now on only, or an offset, which is taken for each partition.
// Callbacks do not find rows that were written before. It may be given for several tables, not for the group's own: that
// one is what the group has written.
func WithTableStartOffset(table Table, offset int64) ProcessorOption {
	return func(o *poptions, _ *GroupGraph) {
		if o.tableStarts == nil {
			o.tableStarts = make(map[string]int64)
		}
		o.tableStarts[string(table)] = offset
	}
}

// checkTableStarts reports start offsets of tables that the group does not read, and those that are none.
func (o *poptions) checkTableStarts(gg *GroupGraph) error {
	if len(o.tableStarts) == 0 {
		return nil
	}
	known := make(map[string]bool)
	for _, e := range append(gg.JointTables(), gg.LookupTables()...) {
		known[e.Topic()] = true
	}
	for _, topic := range slices.Sorted(maps.Keys(o.tableStarts)) {
		switch offset := o.tableStarts[topic]; {
		case topic == gg.tableTopic:
			return fmt.Errorf("start offset of table %s: it is the group's own, which is read from its beginning, since it is what the group has written; "+
				"leave the option out", topic)
		case !known[topic]:
			return fmt.Errorf("start offset of table %s: %w", topic, ErrNotSubscribed)
		case offset < sarama.OffsetOldest:
			return fmt.Errorf("start offset %d of table %s is neither an offset nor sarama.OffsetOldest or OffsetNewest", offset, topic)
		}
	}
	return nil
}

// tableStart is where a table begins to be read.
func (o *poptions) tableStart(topic string) int64 {
	if offset, ok := o.tableStarts[topic]; ok {
		return offset
	}
	return sarama.OffsetOldest
}
