package kafkamock

import (
	"context"
	"fmt"
	"hash"
	"strconv"
	"testing"

	"github.com/IBM/sarama"
	"github.com/golang/mock/gomock"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/storage"
)

// text is a codec of strings.
type text struct{}

func (text) Encode(value interface{}) ([]byte, error) { return []byte(value.(string)), nil }
func (text) Decode(data []byte) (interface{}, error)  { return string(data), nil }

// A processor with each of its connections mocked: messages come from the group, the table is recovered from the
// consumer, emits go through the producer into the group's cluster, so that its loop comes back.
func TestAProcessorOnMocksAlone(t *testing.T) {
	var (
		ctrl     = NewMockController(t)
		group    = NewMockConsumerGroup(t)
		consumer = NewMockAutoConsumer(t, nil)
		producer = NewMockProducer(ctrl)
		topics   = NewMockTopicManager(ctrl)
		st       = NewMockStorage(ctrl)
		memory   = storage.NewMemory()
	)
	producer.ProduceInto(group.Cluster())
	topics.EXPECT().Partitions(gomock.Any()).Return([]int32{0}, nil).AnyTimes()
	topics.EXPECT().EnsureStreamExists("count-loop", 1).Return(nil).AnyTimes()
	topics.EXPECT().EnsureTableExists("count-table", 1).Return(nil).AnyTimes()
	topics.EXPECT().GetOffset("count-table", int32(0), sarama.OffsetOldest).Return(int64(0), nil).AnyTimes()
	topics.EXPECT().GetOffset("count-table", int32(0), sarama.OffsetNewest).Return(int64(2), nil).AnyTimes()
	topics.EXPECT().Close().Return(nil).AnyTimes()
	st.EXPECT().Open().DoAndReturn(memory.Open)
	st.EXPECT().GetOffset(gomock.Any()).DoAndReturn(memory.GetOffset).AnyTimes()
	st.EXPECT().SetOffset(gomock.Any()).DoAndReturn(memory.SetOffset).AnyTimes()
	st.EXPECT().Get(gomock.Any()).DoAndReturn(memory.Get).AnyTimes()
	st.EXPECT().Set(gomock.Any(), gomock.Any()).DoAndReturn(memory.Set).AnyTimes()
	st.EXPECT().MarkRecovered().Return(nil).MinTimes(1)
	st.EXPECT().Close().DoAndReturn(memory.Close).MinTimes(1)

	table := consumer.ExpectConsumePartition("count-table", 0, 0)
	table.ExpectMessagesDrainedOnClose()
	for _, total := range []string{"40", "41"} {
		table.YieldMessage(&sarama.ConsumerMessage{Key: []byte("k"), Value: []byte(total)})
	}

	graph := goka.DefineGroup("count",
		goka.Input("orders", text{}, func(ctx goka.Context, _ interface{}) { ctx.Loopback(ctx.Key(), "1") }),
		goka.Loop(text{}, func(ctx goka.Context, _ interface{}) {
			total, err := strconv.Atoi(ctx.Value().(string))
			if err != nil {
				ctx.Fail(err)
			}
			ctx.SetValue(strconv.Itoa(total + 1))
		}),
		goka.Persist(text{}),
	)
	proc, err := goka.NewProcessor(nil, graph,
		goka.WithConsumerGroupBuilder(func([]string, string, string) (sarama.ConsumerGroup, error) { return group, nil }),
		goka.WithConsumerSaramaBuilder(func([]string, string) (sarama.Consumer, error) { return consumer, nil }),
		goka.WithProducerBuilder(func([]string, string, func() hash.Hash32) (goka.Producer, error) { return producer, nil }),
		goka.WithTopicManagerBuilder(func([]string) (goka.TopicManager, error) { return topics, nil }),
		goka.WithStorageBuilder(func(string, int32) (storage.Storage, error) { return st, nil }),
	)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- proc.Run(ctx) }()

	group.SendMessageWait(&sarama.ConsumerMessage{Topic: "orders", Key: []byte("k"), Value: []byte("x")})
	group.SendMessageWait(&sarama.ConsumerMessage{Topic: "count-loop", Key: []byte("k"), Value: []byte("1")})
	if total, err := proc.Get("k"); err != nil || total != "43" {
		t.Errorf("the table has %v, %v; want 43: two that were recovered, one looped, one sent", total, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
	if _, high, err := group.Cluster().Offsets("count-table", 0); err != nil || high != 2 {
		t.Errorf("the table's topic got %d records, %v; want 2", high, err)
	}
}

func TestNewIsTheTester(t *testing.T) {
	tt := New(t)
	var got []string
	proc, err := goka.NewProcessor(nil, goka.DefineGroup("shout",
		goka.Input("words", text{}, func(ctx goka.Context, msg interface{}) {
			ctx.SetValue(msg)
			got = append(got, fmt.Sprint(ctx.Key(), msg))
		}),
		goka.Persist(text{}),
	), goka.WithTester(tt))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- proc.Run(ctx) }()
	tt.Consume("words", "k", "v")
	if v := tt.TableValue("shout-table", "k"); v != "v" || len(got) != 1 {
		t.Errorf("the table has %v after %v; want v", v, got)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
}
