package goka

import (
	"testing"

	"github.com/IBM/sarama"
)

func TestD9_WhatAFetchSaysAboutGaps(t *testing.T) {
	batch := func(first int64, last int32, change func(*sarama.RecordBatch), deltas ...int64) *sarama.Records {
		b := &sarama.RecordBatch{FirstOffset: first, LastOffsetDelta: last, ProducerID: 7}
		for _, d := range deltas {
			b.Records = append(b.Records, &sarama.Record{OffsetDelta: d})
		}
		if change != nil {
			change(b)
		}
		return &sarama.Records{RecordBatch: b}
	}
	control := func(b *sarama.RecordBatch) { b.Control = true }
	transactional := func(b *sarama.RecordBatch) { b.IsTransactional = true }
	cut := func(b *sarama.RecordBatch) { b.PartialTrailingRecord = true }
	for _, c := range []struct {
		name    string
		aborted []*sarama.AbortedTransaction
		records []*sarama.Records
		offset  int64
		found   bool
	}{
		{"nothing", nil, nil, 10, false},
		{"a record", nil, []*sarama.Records{batch(10, 0, nil, 0)}, 10, true},
		{"a record that was read before", nil, []*sarama.Records{batch(8, 4, nil, 0, 1)}, 13, false},
		{"the second half of a batch", nil, []*sarama.Records{batch(8, 4, nil, 0, 3)}, 11, true},
		{"a batch that compaction has emptied", nil, []*sarama.Records{batch(10, 9, nil)}, 20, false},
		{"a marker", nil, []*sarama.Records{batch(10, 0, control, 0)}, 11, false},
		{"a committed transaction", nil, []*sarama.Records{batch(10, 1, transactional, 0, 1), batch(12, 0, control, 0)}, 10, true},
		{
			"an aborted transaction",
			[]*sarama.AbortedTransaction{{ProducerID: 7, FirstOffset: 10}},
			[]*sarama.Records{batch(10, 1, transactional, 0, 1), batch(12, 0, control, 0)},
			13, false,
		},
		{
			"and what came after it",
			[]*sarama.AbortedTransaction{{ProducerID: 7, FirstOffset: 10}},
			[]*sarama.Records{batch(10, 1, transactional, 0, 1), batch(12, 0, control, 0), batch(13, 0, transactional, 0)},
			13, true,
		},
		{
			"the transaction of somebody else",
			[]*sarama.AbortedTransaction{{ProducerID: 8, FirstOffset: 10}},
			[]*sarama.Records{batch(10, 1, transactional, 0, 1)},
			10, true,
		},
		{"a batch that was cut off", nil, []*sarama.Records{batch(10, 9, cut)}, 10, false},
		{"messages of old", nil, []*sarama.Records{{MsgSet: &sarama.MessageSet{Messages: []*sarama.MessageBlock{{Offset: 9}, {Offset: 12}}}}}, 12, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			offset, found := firstVisible(&sarama.FetchResponseBlock{AbortedTransactions: c.aborted, RecordsSet: c.records}, 10)
			if offset != c.offset || found != c.found {
				t.Errorf("got %d, %v; want %d, %v", offset, found, c.offset, c.found)
			}
		})
	}
}
