package goka

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/storage"
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

// quiet is a consumer that nobody can look behind: it delivers its records, and then nothing more.
type quiet struct {
	sarama.PartitionConsumer
	messages chan *sarama.ConsumerMessage
	errors   chan *sarama.ConsumerError
	hwm      int64
}

// quietConsumer hands out one quiet consumer.
type quietConsumer struct {
	sarama.Consumer
	q *quiet
}

func (c quietConsumer) ConsumePartition(string, int32, int64) (sarama.PartitionConsumer, error) {
	return c.q, nil
}

func (q *quiet) Messages() <-chan *sarama.ConsumerMessage { return q.messages }
func (q *quiet) Errors() <-chan *sarama.ConsumerError     { return q.errors }
func (q *quiet) HighWaterMarkOffset() int64               { return q.hwm }
func (q *quiet) AsyncClose()                              { close(q.messages); close(q.errors) }

// fiveOffsets is a cluster whose partitions have the offsets 0 to 4.
type fiveOffsets struct{ TopicManager }

func (fiveOffsets) GetOffset(_ string, _ int32, at int64) (int64, error) {
	if at == sarama.OffsetOldest {
		return 0, nil
	}
	return 5, nil
}

func TestD9_AConsumerThatNobodyCanLookBehind(t *testing.T) {
	for hwm, want := range map[int64]error{5: nil, 3: context.DeadlineExceeded} { // the end was seen, or was not
		synctest.Test(t, func(t *testing.T) {
			q := &quiet{messages: make(chan *sarama.ConsumerMessage, 9), errors: make(chan *sarama.ConsumerError), hwm: hwm}
			for i := range int64(3) {
				q.messages <- &sarama.ConsumerMessage{Topic: "t", Offset: i, Key: []byte{byte(i)}, Value: []byte("v")}
			}
			table := newPartitionTable(tableConfig{
				topic: "t", consumers: quietConsumer{q: q}, topics: fiveOffsets{}, build: storage.MemoryBuilder(), log: logger.Discard(), start: sarama.OffsetOldest,
				backoff: NewSimpleBackoff(time.Second, time.Minute),
			})
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
			defer cancel()
			if err := table.SetupAndRecover(ctx, false); !errors.Is(err, want) {
				t.Errorf("with a high watermark of %d: %v", hwm, err)
			}
			if err := table.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
