package outbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka"
)

// office is an outbox in a test, on the wire door of a cluster, and what became of what it was given.
type office struct {
	*testing.T
	cluster *memkafka.Cluster // nil where it is Apache Kafka
	brokers []string
	box     *Outbox
	wires   *wires

	mu      sync.Mutex // guards what follows
	change  sync.Cond  // on mu: something was settled
	given   int
	settled map[*sarama.ProducerMessage][]error       // the errors of its results, which should be one
	plugs   map[*sarama.ProducerMessage]chan struct{} // whose results are taken once the channels are closed
	answer  func(msg *sarama.ProducerMessage)         // called when a result is taken; nil for nothing
}

// quick is a configuration that loses no time with retries.
func quick() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.V2_8_0_0
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Idempotent = true
	c.Net.MaxOpenRequests = 1
	c.Producer.Retry.Max = 10
	c.Producer.Retry.Backoff = time.Millisecond
	c.Producer.Return.Successes = true
	c.Producer.Partitioner = sarama.NewManualPartitioner
	c.Metadata.Retry.Backoff = time.Millisecond
	return c
}

var (
	threeBrokers = []memkafka.Option{memkafka.WithBrokers(3)}
	replicated   = memkafka.WithReplication(3)
)

func cluster(t *testing.T, options ...memkafka.Option) (*memkafka.Cluster, []string) {
	t.Helper()
	c := memkafka.New(append([]memkafka.Option{memkafka.WithAutoCreateTopics(false)}, options...)...)
	t.Cleanup(c.Close)
	l, err := c.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return c, l.Addrs()
}

// opened opens an outbox on a cluster of its own, with the topic t of two partitions.
func opened(t *testing.T, config *sarama.Config, options ...memkafka.Option) *office {
	t.Helper()
	c, brokers := cluster(t, options...)
	o := &office{T: t, cluster: c, brokers: brokers}
	o.check(c.CreateTopic("t", 2))
	o.open(config)
	return o
}

func (o *office) open(config *sarama.Config) {
	o.Helper()
	client, wires, err := connect(o.brokers, config)
	o.check(err)
	o.wires = wires
	o.settled = make(map[*sarama.ProducerMessage][]error)
	o.change.L = &o.mu
	o.box, err = New(client, config, wires.cut, o.settle)
	o.check(err)
	o.Cleanup(func() {
		o.close()
		o.mu.Lock()
		defer o.mu.Unlock()
		if len(o.settled) != o.given {
			o.Errorf("%d of %d records are settled", len(o.settled), o.given)
		}
		for msg, errs := range o.settled {
			if len(errs) != 1 {
				o.Errorf("%v was settled %d times: %v", msg.Value, len(errs), errs)
			}
		}
	})
}

// connect makes the client of an outbox, whose wires can be cut.
func connect(brokers []string, config *sarama.Config) (sarama.Client, *wires, error) {
	c := *config
	c.Producer.Idempotent, c.Net.MaxOpenRequests = false, 5
	w := &wires{open: make(map[net.Conn]bool)}
	w.ctx, w.end = context.WithCancel(context.Background())
	c.Net.Proxy.Enable, c.Net.Proxy.Dialer = true, w
	client, err := sarama.NewClient(brokers, &c)
	return client, w, err
}

func (o *office) check(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

func (o *office) settle(msg *sarama.ProducerMessage, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.settled[msg] = append(o.settled[msg], err)
	o.change.Broadcast()
	if plug, ok := o.plugs[msg]; ok {
		o.mu.Unlock()
		<-plug
		o.mu.Lock()
	}
	if answer := o.answer; answer != nil {
		o.mu.Unlock()
		answer(msg)
		o.mu.Lock()
	}
}

// plug writes a record whose result is not taken until pull is called. Its broker's sender waits for that, so that what is given meanwhile
// gathers.
func (o *office) plug(topic string, value string) (pull func()) {
	msg, plug := &sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(value)}, make(chan struct{})
	o.mu.Lock()
	o.plugs = map[*sarama.ProducerMessage]chan struct{}{msg: plug}
	o.mu.Unlock()
	o.produce(msg)
	o.check(o.result(msg))
	return func() { close(plug) }
}

// give hands the outbox records for a partition, without waiting for results.
func (o *office) give(topic string, partition int32, values ...string) []*sarama.ProducerMessage {
	messages := make([]*sarama.ProducerMessage, len(values))
	for i, v := range values {
		messages[i] = &sarama.ProducerMessage{Topic: topic, Partition: partition, Value: sarama.StringEncoder(v)}
		o.produce(messages[i])
	}
	return messages
}

func (o *office) produce(msg *sarama.ProducerMessage) {
	o.mu.Lock()
	o.given++
	o.mu.Unlock()
	o.box.Produce(msg)
}

// result waits for the result of a record.
func (o *office) result(msg *sarama.ProducerMessage) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.settled[msg]) == 0 {
		o.change.Wait()
	}
	return o.settled[msg][0]
}

// write hands over one record and returns its result.
func (o *office) write(topic string, partition int32, value string) error {
	return o.result(o.give(topic, partition, value)[0])
}

func (o *office) close() {
	o.Helper()
	failed, err := o.box.Close(time.Minute)
	if failed > 0 || err != nil {
		o.Errorf("closing fails %d records: %v", failed, err)
	}
}

// log is the values of a partition.
func (o *office) log(topic string, partition int32) string {
	o.Helper()
	start, high, err := o.cluster.Offsets(topic, partition)
	o.check(err)
	var values []string
	for start < high {
		records, err := o.cluster.Fetch(topic, partition, start, 1000)
		o.check(err)
		for _, r := range records {
			values = append(values, string(r.Value))
			start = r.Offset + 1
		}
	}
	return strings.Join(values, " ")
}

func (o *office) faults(text string) {
	o.Helper()
	o.check(o.cluster.SetFaults(text))
}

// batches are the batches of a partition as they were written.
func (o *office) batches(topic string, partition int32) []*sarama.RecordBatch {
	o.Helper()
	client, wires, err := connect(o.brokers, quick())
	o.check(err)
	defer wires.cut()
	defer client.Close()
	leader, err := client.Leader(topic, partition)
	o.check(err)
	request := &sarama.FetchRequest{Version: 11, MinBytes: 1, MaxBytes: 1 << 20, SessionEpoch: -1}
	request.AddBlock(topic, partition, 0, 1<<20, -1)
	response, err := leader.Fetch(request)
	o.check(err)
	var batches []*sarama.RecordBatch
	for _, r := range response.GetBlock(topic, partition).RecordsSet {
		batches = append(batches, r.RecordBatch)
	}
	return batches
}

// until waits for a condition, for at most a minute.
func (o *office) until(what string, cond func() bool) {
	o.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-tick.C {
		if cond() {
			return
		}
	}
	o.Fatalf("waited in vain for this: %s", what)
}

// wires are connections that can be cut.
type wires struct {
	ctx context.Context
	end context.CancelFunc

	mu   sync.Mutex // guards open
	open map[net.Conn]bool
}

type wire struct {
	net.Conn
	wires *wires
}

func (w *wires) Dial(network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(w.ctx, network, addr)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ctx.Err() != nil {
		return nil, errors.Join(w.ctx.Err(), conn.Close())
	}
	own := &wire{conn, w}
	w.open[own] = true
	return own, nil
}

func (w *wire) Close() error {
	w.wires.mu.Lock()
	delete(w.wires.open, w)
	w.wires.mu.Unlock()
	return w.Conn.Close()
}

// snip closes the connections there are.
func (w *wires) snip() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for conn := range w.open {
		_ = conn.(*wire).Conn.Close()
	}
}

// cut closes them for good.
func (w *wires) cut() {
	w.end()
	w.snip()
}

// realBrokers are those of Apache Kafka, where GOKASIM_BROKERS says where it is.
func realBrokers() []string {
	if brokers := os.Getenv("GOKASIM_BROKERS"); brokers != "" {
		return strings.Split(brokers, ",")
	}
	return nil
}

func values(prefix string, n int) []string {
	vs := make([]string, n)
	for i := range vs {
		vs[i] = fmt.Sprintf("%s%d", prefix, i)
	}
	return vs
}
