package goka_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/storage"
)

func TestStoppingWhileTheGroupIsJoinedIsBounded(t *testing.T) {
	onWire(t, func(p *place) {
		p.topic("in", 1)
		r := p.run("a", stateless("g"), goka.WithShutdownTimeout(100*time.Millisecond))
		p.until("the group is being joined", func() bool {
			groups, err := p.admin.DescribeConsumerGroups([]string{"g"})
			return err == nil && len(groups) == 1 && groups[0].State == "PreparingRebalance"
		})
		began := time.Now()
		p.check(r.stop())
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("it took %s", took)
		}
		if !p.log.has("leaves without a word") {
			t.Errorf("the log does not tell: %q", p.log.lines)
		}
	}, memkafka.WithInitialRebalanceDelay(10*time.Minute))
}

// foreignTopics hides all that goka's own topic managers know beyond the interface.
type foreignTopics struct{ goka.TopicManager }

func (p *place) foreign(brokers []string) (goka.TopicManager, error) {
	m, err := goka.TopicManagerBuilderWithConfig(p.config(), goka.NewTopicManagerConfig())(brokers)
	return foreignTopics{m}, err
}

func TestD9_AForeignTopicManagerAndAMarkerAtTheEnd(t *testing.T) {
	onWire(t, func(p *place) {
		p.topic("in", 1)
		p.table("g-table", 1)
		c := p.config()
		c.Producer.Transaction.ID = "writer"
		c.Producer.Partitioner = sarama.NewManualPartitioner
		producer, err := sarama.NewSyncProducer(p.brokers, c)
		p.check(err)
		p.check(producer.BeginTxn())
		_, _, err = producer.SendMessage(&sarama.ProducerMessage{Topic: "g-table", Key: sarama.StringEncoder("k"), Value: sarama.StringEncoder("v")})
		p.check(err)
		p.check(producer.CommitTxn()) // its marker is the last offset
		p.check(producer.Close())

		r := p.run("a", holder("g"), goka.WithTopicManagerBuilder(p.foreign)).ready()
		if v, err := r.Get("k"); v != "v" || err != nil {
			t.Errorf("Get returned %v, %v", v, err)
		}
		v := p.view("g-table", new(codec.String), goka.WithViewTopicManagerBuilder(p.foreign))
		select {
		case <-v.WaitRunning():
		case <-time.After(10 * time.Second):
			t.Error("the view waits for a record that is not there")
		}
	})
}

// sarama's consumer hands over a few hundred records at a time, and takes a partition off its list for a while whose reader is
// slower than Consumer.MaxProcessingTime.
func TestASlowStorageDoesNotHoldUpFetching(t *testing.T) {
	onWire(t, func(p *place) {
		const rows = 3000
		p.table("t", 1)
		c := p.config()
		c.Consumer.MaxProcessingTime = time.Millisecond
		for i := range rows {
			_, err := p.cluster.Produce("t", 0, memkafka.Record{Key: fmt.Append(nil, i), Value: []byte("v"), Timestamp: memkafka.NoTimestamp})
			p.check(err)
		}
		st := &tardyStorage{Storage: storage.NewMemory()}
		v := p.view("t", new(codec.String), goka.WithViewConfig(c), goka.WithViewStorageBuilder(func(string, int32) (storage.Storage, error) { return st, nil }))
		select {
		case <-v.WaitRunning():
		case <-time.After(time.Minute):
			t.Fatal("the view has not recovered for a minute")
		}
		if n := st.writes.Load(); n > rows/257/2 { // of ChannelBufferSize, and one at hand
			t.Errorf("%d rows came in %d pieces", rows, n)
		}
		if has, err := v.Has(fmt.Sprint(rows - 1)); !has || err != nil {
			t.Errorf("the last row is there: %v, %v", has, err)
		}
		_, err := p.cluster.Produce("t", 0, memkafka.Record{Key: []byte("later"), Value: []byte("v"), Timestamp: memkafka.NoTimestamp})
		p.check(err)
		p.until("the view follows", func() bool { has, _ := v.Has("later"); return has })
	})
}

// tardyStorage takes its time for each write.
type tardyStorage struct {
	storage.Storage
	writes atomic.Int64
}

func (s *tardyStorage) WriteBatch(rows []storage.Row, offset int64) error {
	s.writes.Add(1)
	time.Sleep(20 * time.Millisecond)
	return s.Storage.(storage.BatchWriter).WriteBatch(rows, offset)
}
