package java

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gokasim/gokasim/parity/clients/internal/rig"
)

// TestStreamsCountsWordsExactlyOnce has Kafka Streams count words under exactly_once_v2, be killed (kill -9) and started
// again while lines come in: the counts of each word are 1, 2, 3, … without a gap and without one twice.
func TestStreamsCountsWordsExactlyOnce(t *testing.T) {
	rig.Each(t, func(t *testing.T, broker rig.Broker) {
		in, out := rig.Topic(t, broker, "lines", 4), rig.Topic(t, broker, "counts", 1)
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
		defer cancel()
		servers := kgo.SeedBrokers(strings.Split(broker.Servers, ",")...)
		writer, err := kgo.NewClient(servers, kgo.DefaultProduceTopic(in), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
		if err != nil {
			t.Fatal(err)
		}
		defer writer.Close()
		reader, err := kgo.NewClient(servers, kgo.ConsumeTopics(out), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()

		application, directory := rig.Name("wordcount"), t.TempDir()
		count := func() *rig.Process {
			return start(t, "WordCount", broker.Servers, application, in, out, directory)
		}
		want, got := map[string]int{}, map[string]int{}
		written, read := 0, 0
		write := func(lines int) {
			for range lines {
				line := fmt.Sprintf("all w%d x%d", written%10, written%7)
				for _, word := range strings.Fields(line) {
					want[word]++
				}
				written++
				writer.Produce(ctx, kgo.StringRecord(line), func(_ *kgo.Record, err error) {
					if err != nil {
						t.Error(err)
					}
				})
			}
			if err := writer.Flush(ctx); err != nil {
				t.Fatal(err)
			}
		}
		readTo := func(counts int) {
			for read < counts {
				fetches := reader.PollFetches(ctx)
				if err := fetches.Err(); err != nil {
					t.Fatalf("%d of %d counts came: %v", read, counts, err)
				}
				fetches.EachRecord(func(r *kgo.Record) {
					read++
					n, err := strconv.Atoi(string(r.Value))
					if word := string(r.Key); err != nil || n != got[word]+1 {
						t.Errorf("count %d of %q is %s, after %d", read, word, r.Value, got[word])
					}
					got[string(r.Key)]++
				})
			}
		}
		process := count()
		process.Await(t, "RUNNING", func(line string) bool { return line == "RUNNING" })
		write(500)
		readTo(600) // it is in the midst of it
		for range 2 {
			write(500)
			process.Kill()
			process = count()
			write(500)
			readTo(read + 600)
		}
		readTo(3 * written)
		process.Interrupt(t)
		for word, n := range want {
			if got[word] != n {
				t.Errorf("%q is counted %d times, and was written %d times", word, got[word], n)
			}
		}
	})
}
