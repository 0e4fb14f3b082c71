package goka

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

var (
	messages = flag.Int("messages", 200_000, "messages of a run")
	updates  = flag.Int("updates", 200_000, "updates of a table that is recovered")
)

const (
	partitions = 8
	keys       = 10_000
	valueBytes = 100
)

// place is brokers, and a client to look at them with.
type place struct {
	name   string
	addrs  []string
	client sarama.Client
	admin  sarama.ClusterAdmin
	filled map[string]string // topics with messages, by what is in them
}

var places []*place

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := onPlaces(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// onPlaces runs the benchmarks with brokers.
func onPlaces(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "gokasim")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	program := filepath.Join(dir, "gokasim")
	if out, err := exec.Command("go", "build", "-C", "../..", "-o", program, "./cmd/gokasim").CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%w\n%s", err, out)
	}
	serve := exec.Command(program, "serve", "--listen", "127.0.0.1:0", "-c", "auto.create.topics.enable=false")
	serve.Stderr = os.Stderr
	out, err := serve.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := serve.Start(); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, serve.Process.Signal(syscall.SIGTERM), serve.Wait()) }()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return 0, err
	}
	if err := open("memkafka", strings.TrimSpace(line)); err != nil {
		return 0, err
	}
	if brokers := os.Getenv("KAFKA_BROKERS"); brokers != "" {
		if err := open("kafka", brokers); err != nil {
			return 0, err
		}
	}
	code = m.Run()
	for _, p := range places {
		err = errors.Join(err, p.admin.Close(), p.client.Close())
	}
	return code, err
}

func open(name, brokers string) error {
	p := &place{name: name, addrs: strings.Split(brokers, ","), filled: make(map[string]string)}
	config := sarama.NewConfig()
	config.Version = sarama.V2_8_0_0
	var err error
	if p.client, err = sarama.NewClient(p.addrs, config); err != nil {
		return err
	}
	if p.admin, err = sarama.NewClusterAdmin(p.addrs, config); err != nil {
		return err
	}
	places = append(places, p)
	return nil
}

// unique is a name that was not there before.
func unique(name string) string { return fmt.Sprintf("%s-%d", name, time.Now().UnixNano()) }

// topic makes a topic.
func (p *place) topic(b *testing.B, name string, partitions int32, table bool) string {
	b.Helper()
	detail := &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}
	if table {
		compact := "compact"
		detail.ConfigEntries = map[string]*string{"cleanup.policy": &compact}
	}
	must(b, p.admin.CreateTopic(name, detail, false))
	eventually(b, "topic "+name+" is there", func() bool {
		_ = p.client.RefreshMetadata(name) // it may not be known yet
		ps, err := p.client.Partitions(name)
		return err == nil && len(ps) == int(partitions)
	})
	return name
}

// fill returns a topic with n messages of different keys, made when it is asked for first.
func (p *place) fill(b *testing.B, n, keys int, table bool) string {
	b.Helper()
	what := fmt.Sprint(n, keys, table)
	if topic, ok := p.filled[what]; ok {
		return topic
	}
	topic := p.topic(b, unique("filled"), partitions, table)
	p.filled[what] = topic
	config := sarama.NewConfig()
	config.Producer.Return.Successes = true
	config.Producer.Flush.Messages, config.Producer.Flush.Frequency = 1000, 10*time.Millisecond
	producer, err := sarama.NewAsyncProducer(p.addrs, config)
	must(b, err)
	var answers sync.WaitGroup
	answers.Go(func() {
		for range producer.Successes() {
		}
	})
	answers.Go(func() {
		for err := range producer.Errors() {
			b.Error(err)
		}
	})
	value := sarama.ByteEncoder(make([]byte, valueBytes))
	for i := range n {
		producer.Input() <- &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder(key(i % keys)), Value: value}
	}
	producer.AsyncClose()
	answers.Wait()
	return topic
}

func key(n int) string { return fmt.Sprintf("key-%07d", n) }

// records is how many records a topic has.
func (p *place) records(b *testing.B, topic string) int {
	b.Helper()
	ps, err := p.client.Partitions(topic)
	must(b, err)
	sum := int64(0)
	for _, partition := range ps {
		end, err := p.client.GetOffset(topic, partition, sarama.OffsetNewest)
		must(b, err)
		sum += end
	}
	return int(sum)
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// eventually waits for a condition for at most three minutes.
func eventually(b *testing.B, what string, cond func() bool) {
	b.Helper()
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if cond() {
			return
		}
	}
	b.Fatal("waited three minutes in vain for this:", what)
}
