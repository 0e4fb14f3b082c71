package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gokasim/gokasim/memkafka"
)

// TestRecordPrintsWhatKcatPrints compares byte by byte, on a cluster here, and on Apache Kafka where KAFKA_BROKERS names one.
func TestRecordPrintsWhatKcatPrints(t *testing.T) {
	if _, err := exec.LookPath("kcat"); err != nil {
		t.Skip("kcat is not installed")
	}
	t.Run("memkafka", func(t *testing.T) {
		_, brokers := listening(t, memkafka.WithSetting("log.cleaner.backoff.ms", "100"))
		compareWithKcat(t, brokers)
	})
	t.Run("apache", func(t *testing.T) {
		brokers := os.Getenv("KAFKA_BROKERS")
		if brokers == "" {
			t.Skip("KAFKA_BROKERS names no Apache Kafka")
		}
		t.Setenv("HOME", t.TempDir()) // nobody's kcat.conf
		t.Setenv("KCAT_CONFIG", "")
		compareWithKcat(t, brokers)
	})
}

func compareWithKcat(t *testing.T, brokers string) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(brokers, ",")...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	k := &kcatComparison{ctx: ctx, brokers: brokers, client: client, admin: kadm.NewClient(client)}
	start := time.Now().Add(-time.Hour).UnixMilli()
	at := func(i int) time.Time { return time.UnixMilli(start + int64(i)) }

	t.Run("text, nulls and headers", func(t *testing.T) {
		topic := k.topic(t, nil)
		k.produce(t,
			&kgo.Record{Topic: topic, Timestamp: at(0), Key: []byte("k"), Value: []byte("v")},
			&kgo.Record{Topic: topic, Timestamp: at(1), Value: []byte("")},
			&kgo.Record{Topic: topic, Timestamp: at(2), Key: []byte("")},
			&kgo.Record{Topic: topic, Timestamp: at(3), Key: []byte("zwei ü \U0001F600"), Value: []byte("a\x00\x1f\b\f\n\r\t\"\\/<&>\x7f\u2028")},
			&kgo.Record{Topic: topic, Timestamp: at(4), Key: []byte("h"), Value: []byte("x"), Headers: []kgo.RecordHeader{
				{Key: "a", Value: []byte("1")}, {Key: "a", Value: []byte("2")}, {Key: "nil"}, {Key: "empty", Value: []byte{}}, {Key: "ü\n", Value: []byte("ü\n")},
			}})
		k.same(t, topic, 5)
	})
	t.Run("bytes", func(t *testing.T) {
		topic := k.topic(t, nil)
		every := make([]byte, 256)
		for i := range every {
			every[i] = byte(i)
		}
		k.produce(t, &kgo.Record{Topic: topic, Timestamp: at(0), Key: []byte{0xfe, 0, 0x1f}, Value: every, Headers: []kgo.RecordHeader{{Key: "b", Value: []byte{0x80}}}},
			&kgo.Record{Topic: topic, Timestamp: at(1), Key: []byte("k"), Value: []byte{0xed, 0xa0, 0x80}})
		k.same(t, topic, 2, "--raw")
		k.valid(t, topic)
	})
	t.Run("times of the broker", func(t *testing.T) {
		topic := k.topic(t, map[string]string{"message.timestamp.type": "LogAppendTime"})
		k.produce(t, &kgo.Record{Topic: topic, Timestamp: at(0), Value: []byte("v")})
		if text := k.same(t, topic, 1); !strings.Contains(text, `"tstype":"logappend"`) {
			t.Error(text)
		}
	})
	t.Run("transactions", func(t *testing.T) {
		topic := k.topic(t, nil)
		k.produce(t, &kgo.Record{Topic: topic, Timestamp: at(0), Value: []byte("before")})
		k.transact(t, topic, kgo.TryCommit, "committed 1", "committed 2")
		k.transact(t, topic, kgo.TryAbort, "aborted")
		k.transact(t, topic, kgo.TryCommit, "committed 3")
		text := k.same(t, topic, 4)
		if strings.Contains(text, "aborted") {
			t.Error(text)
		}
		open := k.begin(t, topic, "open")
		k.produce(t, &kgo.Record{Topic: topic, Timestamp: at(9), Value: []byte("behind an open one")})
		k.same(t, topic, 4)
		if err := open.EndTransaction(ctx, kgo.TryAbort); err != nil {
			t.Fatal(err)
		}
		open.Close()
		k.same(t, topic, 5)
	})
	t.Run("compacted", func(t *testing.T) {
		topic := k.topic(t, map[string]string{
			"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.001", "min.compaction.lag.ms": "0", "max.compaction.lag.ms": "100",
		})
		for i := range 40 {
			k.produce(t, &kgo.Record{Topic: topic, Timestamp: at(i), Key: fmt.Append(nil, i%3), Value: fmt.Append(nil, i)})
		}
		for n, deadline := 40, time.Now().Add(time.Minute); n > 10; { // until it has holes
			if time.Now().After(deadline) {
				t.Fatalf("%d records are left after a minute; nothing is compacted", n)
			}
			k.produce(t, &kgo.Record{Topic: topic, Value: []byte("x"), Key: []byte("tick"), Timestamp: time.Now()}) // rolls a segment
			n = strings.Count(k.record(t, topic), "\n")
		}
		k.settle(t, topic)
	})
}

// kcatComparison puts records into topics of one partition, and reads them in two ways.
type kcatComparison struct {
	ctx     context.Context
	brokers string
	client  *kgo.Client
	admin   *kadm.Client
	topics  int
}

func (k *kcatComparison) topic(t *testing.T, configs map[string]string) string {
	t.Helper()
	k.topics++
	name := fmt.Sprintf("kcat-%d-%d", time.Now().UnixNano(), k.topics)
	all := map[string]*string{}
	for name, value := range configs {
		all[name] = &value
	}
	if _, err := k.admin.CreateTopic(k.ctx, 1, 1, all, name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := k.admin.DeleteTopics(context.WithoutCancel(k.ctx), name); err != nil {
			t.Error(err)
		}
	})
	return name
}

func (k *kcatComparison) produce(t *testing.T, records ...*kgo.Record) {
	t.Helper()
	if err := k.client.ProduceSync(k.ctx, records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// begin begins a transaction that has one record on the cluster.
func (k *kcatComparison) begin(t *testing.T, topic, value string) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(k.brokers, ",")...), kgo.TransactionalID(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err == nil {
		err = c.BeginTransaction()
	}
	if err == nil {
		err = c.ProduceSync(k.ctx, &kgo.Record{Topic: topic, Value: []byte(value)}).FirstErr()
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (k *kcatComparison) transact(t *testing.T, topic string, how kgo.TransactionEndTry, values ...string) {
	t.Helper()
	c := k.begin(t, topic, values[0])
	defer c.Close()
	for _, v := range values[1:] {
		if err := c.ProduceSync(k.ctx, &kgo.Record{Topic: topic, Value: []byte(v)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.EndTransaction(k.ctx, how); err != nil {
		t.Fatal(err)
	}
}

func (k *kcatComparison) record(t *testing.T, topic string, args ...string) string {
	t.Helper()
	code, stdout, stderr := runWith(t, append([]string{"record", topic, "-b", k.brokers}, args...)...)
	if code != 0 {
		t.Fatalf("status %d, stderr:\n%s", code, stderr)
	}
	return stdout
}

func (k *kcatComparison) kcat(t *testing.T, topic string) string {
	t.Helper()
	cmd := exec.CommandContext(k.ctx, "kcat", "-b", k.brokers, "-C", "-t", topic, "-e", "-q", "-J")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("kcat: %v\n%s", err, &stderr)
	}
	return string(out)
}

// same compares the two, which have so many records.
func (k *kcatComparison) same(t *testing.T, topic string, records int, args ...string) string {
	t.Helper()
	want, got := k.kcat(t, topic), k.record(t, topic, args...)
	if got != want || strings.Count(want, "\n") != records {
		t.Errorf("want %d records; kcat prints\n%s\nrecord prints\n%s", records, want, got)
	}
	return got
}

// settle compares the two while the topic may still be compacted: they have to print the same once.
func (k *kcatComparison) settle(t *testing.T, topic string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		before, got := k.kcat(t, topic), k.record(t, topic)
		if before == got {
			return
		}
		if after := k.kcat(t, topic); after == before || time.Now().After(deadline) {
			t.Fatalf("kcat prints\n%s\nrecord prints\n%s", before, got)
		}
	}
}

// valid checks that what is recorded without --raw is JSON, and is loaded back as the same bytes.
func (k *kcatComparison) valid(t *testing.T, topic string) {
	t.Helper()
	text := k.record(t, topic)
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if i := slices.IndexFunc(lines, func(l string) bool { return !json.Valid([]byte(l)) }); i >= 0 {
		t.Errorf("this is no JSON: %s", lines[i])
	}
	copied := k.topic(t, nil)
	dump := filepath.Join(t.TempDir(), "dump.jsonl")
	if err := os.WriteFile(dump, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := runWith(t, "load", dump, "-b", k.brokers, "--topic", copied); code != 0 {
		t.Fatal(stderr)
	}
	if want, got := strings.ReplaceAll(k.kcat(t, topic), topic, copied), k.kcat(t, copied); got != want {
		t.Errorf("kcat prints of the copy\n%q\nwant\n%q", got, want)
	}
}
