package outbox

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka"
)

// mishaps are what may go wrong on the way to Kafka, with what chance. Errors after the effect are those that Kafka gives then.
var mishaps = []string{
	"on produce probability=0.05: error NOT_LEADER_OR_FOLLOWER",
	"on produce probability=0.05: error NOT_LEADER_OR_FOLLOWER after-effect",
	"on produce probability=0.05: error REQUEST_TIMED_OUT after-effect",
	"on produce probability=0.05: error NOT_ENOUGH_REPLICAS",
	"on produce probability=0.05: error NOT_ENOUGH_REPLICAS_AFTER_APPEND after-effect",
	"on produce probability=0.05: error KAFKA_STORAGE_ERROR",
	"on produce probability=0.05: error CORRUPT_MESSAGE",
	"on produce probability=0.05: error UNKNOWN_TOPIC_OR_PARTITION",
	"on produce probability=0.02: error TOPIC_AUTHORIZATION_FAILED",
	"on produce probability=0.02: error UNKNOWN_SERVER_ERROR after-effect",
	"on produce probability=0.02: error UNKNOWN_PRODUCER_ID",
	"on produce probability=0.02: error OUT_OF_ORDER_SEQUENCE_NUMBER",
	"on produce probability=0.02: error INVALID_PRODUCER_EPOCH",
	"on produce probability=0.1: disconnect",
	"on produce probability=0.1: disconnect after-effect",
	"on produce probability=0.1: delay-request for=1ms up-to=20ms",
	"on produce probability=0.1: delay-response for=1ms up-to=20ms",
	"on produce probability=0.02: delay-request for=210ms up-to=300ms", // longer than anybody waits
	"on produce probability=0.02: drop-request",
	"on produce probability=0.02: drop-response",
	"on produce probability=0.03: move-leader",
	"on produce probability=0.01: stop-broker for=10ms",
	"on metadata probability=0.1: disconnect",
	"on metadata probability=0.1: delay-response for=1ms up-to=20ms",
	"on init-producer-id probability=0.3: error COORDINATOR_LOAD_IN_PROGRESS",
}

// misfortune is a plan of a few mishaps. Requests arrive twice only where none is refused: a copy of what a broker has refused would be
// written, which no network does to Kafka.
func misfortune(random *rand.Rand) []string {
	var plan []string
	for _, i := range random.Perm(len(mishaps))[:2+random.IntN(6)] {
		plan = append(plan, mishaps[i])
	}
	if random.IntN(4) == 0 {
		plan = slices.DeleteFunc(plan, func(m string) bool {
			return strings.Contains(m, "on produce") && strings.Contains(m, "error") && !strings.Contains(m, "after-effect")
		})
		plan = append(plan, "on produce probability=0.2: duplicate times=2")
	}
	return plan
}

// writer writes numbered records from one goroutine.
type writer struct {
	name  string
	given []*sarama.ProducerMessage
}

// run writes records to random partitions, with pauses here and there.
func (w *writer) run(random *rand.Rand, o *office, topic string, partitions, records int) {
	for i := range records {
		msg := &sarama.ProducerMessage{
			Topic: topic, Partition: random.Int32N(int32(partitions)),
			Value: sarama.StringEncoder(fmt.Sprintf("%s.%05d", w.name, i)),
		}
		w.given = append(w.given, msg)
		o.produce(msg)
		if random.IntN(20) == 0 {
			_ = o.result(msg)
		}
	}
}

// promised checks the promises for what one writer gave, by what is in the partitions' logs.
func (w *writer) promised(o *office, logs map[int32][]string, idempotent bool) (acknowledged int) {
	for partition, log := range logs {
		var first []string // copies of each of the writer's records here
		copies := make(map[string]int)
		for _, value := range log {
			if strings.HasPrefix(value, w.name+".") {
				if copies[value]++; copies[value] == 1 {
					first = append(first, value)
				}
			}
		}
		var written []string
		for _, msg := range w.given {
			if msg.Partition != partition {
				continue
			}
			value := string(msg.Value.(sarama.StringEncoder))
			switch n, err := copies[value], o.result(msg); {
			case err == nil && n == 0:
				o.Errorf("%s was acknowledged and is not in %d", value, partition)
			case idempotent && n > 1:
				o.Errorf("%s is in %d %d times: %v", value, partition, n, err)
			case err == nil:
				acknowledged++
				written = append(written, value)
				if msg.Offset >= 0 && idempotent && log[msg.Offset] != value {
					o.Errorf("%s is said to be at %d/%d, where %s is", value, partition, msg.Offset, log[msg.Offset])
				}
			}
		}
		if !idempotent { // a record that has failed may come when nobody waits for it
			first = slices.DeleteFunc(first, func(v string) bool { return !slices.Contains(written, v) })
		}
		if !slices.IsSorted(first) {
			o.Errorf("the order in %d is wrong: %v", partition, first)
		}
	}
	return acknowledged
}

func TestExactlyOnce(t *testing.T) { onceBySeeds(t, true) }

func TestAtLeastOnceWithoutIdempotence(t *testing.T) { onceBySeeds(t, false) }

func onceBySeeds(t *testing.T, idempotent bool) {
	seeds := uint64(16)
	if testing.Short() {
		seeds = 4
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 1))
			plan := misfortune(random)
			partitions := 1 + random.IntN(4)
			config := quick()
			config.Producer.Idempotent = idempotent
			config.Producer.Retry.Max = 1 + random.IntN(8)
			config.Producer.Compression = sarama.CompressionCodec(random.IntN(2) * int(sarama.CompressionSnappy))
			config.Producer.MaxMessageBytes = []int{200, 1000, 1_000_000}[random.IntN(3)]
			config.Net.ReadTimeout = 200 * time.Millisecond
			config.Metadata.Retry.Max = 100 // a loaded machine may need as long
			config.Producer.Transaction.Retry.Backoff = time.Millisecond

			c, brokers := cluster(t, memkafka.WithBrokers(3), memkafka.WithSeed(seed))
			if err := c.CreateTopic("t", int32(partitions), replicated); err != nil {
				t.Fatal(err)
			}
			offices := make([]*office, 1+random.IntN(2))
			for i := range offices {
				offices[i] = &office{T: t, cluster: c, brokers: brokers}
				offices[i].open(config)
			}
			offices[0].faults(strings.Join(plan, "\n"))
			writers := write(offices, random, "t", partitions, 150)
			c.ClearFaults()
			for _, o := range offices {
				o.close()
			}
			logs := make(map[int32][]string)
			for partition := range int32(partitions) {
				logs[partition] = strings.Fields(offices[0].log("t", partition))
			}
			for i, w := range writers {
				w.promised(offices[i%len(offices)], logs, idempotent)
			}
			if t.Failed() {
				t.Logf("%d partitions, %d retries, what went wrong:\n%s", partitions, config.Producer.Retry.Max, strings.Join(plan, "\n"))
			}
		})
	}
}

// write has several writers write at once, while connections are cut here and there.
func write(offices []*office, random *rand.Rand, topic string, partitions, records int) []*writer {
	writers := make([]*writer, 4)
	var all sync.WaitGroup
	for i := range writers {
		writers[i] = &writer{name: fmt.Sprint("w", i)}
		own, o := rand.New(rand.NewPCG(random.Uint64(), 2)), offices[i%len(offices)]
		all.Go(func() {
			writers[i].run(own, o, topic, partitions, records)
			if own.IntN(2) == 0 {
				o.wires.snip()
			}
		})
	}
	all.Wait()
	return writers
}

// TestExactlyOnceOnKafka runs where GOKASIM_BROKERS says where Apache Kafka is, best while brokers are killed and started.
func TestExactlyOnceOnKafka(t *testing.T) {
	brokers := realBrokers()
	if brokers == nil {
		t.Skip("GOKASIM_BROKERS is not set")
	}
	for _, idempotent := range []bool{true, false} {
		t.Run(fmt.Sprint("idempotent ", idempotent), func(t *testing.T) {
			const partitions = 6
			config := quick()
			config.Producer.Idempotent = idempotent
			config.Producer.Retry.Max = 1000
			config.Producer.Retry.Backoff = 100 * time.Millisecond
			config.Metadata.Retry.Backoff = 50 * time.Millisecond
			config.Producer.MaxMessageBytes = 20_000
			admin, err := sarama.NewClusterAdmin(brokers, config)
			if err != nil {
				t.Fatal(err)
			}
			defer admin.Close()
			topic := fmt.Sprintf("once-%d", time.Now().UnixNano())
			replicas := int16(min(3, len(brokers)))
			if err := admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: replicas}, false); err != nil {
				t.Fatal(err)
			}
			offices := []*office{{T: t, brokers: brokers}, {T: t, brokers: brokers}}
			for _, o := range offices {
				o.open(config)
			}
			offices[0].until("the topic is there", func() bool { return offices[0].write(topic, partitions-1, "first") == nil })
			random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
			writers := write(offices, random, topic, partitions, 25_000)
			for _, o := range offices {
				o.close()
			}
			logs := make(map[int32][]string)
			for partition := range int32(partitions) {
				logs[partition] = offices[0].read(topic, partition)
			}
			acknowledged := 0
			for i, w := range writers {
				acknowledged += w.promised(offices[i%len(offices)], logs, idempotent)
			}
			t.Log(acknowledged, "records are acknowledged")
		})
	}
}

// read is the values of a partition of Apache Kafka.
func (o *office) read(topic string, partition int32) []string {
	o.Helper()
	config := quick()
	config.Metadata.Retry.Max = 1000
	client, wires, err := connect(o.brokers, config)
	o.check(err)
	defer wires.cut()
	defer client.Close()
	var values []string
	for from, misses := int64(0), 0; ; {
		end, err := client.GetOffset(topic, partition, sarama.OffsetNewest)
		if err == nil && from >= end {
			return values
		}
		var response *sarama.FetchResponse
		if err == nil {
			var leader *sarama.Broker
			if leader, err = client.Leader(topic, partition); err == nil {
				request := &sarama.FetchRequest{Version: 11, MinBytes: 1, MaxBytes: 1 << 24, SessionEpoch: -1}
				request.AddBlock(topic, partition, from, 1<<24, -1)
				response, err = leader.Fetch(request)
			}
		}
		if err != nil || response.GetBlock(topic, partition) == nil || response.GetBlock(topic, partition).Err != sarama.ErrNoError {
			if misses++; misses > 300 {
				o.Fatalf("%s/%d cannot be read: %v", topic, partition, err)
			}
			_ = client.RefreshMetadata(topic)
			continue
		}
		for _, records := range response.GetBlock(topic, partition).RecordsSet {
			for _, r := range records.RecordBatch.Records {
				if records.RecordBatch.FirstOffset+r.OffsetDelta >= from {
					values = append(values, string(r.Value))
					from = records.RecordBatch.FirstOffset + r.OffsetDelta + 1
				}
			}
		}
	}
}
