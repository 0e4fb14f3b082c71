package memkafka_test

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

func Example() {
	cluster := memkafka.New()
	defer cluster.Close()
	if err := cluster.CreateTopic("orders", 3); err != nil {
		log.Fatal(err)
	}
	offset, err := cluster.Produce("orders", 0, memkafka.Record{Key: []byte("k"), Value: []byte("v"), Timestamp: memkafka.NoTimestamp})
	if err != nil {
		log.Fatal(err)
	}
	records, err := cluster.Fetch("orders", 0, offset, 10)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d: %s=%s\n", records[0].Offset, records[0].Key, records[0].Value)
	// Output:
	// 0: k=v
}

// An acknowledgement is lost. A producer that is not idempotent sends the record again, which then stands in the log twice.
func ExampleCluster_SetFaults() {
	cluster := memkafka.New()
	defer cluster.Close()
	if err := cluster.CreateTopic("orders", 1); err != nil {
		log.Fatal(err)
	}
	err := cluster.SetFaults(`
on produce topic=orders nth=2 name=lost-ack: disconnect after-effect
on fetch name=never: drop-response
`)
	if err != nil {
		log.Fatal(err)
	}
	config := sarama.NewConfig()
	config.Producer.Return.Successes = true
	producer, err := saramaclient.NewSyncProducer(cluster, config)
	if err != nil {
		log.Fatal(err)
	}
	defer producer.Close()
	for _, v := range []string{"first", "second", "third"} {
		if _, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: "orders", Value: sarama.StringEncoder(v)}); err != nil {
			log.Fatal(err)
		}
	}
	records, err := cluster.Fetch("orders", 0, 0, 10)
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range records {
		fmt.Printf("%d %s\n", r.Offset, r.Value)
	}
	for _, f := range cluster.FaultCounts() {
		fmt.Printf("%s: %d of %d\n", f.Fault, f.Injected, f.Seen)
	}
	fmt.Println("missed:", cluster.MissedFaults())
	// Output:
	// 0 first
	// 1 second
	// 2 second
	// 3 third
	// lost-ack: 1 of 4
	// never: 0 of 0
	// missed: [never]
}

func ExampleParseFaults() {
	_, err := memkafka.ParseFaults("on produce: drop-respons")
	fmt.Println(err)
	plan, err := memkafka.ParseFaults("on produce   topic=orders nth=3:drop-response,move-leader")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(plan)
	// Output:
	// faults: line 1, column 13: drop-respons is no action; did you mean drop-response?
	// on produce topic=orders nth=3: drop-response, move-leader
}

func ExampleCluster_BrokerDown() {
	cluster := memkafka.New(memkafka.WithBrokers(3))
	defer cluster.Close()
	if err := cluster.CreateTopic("orders", 1, memkafka.WithReplication(2), memkafka.WithConfig("min.insync.replicas", "2")); err != nil {
		log.Fatal(err)
	}
	before, err := cluster.PartitionMetadata("orders", 0)
	if err != nil {
		log.Fatal(err)
	}
	if err := cluster.BrokerDown(before.Leader); err != nil {
		log.Fatal(err)
	}
	after, err := cluster.PartitionMetadata("orders", 0)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("moved:", after.Leader != before.Leader, "epoch:", after.LeaderEpoch, "in sync:", len(after.ISR), "offline:", len(after.Offline))
	// Output:
	// moved: true epoch: 1 in sync: 1 offline: 1
}

// A cluster in a file, to begin each test with.
func ExampleCluster_Snapshot() {
	cluster := memkafka.New()
	if err := cluster.CreateTopic("orders", 1); err != nil {
		log.Fatal(err)
	}
	if _, err := cluster.Append("orders", 0, memkafka.Record{Value: []byte("v")}); err != nil {
		log.Fatal(err)
	}
	var file bytes.Buffer
	if err := cluster.Snapshot(&file); err != nil {
		log.Fatal(err)
	}
	cluster.Close()

	again, err := memkafka.Restore(&file)
	if err != nil {
		log.Fatal(err)
	}
	defer again.Close()
	start, high, err := again.Offsets("orders", 0)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(again.Topics(), start, high)
	// Output:
	// [orders] 0 1
}

// In a testing/synctest bubble a cluster's time is virtual: eight days pass at once. In a test, call synctest.Test(t, …).
func Example_virtualTime() {
	synctest.Test(new(testing.T), func(*testing.T) {
		cluster := memkafka.New()
		defer cluster.Close()
		if err := cluster.CreateTopic("orders", 1, memkafka.WithConfig("retention.ms", "604800000")); err != nil {
			log.Fatal(err)
		}
		if _, err := cluster.Produce("orders", 0, memkafka.Record{Value: []byte("v"), Timestamp: memkafka.NoTimestamp}); err != nil {
			log.Fatal(err)
		}
		for range 2 {
			start, high, err := cluster.Offsets("orders", 0)
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println("readable records:", high-start)
			time.Sleep(8 * 24 * time.Hour)
			synctest.Wait()
		}
	})
	// Output:
	// readable records: 1
	// readable records: 0
}

// A cluster under a name is what brokers written mem://NAME lead to, once memkafka/saramaclient is imported: a program is
// tried on a cluster of one's own by its list of brokers alone.
func ExampleSetNamed() {
	cluster := memkafka.New(memkafka.WithBrokers(3))
	defer cluster.Close()
	release, err := memkafka.SetNamed("shop", cluster)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer release()

	fmt.Println(memkafka.Named("shop") == cluster) // mem://shop
	_, err = memkafka.SetNamed("shop", memkafka.New())
	fmt.Println(err)
	// Output:
	// true
	// mem://shop is taken by another cluster of this process; use another name, or release that one
}

// sarama's own client comes in by the wire door, here without a socket. Listen opens TCP ports for other processes.
func ExampleCluster_Dial() {
	cluster := memkafka.New()
	defer cluster.Close()
	if err := cluster.CreateTopic("orders", 3); err != nil {
		log.Fatal(err)
	}
	config := sarama.NewConfig()
	config.Net.Proxy.Enable = true
	config.Net.Proxy.Dialer = cluster
	client, err := sarama.NewClient(cluster.Addrs(), config)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	partitions, err := client.Partitions("orders")
	fmt.Println(partitions, err)
	// Output: [0 1 2] <nil>
}

// Errors of a cluster are Kafka's.
func ExampleErrorCode() {
	cluster := memkafka.New()
	defer cluster.Close()
	_, err := cluster.Produce("nowhere", 0, memkafka.Record{Value: []byte("v")})
	var code memkafka.ErrorCode
	if errors.As(err, &code) {
		fmt.Println(int16(code), code.Name())
	}
	// Output: 3 UNKNOWN_TOPIC_OR_PARTITION
}
