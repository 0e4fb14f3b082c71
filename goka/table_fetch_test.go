package goka

import (
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
)

func TestWhatAFetchGives(t *testing.T) {
	began := time.UnixMilli(1_000)
	batch := func(first int64, last int32, change func(*sarama.RecordBatch), deltas ...int64) *sarama.Records {
		b := &sarama.RecordBatch{FirstOffset: first, LastOffsetDelta: last, ProducerID: 7, FirstTimestamp: began, MaxTimestamp: began.Add(time.Hour)}
		for _, d := range deltas {
			b.Records = append(b.Records, &sarama.Record{Key: []byte{byte(first + d)}, OffsetDelta: d, TimestampDelta: time.Duration(d) * time.Second})
		}
		if change != nil {
			change(b)
		}
		return &sarama.Records{RecordBatch: b}
	}
	control := func(b *sarama.RecordBatch) { b.Control = true }
	transactional := func(b *sarama.RecordBatch) { b.IsTransactional = true }
	cut := func(b *sarama.RecordBatch) { b.PartialTrailingRecord = true }
	twice := []*sarama.AbortedTransaction{{ProducerID: 7, FirstOffset: 13}, {ProducerID: 7, FirstOffset: 10}}
	for _, c := range []struct {
		name    string
		aborted []*sarama.AbortedTransaction
		records []*sarama.Records
		offsets []int64
		next    int64
	}{
		{"nothing", nil, nil, nil, 10},
		{"records", nil, []*sarama.Records{batch(10, 1, nil, 0, 1), batch(12, 0, nil, 0)}, []int64{10, 11, 12}, 13},
		{"the second half of a batch", nil, []*sarama.Records{batch(8, 4, nil, 0, 3)}, []int64{11}, 13},
		{"a batch that compaction has emptied", nil, []*sarama.Records{batch(10, 9, nil)}, nil, 20},
		{"a marker", nil, []*sarama.Records{batch(10, 0, nil, 0), batch(11, 0, control, 0)}, []int64{10}, 12},
		{
			"two aborted transactions of a producer, and one that was not", twice,
			[]*sarama.Records{
				batch(10, 1, transactional, 0, 1), batch(12, 0, control, 0), batch(13, 0, transactional, 0), batch(14, 0, control, 0),
				batch(15, 0, transactional, 0), batch(16, 0, control, 0),
			},
			[]int64{15},
			17,
		},
		{"a batch that was cut off", nil, []*sarama.Records{batch(10, 9, cut, 0, 1)}, []int64{10, 11}, 12},
	} {
		t.Run(c.name, func(t *testing.T) {
			block := &sarama.FetchResponseBlock{AbortedTransactions: c.aborted, RecordsSet: c.records}
			messages, next, err := visible(block, "t", 3, 10, sarama.ReadCommitted)
			if err != nil {
				t.Fatal(err)
			}
			var offsets []int64
			for _, m := range messages {
				offsets = append(offsets, m.Offset)
				if m.Topic != "t" || m.Partition != 3 || m.Key[0] != byte(m.Offset) {
					t.Errorf("got %+v", m)
				}
			}
			if diff := cmp.Diff(c.offsets, offsets); diff != "" || next != c.next {
				t.Errorf("next %d, want %d; offsets (-want +got):\n%s", next, c.next, diff)
			}
		})
	}
	for whose, want := range map[bool]time.Time{false: began.Add(2 * time.Second), true: began.Add(time.Hour)} {
		records := batch(10, 2, func(b *sarama.RecordBatch) { b.LogAppendTime = whose }, 2)
		messages, _, err := visible(&sarama.FetchResponseBlock{RecordsSet: []*sarama.Records{records}}, "t", 0, 10, sarama.ReadUncommitted)
		if err != nil || !messages[0].Timestamp.Equal(want) {
			t.Errorf("with log append time %t: %v, %v", whose, messages[0].Timestamp, err)
		}
	}
	old := []*sarama.Records{{MsgSet: &sarama.MessageSet{}}}
	if _, next, err := visible(&sarama.FetchResponseBlock{RecordsSet: old}, "t", 0, 10, sarama.ReadUncommitted); err == nil || next != 10 {
		t.Errorf("messages of old: %d, %v", next, err)
	}
}

// A batch that compaction has emptied is not among what sarama makes of an answer. The rows behind it have to be read all the same.
func TestAnEmptiedBatchDoesNotEndARecovery(t *testing.T) {
	broker := sarama.NewMockBroker(t, 1)
	defer broker.Close()
	emptied := &sarama.RecordBatch{Version: 2, LastOffsetDelta: 9, ProducerID: 7}
	broker.SetHandlerByMap(map[string]sarama.MockResponse{
		"MetadataRequest": sarama.NewMockMetadataResponse(t).SetBroker(broker.Addr(), broker.BrokerID()).SetLeader("t", 0, broker.BrokerID()),
		"FetchRequest": sarama.NewMockSequence(&sarama.FetchResponse{Version: 11, Blocks: map[string]map[int32]*sarama.FetchResponseBlock{"t": {0: {
			HighWaterMarkOffset: 12, LastStableOffset: 12, RecordsSet: []*sarama.Records{{RecordBatch: emptied}},
		}}}}),
	})
	config := DefaultConfig()
	config.Version, config.ApiVersionsRequest = sarama.V2_8_0_0, false
	c := &tableConsumer{
		connect: func() (sarama.Client, error) { return sarama.NewClient([]string{broker.Addr()}, config) },
		slots:   make(chan struct{}, 1), lines: linesOf(config),
	}
	position, err := c.readRange(t.Context(), "t", 0, 0, 12, func([]*sarama.ConsumerMessage, int64) error { return nil })
	if err != nil || position >= 12 {
		t.Errorf("the recovery is over at offset %d, %v; nothing was read", position, err)
	}
	client, err := c.own(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
}
