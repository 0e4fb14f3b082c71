package sarama

import (
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

// The load: records of so many bytes in so many partitions, without compression.
const (
	records    = 500_000
	valueBytes = 100
	partitions = 8
)

var keys = func() []sarama.StringEncoder {
	keys := make([]sarama.StringEncoder, 10_000)
	for i := range keys {
		keys[i] = sarama.StringEncoder("key-" + strconv.Itoa(i))
	}
	return keys
}()

func (d door) produce(b *testing.B, topic string) {
	p, err := d.producer(newConfig())
	if err != nil {
		b.Fatal(err)
	}
	value := make(sarama.ByteEncoder, valueBytes)
	failed := make(chan error, 1)
	go func() {
		var first error
		for e := range p.Errors() {
			first = e
		}
		failed <- first
	}()
	messages := make([]sarama.ProducerMessage, records)
	for i := range messages {
		m := &messages[i]
		m.Topic, m.Key, m.Value = topic, keys[i%len(keys)], value
		p.Input() <- m
	}
	p.AsyncClose()
	if err := <-failed; err != nil {
		b.Fatal(err)
	}
}

func (d door) consume(b *testing.B, topic string) {
	c, err := d.consumer(newConfig())
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	left := make(chan int, partitions)
	for p := range int32(partitions) {
		pc, err := c.ConsumePartition(topic, p, sarama.OffsetOldest)
		if err != nil {
			b.Fatal(err)
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			n := 0
			for m := range pc.Messages() {
				n++
				if m.Offset+1 == pc.HighWaterMarkOffset() {
					break
				}
			}
			left <- n
			pc.AsyncClose()
			for range pc.Messages() { //nolint:revive // nothing is left
			}
		}()
	}
	wg.Wait()
	sum := 0
	for range partitions {
		sum += <-left
	}
	if sum != records {
		b.Fatalf("%d records were consumed, %d produced", sum, records)
	}
	if err := c.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkThroughput produces records through an asynchronous producer, and consumes them by a consumer of each partition.
func BenchmarkThroughput(b *testing.B) {
	for _, open := range doors() {
		probe := open(b)
		probe.close()
		b.Run(probe.name, func(b *testing.B) {
			var in, out cost
			for b.Loop() {
				d := open(b)
				topic := d.topic(b, partitions)
				in.add(func() { d.produce(b, topic) })
				out.add(func() { d.consume(b, topic) })
				d.close()
			}
			n := float64(b.N) * records
			b.ReportMetric(n/in.time.Seconds(), "in/s")
			b.ReportMetric(n/out.time.Seconds(), "out/s")
			b.ReportMetric(float64(in.cpu.Nanoseconds())/n, "in-cpu-ns/record")
			b.ReportMetric(float64(out.cpu.Nanoseconds())/n, "out-cpu-ns/record")
			b.ReportMetric(float64(in.allocs)/n, "in-allocs/record")
			b.ReportMetric(float64(out.allocs)/n, "out-allocs/record")
		})
	}
}

// cost is what something takes: time on the wall, time of processors, that of brokers in this process included, and
// allocations.
type cost struct {
	time, cpu time.Duration
	allocs    uint64
}

func (c *cost) add(f func()) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	cpu, start := processorTime(), time.Now()
	f()
	c.time += time.Since(start)
	c.cpu += processorTime() - cpu
	runtime.ReadMemStats(&after)
	c.allocs += after.Mallocs - before.Mallocs
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
