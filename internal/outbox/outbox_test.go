package outbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka"
)

func TestARecordArrivesAsItWas(t *testing.T) {
	for name, change := range map[string]func(*sarama.Config){
		"as it is": func(*sarama.Config) {},
		"snappy":   func(c *sarama.Config) { c.Producer.Compression = sarama.CompressionSnappy },
		"gzip": func(c *sarama.Config) {
			c.Producer.Compression, c.Producer.CompressionLevel = sarama.CompressionGZIP, 9
		},
		"lz4":          func(c *sarama.Config) { c.Producer.Compression = sarama.CompressionLZ4 },
		"zstd":         func(c *sarama.Config) { c.Producer.Compression = sarama.CompressionZSTD },
		"Kafka 0.11":   func(c *sarama.Config) { c.Version = sarama.V0_11_0_0 },
		"Kafka 1.0":    func(c *sarama.Config) { c.Version = sarama.V1_0_0_0 },
		"Kafka 2.0":    func(c *sarama.Config) { c.Version = sarama.V2_0_0_0 },
		"Kafka 2.1":    func(c *sarama.Config) { c.Version = sarama.V2_1_0_0 },
		"Kafka 2.4":    func(c *sarama.Config) { c.Version = sarama.V2_4_0_0 },
		"Kafka 3.7":    func(c *sarama.Config) { c.Version = sarama.V3_7_0_0 },
		"Kafka 4.0":    func(c *sarama.Config) { c.Version = sarama.V4_0_0_0 },
		"acks=1":       func(c *sarama.Config) { c.Producer.Idempotent = false; c.Producer.RequiredAcks = sarama.WaitForLocal },
		"a client.id":  func(c *sarama.Config) { c.ClientID = "somebody" },
		"single shots": func(c *sarama.Config) { c.Producer.MaxMessageBytes = 150 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := quick()
			change(config)
			o := opened(t, config)
			began := time.Now().Truncate(time.Millisecond)
			at := time.UnixMilli(1_500_000_000_123)
			header := []sarama.RecordHeader{{Key: []byte("h"), Value: []byte("1")}, {Key: []byte("h"), Value: nil}}
			messages := []*sarama.ProducerMessage{
				{Topic: "t", Key: sarama.StringEncoder("k"), Value: sarama.StringEncoder("v"), Headers: header},
				{Topic: "t", Value: sarama.StringEncoder("no key")},
				{Topic: "t", Key: sarama.StringEncoder("tombstone")},
				{Topic: "t", Key: sarama.StringEncoder(""), Value: sarama.StringEncoder("")},
				{Topic: "t", Key: sarama.StringEncoder("k"), Value: sarama.StringEncoder("old"), Timestamp: at},
			}
			for _, msg := range messages {
				o.produce(msg)
			}
			for i, msg := range messages {
				if err := o.result(msg); err != nil || msg.Offset != int64(i) || msg.Partition != 0 {
					t.Fatalf("%d is at %d/%d: %v", i, msg.Partition, msg.Offset, err)
				}
			}
			records, err := o.cluster.Fetch("t", 0, 0, 10)
			o.check(err)
			if len(records) != len(messages) {
				t.Fatalf("%d records", len(records))
			}
			for i, r := range records {
				msg := messages[i]
				if !same(r.Key, msg.Key) || !same(r.Value, msg.Value) || len(r.Headers) != len(msg.Headers) {
					t.Errorf("%d is %+v", i, r)
				}
				for j, h := range r.Headers {
					if h.Key != string(header[j].Key) || !bytes.Equal(h.Value, header[j].Value) {
						t.Errorf("header %d is %+v", j, h)
					}
				}
				switch stamp := time.UnixMilli(int64(r.Timestamp)); {
				case i == 4 && !stamp.Equal(at):
					t.Errorf("%d is of %s", i, stamp)
				case i < 4 && (stamp.Before(began) || stamp.After(time.Now())):
					t.Errorf("%d is of %s, before %s", i, stamp, began)
				}
			}
		})
	}
}

func same(got []byte, want sarama.Encoder) bool {
	if want == nil || got == nil {
		return want == nil && got == nil
	}
	b, _ := want.Encode()
	return bytes.Equal(got, b)
}

func TestTheTimeOfTheBroker(t *testing.T) {
	o := opened(t, quick())
	o.check(o.cluster.CreateTopic("stamped", 1, memkafka.WithConfig("message.timestamp.type", "LogAppendTime")))
	o.check(o.cluster.JumpClock(-time.Hour))
	msg := o.give("stamped", 0, "a")[0]
	o.check(o.result(msg))
	if ago := time.Since(msg.Timestamp); ago < 50*time.Minute || ago > 2*time.Hour {
		t.Errorf("it is of %s", msg.Timestamp)
	}
}

// While a batch is under way, what comes gathers to the next one, up to MaxMessageBytes.
func TestBatchesHoldWhatCameMeanwhile(t *testing.T) {
	config := quick()
	config.Producer.MaxMessageBytes = 1000
	o := opened(t, config)
	pull := o.plug("t", "first")
	last := o.give("t", 0, values(strings.Repeat("x", 60), 30)...)
	pull()
	o.check(o.result(last[29]))
	var sizes []int
	for _, b := range o.batches("t", 0) {
		sizes = append(sizes, len(b.Records))
	}
	// a record of 61 or 62 bytes is counted with 36 more: 9 of them and 49 bytes make less than 1000
	if got, want := fmt.Sprint(sizes), "[1 9 9 9 3]"; got != want {
		t.Errorf("the batches have %s records, not %s", got, want)
	}
}

func TestARecordThatIsTooLargeFailsAlone(t *testing.T) {
	config := quick()
	config.Producer.MaxMessageBytes = 500
	o := opened(t, config)
	given := o.give("t", 0, "a", strings.Repeat("x", 500), "b")
	o.check(o.result(given[0]))
	var configuration sarama.ConfigurationError
	if err := o.result(given[1]); !errors.As(err, &configuration) || !strings.Contains(err.Error(), "MaxMessageBytes: 536 > 500") {
		t.Error(err)
	}
	o.check(o.result(given[2]))
}

// A topic may allow less than the configuration, so that batches have to become smaller.
func TestABatchThatIsTooLargeForTheTopicIsSplit(t *testing.T) {
	o := opened(t, quick())
	o.check(o.cluster.CreateTopic("narrow", 1, memkafka.WithConfig("max.message.bytes", "400")))
	pull := o.plug("narrow", "first")
	given := o.give("narrow", 0, values("a", 40)...)
	large := o.give("narrow", 0, strings.Repeat("x", 500))[0]
	given = append(given, o.give("narrow", 0, values("b", 40)...)...)
	pull()
	for _, msg := range given {
		o.check(o.result(msg))
	}
	if err := o.result(large); !errors.Is(err, sarama.ErrMessageSizeTooLarge) {
		t.Error(err)
	}
	want := "first " + strings.Join(append(values("a", 40), values("b", 40)...), " ")
	if got := o.log("narrow", 0); got != want {
		t.Errorf("the log is %s", got)
	}
}

func TestTopicsThatAreNotThere(t *testing.T) {
	o := opened(t, quick())
	if err := o.write("nowhere", 0, "a"); !errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		t.Error(err)
	}
	if err := o.write("", 0, "a"); !errors.Is(err, sarama.ErrInvalidTopic) {
		t.Error(err)
	}
	if err := o.write("a/b", 0, "a"); !errors.Is(err, sarama.ErrInvalidTopic) {
		t.Error(err)
	}
	o.check(o.cluster.CreateTopic("nowhere", 1))
	o.check(o.write("nowhere", 0, "b"))
}

// What comes while a topic is looked up keeps its order.
func TestRecordsWaitForTheirTopic(t *testing.T) {
	o := opened(t, quick())
	o.check(o.cluster.CreateTopic("later", 1)) // than the client has asked for all there are
	o.faults("on metadata nth=1: delay-response for=20ms")
	given := o.give("later", 0, values("a", 200)...)
	for _, msg := range given {
		o.check(o.result(msg))
	}
	if missed := o.cluster.MissedFaults(); len(missed) > 0 {
		t.Error("the topic was not looked up")
	}
	if got := o.log("later", 0); got != strings.Join(values("a", 200), " ") {
		t.Errorf("the log is %s", got)
	}
}

func TestATopicThatIsMadeWhenItIsWrittenTo(t *testing.T) {
	o := opened(t, quick(), memkafka.WithAutoCreateTopics(true))
	o.check(o.write("new", 0, "a"))
}

// byLength is a partitioner that notes what it is asked.
type byLength struct {
	mu         sync.Mutex
	partitions []int32
	consistent bool
	err        error
}

func (p *byLength) Partition(msg *sarama.ProducerMessage, n int32) (int32, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.partitions = append(p.partitions, n)
	return int32(msg.Value.Length() - 1), p.err
}

func (p *byLength) RequiresConsistency() bool { return p.consistent }

func (p *byLength) asked() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprint(p.partitions)
}

func TestThePartitioner(t *testing.T) {
	var topics []string
	p := &byLength{consistent: true}
	config := quick()
	config.Producer.Partitioner = func(topic string) sarama.Partitioner { topics = append(topics, topic); return p }
	o := opened(t, config)
	for value, want := range map[string]error{"x": nil, "xx": nil, "xxx": sarama.ErrInvalidPartition, "": sarama.ErrInvalidPartition} {
		msg := o.give("t", -1, value)[0]
		if err := o.result(msg); !errors.Is(err, want) {
			t.Errorf("%q: %v", value, err)
		} else if err == nil && int(msg.Partition) != len(value)-1 {
			t.Errorf("%q went to %d", value, msg.Partition)
		}
	}
	p.mu.Lock()
	p.err = errPartitioner
	p.mu.Unlock()
	if err := o.write("t", 0, "x"); !errors.Is(err, errPartitioner) {
		t.Error(err)
	}
	if got := fmt.Sprint(topics); got != "[t]" {
		t.Errorf("partitioners were made for %s", got)
	}
	if got := p.asked(); got != "[2 2 2 2 2]" {
		t.Errorf("it was asked to choose from %s", got)
	}
}

var errPartitioner = errors.New("a partitioner's error")

// Without consistency only partitions with a leader are chosen from.
func TestPartitionsThatCanBeWritten(t *testing.T) {
	for name, c := range map[string]struct {
		consistent bool
		want       string
	}{"all": {true, "[2]"}, "writable": {false, "[1]"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := quick()
			p := &byLength{consistent: c.consistent}
			config.Producer.Partitioner = func(string) sarama.Partitioner { return p }
			cl, brokers := cluster(t, memkafka.WithBrokers(2))
			o := &office{T: t, cluster: cl, brokers: brokers}
			o.check(cl.CreateTopic("t", 2))
			m, err := cl.PartitionMetadata("t", 0)
			o.check(err)
			o.check(cl.BrokerDown(m.Leader))
			o.open(config)
			err = o.write("t", -1, "x")
			if !c.consistent {
				o.check(err)
			} else if !errors.Is(err, sarama.ErrLeaderNotAvailable) {
				t.Error(err)
			}
			if got := p.asked(); got != c.want {
				t.Errorf("it was asked to choose from %s", got)
			}
		})
	}
}

func TestNoPartitionCanBeWritten(t *testing.T) {
	config := quick()
	config.Producer.Partitioner = sarama.NewRoundRobinPartitioner
	o := opened(t, config, memkafka.WithBrokers(2))
	o.check(o.cluster.CreateTopic("single", 1))
	m, err := o.cluster.PartitionMetadata("single", 0)
	o.check(err)
	o.check(o.cluster.BrokerDown(m.Leader))
	if err := o.write("single", 0, "a"); !errors.Is(err, sarama.ErrLeaderNotAvailable) {
		t.Error(err)
	}
	o.check(o.cluster.BrokerUp(m.Leader))
	o.until("it can be written to", func() bool { return o.write("single", 0, "a") == nil })
}

func TestMorePartitionsAreSeen(t *testing.T) {
	config := quick()
	config.Metadata.RefreshFrequency = 10 * time.Millisecond
	config.Producer.Partitioner = sarama.NewRoundRobinPartitioner
	o := opened(t, config)
	o.check(o.write("t", -1, "a"))
	admin, err := sarama.NewClusterAdmin(o.brokers, quick())
	o.check(err)
	defer admin.Close()
	o.check(admin.CreatePartitions("t", 5, nil, false))
	o.until("the last partition is written to", func() bool {
		o.check(o.write("t", -1, "b"))
		return o.log("t", 4) != ""
	})
}

func TestProduceWaitsWhileTooMuchIsBuffered(t *testing.T) {
	o := opened(t, quick())
	o.box.limit = 1000
	pull := o.plug("t", strings.Repeat("x", 800)) // takes room until its result is taken
	var second *sarama.ProducerMessage
	var producer sync.WaitGroup
	producer.Go(func() { second = o.give("t", 0, strings.Repeat("y", 800))[0] })
	o.until("Produce waits", func() bool { return o.wait() == 1 })
	pull()
	producer.Wait()
	o.check(o.result(second))
	large := o.give("t", 0, strings.Repeat("z", 5000))[0] // more than may be buffered is written alone
	o.check(o.result(large))
}

// A sender would wait for itself.
func TestWhoIsToldOfAResultMayProduce(t *testing.T) {
	o := opened(t, quick())
	o.box.limit = 1000
	answers := make(chan *sarama.ProducerMessage, 10)
	o.answer = func(msg *sarama.ProducerMessage) {
		if msg.Partition == 0 {
			answers <- o.give("t", 1, strings.Repeat("y", 800))[0]
		}
	}
	o.give("t", 0, strings.Repeat("x", 800)) // is counted as buffered until its result is taken
	o.check(o.result(<-answers))
}

// wait is how many calls of Produce wait.
func (o *office) wait() int {
	o.box.mu.Lock()
	defer o.box.mu.Unlock()
	return o.box.waiting
}

func TestCloseWakesWhoWaits(t *testing.T) {
	o := opened(t, quick())
	o.box.limit = 100
	pull := o.plug("t", strings.Repeat("x", 80))
	var producers, closer sync.WaitGroup
	late := make([][]*sarama.ProducerMessage, 3)
	for i := range late {
		producers.Go(func() { late[i] = o.give("t", 0, strings.Repeat("y", 80)) })
	}
	o.until("all wait", func() bool { return o.wait() == len(late) })
	closer.Go(o.close)
	producers.Wait()
	pull()
	closer.Wait()
	for _, messages := range late {
		if err := o.result(messages[0]); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	}
}

func TestCloseWritesWhatIsPending(t *testing.T) {
	o := opened(t, quick())
	given := o.give("t", 0, values("a", 1000)...)
	o.close()
	for _, msg := range given {
		o.check(o.result(msg))
	}
	if got := o.log("t", 0); got != strings.Join(values("a", 1000), " ") {
		t.Errorf("the log is %s", got)
	}
	if err := o.write("t", 0, "late"); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	o.close()
}

func TestCloseIsBounded(t *testing.T) {
	for name, faults := range map[string]string{
		"answers are lost":         "on produce: drop-response",
		"requests are lost":        "on produce: drop-request",
		"it is tried again":        "on produce: error NOT_LEADER_OR_FOLLOWER",
		"no leader is found":       "on produce: error NOT_LEADER_OR_FOLLOWER\non metadata: drop-request",
		"the topic is not found":   "on metadata: drop-request",
		"no producer id is found":  "on produce: error INVALID_PRODUCER_EPOCH\non init-producer-id: drop-request",
		"connections are cut away": "on any: disconnect",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := quick()
			config.Producer.Retry.Max = 1 << 30
			config.Net.ReadTimeout, config.Metadata.Timeout = time.Hour, time.Hour
			o := opened(t, config)
			topic := "t"
			if name == "the topic is not found" {
				topic = "nowhere"
			} else {
				o.check(o.write(topic, 0, "a"))
			}
			o.faults(faults)
			given := o.give(topic, 0, values("b", 10)...)
			o.until("something goes wrong", func() bool { return len(o.cluster.MissedFaults()) == 0 })
			given = append(given, o.give(topic, 0, values("c", 10)...)...)
			failed, err := o.box.Close(10 * time.Millisecond)
			if failed != 20 || err != nil {
				t.Errorf("%d records have failed: %v", failed, err)
			}
			for _, msg := range given {
				if err := o.result(msg); err == nil || !strings.Contains(err.Error(), "no result within 10ms") {
					t.Error(err)
				}
			}
		})
	}
}

func TestAllBrokersAreGone(t *testing.T) {
	o := opened(t, quick(), memkafka.WithBrokers(2))
	o.check(o.write("t", 0, "a"))
	for _, id := range o.cluster.Brokers() {
		o.check(o.cluster.BrokerDown(id))
	}
	given := o.give("t", 0, "b")[0]
	if err := o.result(given); err == nil {
		t.Error("it was written where nothing is")
	}
}

func TestABrokerThatComesBack(t *testing.T) {
	config := quick()
	config.Producer.Retry.Max = 10_000
	o := opened(t, config)
	o.check(o.write("t", 0, "a"))
	o.check(o.cluster.BrokerDown(1))
	given := o.give("t", 0, "b", "c")
	o.check(o.cluster.BrokerUp(1))
	for _, msg := range given {
		o.check(o.result(msg))
	}
	if got := o.log("t", 0); got != "a b c" {
		t.Errorf("the log is %s", got)
	}
}

func TestRetriesAndTheirPauses(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	config := quick()
	config.Producer.Retry.Max = 3
	config.Producer.Retry.BackoffFunc = func(retries, maxRetries int) time.Duration {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, fmt.Sprint(retries, "/", maxRetries))
		return 0
	}
	o := opened(t, config)
	o.check(o.write("t", 0, "a"))
	o.faults("on produce times=4: error NOT_ENOUGH_REPLICAS")
	if err := o.write("t", 0, "b"); !errors.Is(err, sarama.ErrNotEnoughReplicas) {
		t.Error(err)
	}
	o.check(o.write("t", 0, "c"))
	if got := strings.Join(asked, " "); got != "1/3 2/3 3/3" {
		t.Errorf("the pauses were %s", got)
	}
}

// A request that would be larger than sarama sends is sent in parts.
func TestManyPartitionsAtOnce(t *testing.T) {
	o := opened(t, quick())
	o.box.requestLimit = 64 << 10
	o.check(o.cluster.CreateTopic("wide", 100))
	pull := o.plug("wide", "first")
	var given []*sarama.ProducerMessage
	for partition := range int32(100) {
		given = append(given, o.give("wide", partition, strings.Repeat("x", 3000))...)
	}
	pull()
	for _, msg := range given {
		o.check(o.result(msg))
	}
}

// A dialer that cannot be cut off holds up neither results nor Close.
func TestADialerThatHangs(t *testing.T) {
	_, brokers := cluster(t)
	config := quick()
	config.Producer.Idempotent = false
	release := make(chan struct{})
	d := &hanging{release: release}
	c := *config
	c.Net.Proxy.Enable, c.Net.Proxy.Dialer = true, d
	client, err := sarama.NewClient(brokers, &c)
	if err != nil {
		t.Fatal(err)
	}
	d.hang()
	for _, b := range client.Brokers() {
		_ = b.Close()
	}
	results := make(chan error, 1)
	box, err := New(client, config, func() {}, func(_ *sarama.ProducerMessage, err error) { results <- err })
	if err != nil {
		t.Fatal(err)
	}
	box.lastWait = 10 * time.Millisecond
	box.Produce(&sarama.ProducerMessage{Topic: "t"})
	failed, err := box.Close(10 * time.Millisecond)
	if failed != 1 || err == nil || !strings.Contains(err.Error(), "have not ended") {
		t.Errorf("%d records have failed: %v", failed, err)
	}
	if err := <-results; err == nil {
		t.Error("it was written")
	}
	close(release)
}

// hanging is a dialer that waits.
type hanging struct {
	release chan struct{}
	mu      sync.Mutex
	hangs   bool
}

func (h *hanging) hang() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hangs = true
}

func (h *hanging) Dial(network, addr string) (net.Conn, error) {
	h.mu.Lock()
	hangs := h.hangs
	h.mu.Unlock()
	if hangs {
		<-h.release
		return nil, net.ErrClosed
	}
	return new(net.Dialer).DialContext(context.Background(), network, addr)
}

// The client looks at Kafka every now and then, and Close does not wait for an answer that does not come.
func TestCloseWhileTheClientLooksAtAMuteBroker(t *testing.T) {
	config := quick()
	config.Metadata.RefreshFrequency = time.Millisecond
	config.Net.ReadTimeout, config.Metadata.Timeout = time.Hour, time.Hour
	o := opened(t, config)
	o.check(o.write("t", 0, "a"))
	o.faults("on metadata: drop-request")
	o.until("the client asks", func() bool { return len(o.cluster.MissedFaults()) == 0 })
	o.box.lastWait = 10 * time.Millisecond
	o.box.cut = sync.OnceFunc(func() {
		o.box.lastWait = time.Minute
		o.wires.cut()
	})
	if failed, err := o.box.Close(time.Minute); failed != 0 || err != nil {
		t.Errorf("%d records have failed: %v", failed, err)
	}
}

// What a batch is beside its records counts too, or else many small ones would not go into a request as sarama encodes it.
func TestManySmallBatchesAreNoLargeRequest(t *testing.T) {
	s := &sender{outbox: &Outbox{requestLimit: 10_000}}
	for id := range int32(1000) {
		p := s.outbox.newPartition(nil, id)
		p.add(letter{msg: new(sarama.ProducerMessage), size: 36}, 1000)
		s.ready = append(s.ready, p)
	}
	s.loadReady()
	if got, want := len(s.flight), 10_000/(36+batchOverhead); got != want {
		t.Errorf("%d batches go into a request, not %d", got, want)
	}
}
