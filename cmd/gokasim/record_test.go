package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gokasim/gokasim/memkafka"
)

// listening is a cluster for commands that want a real one, and its bootstrap servers.
func listening(t *testing.T, options ...memkafka.Option) (*memkafka.Cluster, string) {
	t.Helper()
	t.Setenv("HOME", t.TempDir()) // nobody's kcat.conf
	t.Setenv("KCAT_CONFIG", "")
	cluster, err := memkafka.Open(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	l, err := cluster.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return cluster, l.Bootstrap()
}

func produce(t *testing.T, c *memkafka.Cluster, topic string, partition int32, records ...memkafka.Record) {
	t.Helper()
	if _, err := c.Produce(topic, partition, records...); err != nil {
		t.Fatal(err)
	}
}

// awkward are records that a copy easily damages.
func awkward() []memkafka.Record {
	return []memkafka.Record{
		{Key: []byte("k"), Value: []byte("v"), Timestamp: 1_700_000_000_000},
		{Key: nil, Value: []byte(""), Timestamp: 1_700_000_000_001},
		{Key: []byte(""), Value: nil, Timestamp: 1_700_000_000_002},
		{Key: []byte{0xfe, 0, 0x1f}, Value: []byte("a\n\"\\/\u2028<&>"), Timestamp: 1_700_000_000_003},
		{Key: []byte("h"), Value: []byte{0xff}, Timestamp: 1_600_000_000_000, Headers: []memkafka.Header{
			{Key: "a", Value: []byte("1")}, {Key: "a", Value: []byte("2")}, {Key: "nil"}, {Key: "empty", Value: []byte{}}, {Key: "bin", Value: []byte{0x80}},
		}},
	}
}

func TestARecordingIsLoadedBackAsItWas(t *testing.T) {
	c, brokers := listening(t)
	if err := c.CreateTopic("orders", 3); err != nil {
		t.Fatal(err)
	}
	for p := range int32(3) {
		produce(t, c, "orders", p, awkward()...)
	}
	for _, suffix := range []string{".jsonl", ".jsonl.gz", ".jsonl.zst"} {
		t.Run(suffix, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "orders"+suffix)
			code, stdout, stderr := runWith(t, "record", "orders", "-b", brokers, "--out", file, "--json")
			if code != 0 || stdout != `{"records":15,"topics":[{"topic":"orders","records":15}]}`+"\n" {
				t.Fatalf("record: status %d, stdout %q, stderr:\n%s", code, stdout, stderr)
			}
			if code, _, stderr := runWith(t, "record", "orders", "-b", brokers, "--out", file); code != 1 || !strings.Contains(stderr, file+" exists; --force replaces it") {
				t.Errorf("record over a file: status %d, stderr:\n%s", code, stderr)
			}
			other, there := listening(t)
			if code, _, stderr := runWith(t, "load", file, "-b", there); code != 0 || !strings.Contains(stderr, "15 records into topic orders, which was created, from 2020-09-13T12:26:40Z") {
				t.Fatalf("load: status %d, stderr:\n%s", code, stderr)
			}
			if n := other.Partitions("orders"); n != 3 {
				t.Errorf("loaded into %d partitions", n)
			}
			_, first, _ := runWith(t, "record", "orders", "-b", brokers)
			_, second, _ := runWith(t, "record", "orders", "-b", there)
			if first != second || strings.Count(first, "\n") != 15 {
				t.Errorf("recorded:\n%s\nand, loaded and recorded again:\n%s", first, second)
			}
		})
	}
}

func TestRecordsOfSeveralPartitionsComeByTime(t *testing.T) {
	c, brokers := listening(t)
	if err := c.CreateTopic("ticks", 4); err != nil {
		t.Fatal(err)
	}
	for i := range 400 {
		produce(t, c, "ticks", int32(i*7%4), memkafka.Record{Value: fmt.Append(nil, i), Timestamp: memkafka.Millis(1_700_000_000_000 + i)})
	}
	code, stdout, stderr := runWith(t, "record", "ticks", "-b", brokers)
	if code != 0 {
		t.Fatal(stderr)
	}
	for i, line := range strings.Split(strings.TrimSpace(stdout), "\n") {
		if !strings.HasSuffix(line, fmt.Sprintf(`"payload":"%d"}`, i)) {
			t.Fatalf("line %d is %s", i+1, line)
		}
	}
}

func TestAFilterChoosesWhatIsRecorded(t *testing.T) {
	c, brokers := listening(t)
	if err := c.CreateTopic("orders", 2); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		produce(t, c, "orders", int32(i%2), memkafka.Record{Value: fmt.Appendf(nil, `{"total":%d}`, i), Timestamp: memkafka.Millis(1_700_000_000_000 + i)})
	}
	produce(t, c, "orders", 0, memkafka.Record{Value: []byte("no JSON")})
	out := filepath.Join(t.TempDir(), "great.jsonl")
	code, stdout, stderr := runWith(t, "record", "orders", "-b", brokers, "--filter", "json.total >= 7", "--out", out, "--json")
	if code != 0 || stdout != `{"records":3,"topics":[{"topic":"orders","records":3}]}`+"\n" || !strings.Contains(stderr, "the filter failed at 1 record, left out; the first: orders/0 at offset 5") {
		t.Fatalf("status %d, stdout %q, stderr:\n%s", code, stdout, stderr)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		if !strings.Contains(line, fmt.Sprintf(`:%d}`, i+7)) {
			t.Errorf("line %d is %s", i+1, line)
		}
	}
}

func TestOffsetsAndTimesChooseWhatIsRecorded(t *testing.T) {
	c, brokers := listening(t)
	if err := c.CreateTopic("ticks", 1); err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	for i := range 10 {
		produce(t, c, "ticks", 0, memkafka.Record{Value: fmt.Append(nil, i), Timestamp: memkafka.Millis(start.Add(time.Duration(i) * time.Hour).UnixMilli())})
	}
	for _, tc := range []struct{ offset, want string }{
		{"start", "0123456789"},
		{"beginning", "0123456789"},
		{":end", "0123456789"},
		{"end", ""},
		{"3", "3456789"},
		{"3:", "3456789"},
		{"+8", "89"},
		{"-2", "89"},
		{"3:5", "34"},
		{":2", "01"},
		{"5:100", "56789"},
		{"100", ""},
		{"@2026-01-02", "0123456789"},
		{"@2026-01-02T07:30:00Z", "89"},
		{"@2026-01-02T02:00:00Z:2h", "23"},
		{"@2026-01-02T02:00:00Z:2026-01-02T05:00:00Z", "234"},
		{"@:2026-01-02T02:00:00Z", "01"},
		{"@1767315600000", "123456789"},
		{"@1767315600:1767319200", "1"},
		{"s@1767315600000 e@1767322800000", "12"},
	} {
		t.Run(tc.offset, func(t *testing.T) {
			args := []string{"record", "ticks", "-b", brokers}
			for _, o := range strings.Fields(tc.offset) {
				args = append(args, "--offset", o)
			}
			code, stdout, stderr := runWith(t, args...)
			var got strings.Builder
			for dec := json.NewDecoder(strings.NewReader(stdout)); dec.More(); {
				var rec struct{ Payload string }
				if err := dec.Decode(&rec); err != nil {
					t.Fatal(err)
				}
				got.WriteString(rec.Payload)
			}
			if code != 0 || got.String() != tc.want {
				t.Errorf("status %d, got %s, want %s; stderr:\n%s", code, &got, tc.want, stderr)
			}
		})
	}
}

func TestWrongRecordingsAndLoadsAreToldBeforeAnythingHappens(t *testing.T) {
	c, brokers := listening(t, memkafka.WithSetting("auto.create.topics.enable", "false"))
	if err := c.CreateTopic("narrow", 1); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	good, bad, bare := filepath.Join(dir, "good"), filepath.Join(dir, "bad"), filepath.Join(dir, "bare")
	for name, text := range map[string]string{
		good: `{"topic":"narrow","partition":2,"key":"k","payload":"v"}` + "\n",
		bad:  `{"topic":"narrow","key":"k","payload":"v"}` + "\n" + `{"topic":` + "\n",
		bare: `{"key":"k","payload":"v"}` + "\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		args string
		code int
		want string
	}{
		{"record -b B", 2, "name the topics to record"},
		{"record narrow", 2, "no brokers; name one, as in --brokers localhost:9092"},
		{"record narrow narrow -b B", 2, "topic narrow is named twice"},
		{"record narrow -b B --offset then", 2, `--offset: offsets "then": "then" is no offset`},
		{"record narrow -b B --offset @then", 2, `--offset: offsets "@then": "then" is no time`},
		{"record narrow -b B --offset 5:3", 2, "the end, 3, is before the beginning, 5"},
		{"record narrow -b B --offset 3:5 --follow", 2, "--follow has no end, and --offset gives one"},
		{"record narrow -b B --filter key", 2, "--filter key"},
		{"record narrow -b B --json", 2, "--json: the records are on standard output"},
		{"record none -b B", 1, "topic none does not exist on this cluster"},
		{"record narrow -b B -p 4", 1, "topic narrow has no partition 4; it has 1"},
		{"record narrow -b 127.0.0.1:1 --timeout 200ms", 1, "no broker of 127.0.0.1:1 answers within 200ms"},
		{"record narrow -b B --out " + dir + "/none/x", 1, "beginning a recording: open"},
		{"load -b B", 2, "name the files to load"},
		{"load GOOD -b B --key-column id", 2, "columns are named, and no input has any: " + good},
		{"record narrow -b B --force", 2, "--force and --fresh are about the file of --out; give --out"},
		{"load GOOD -b B --speed fast", 2, `--speed: "fast" is no pace`},
		{"load GOOD GOOD -b B", 2, "is named twice"},
		{"load GOOD -b B", 1, "topic narrow has 1 partitions, and the dump has records of partition 2; --hash spreads them by key"},
		{"load GOOD -b B --topic other --no-create", 1, "topic other does not exist; create it, or leave --no-create out"},
		{"load GOOD -b B --topic other --partitions 2", 1, "--partitions 2: the dump has records of partition 2"},
		{"load BAD -b B", 1, "1 line is no record, see above; nothing was loaded"},
		{"load BARE -b B", 1, "bare:1: the record names no topic; --topic NAME gives one"},
		{"load " + dir + "/none -b B", 1, "reading the dump: open"},
	} {
		t.Run(tc.args, func(t *testing.T) {
			args := strings.Fields(strings.NewReplacer("-b B", "-b "+brokers, "GOOD", good, "BAD", bad, "BARE", bare).Replace(tc.args))
			code, stdout, stderr := runWith(t, args...)
			if code != tc.code || stdout != "" || !strings.Contains(stderr, tc.want) {
				t.Errorf("status %d, stdout %q, stderr:\n%s\nwant %d: %s", code, stdout, stderr, tc.code, tc.want)
			}
		})
	}
	if _, high, err := c.Offsets("narrow", 0); err != nil || high != 0 {
		t.Errorf("something was loaded: %d records, %v", high, err)
	}
}

func TestADryRunLoadsNothing(t *testing.T) {
	c, brokers := listening(t)
	name := filepath.Join(t.TempDir(), "a.jsonl")
	if err := os.WriteFile(name, []byte(`{"topic":"new","partition":2,"ts":1700000000000,"headers":["trace","1","keep","2"],"key":"k","payload":"v"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := runWith(t, "load", name, "-b", brokers, "--dry-run", "--json")
	if code != 0 || c.Partitions("new") != 0 || !strings.Contains(stdout, `"partitions":3,"created":true,"first_ms":1700000000000`) {
		t.Errorf("status %d, %d partitions, stdout %q, stderr:\n%s", code, c.Partitions("new"), stdout, stderr)
	}
	if code, _, stderr = runWith(t, "load", name, "-b", brokers, "--drop-header", "trace"); code != 0 {
		t.Fatal(stderr)
	}
	recs, err := c.Fetch("new", 2, 0, 10)
	if err != nil || len(recs) != 1 || len(recs[0].Headers) != 1 || recs[0].Headers[0].Key != "keep" || recs[0].Timestamp != 1_700_000_000_000 {
		t.Errorf("loaded %+v, %v", recs, err)
	}
}

// TestWhatThereIsComesByTimeBeforeWhatFollows follows a topic that has records already, in one partition at the end none that is left.
func TestWhatThereIsComesByTimeBeforeWhatFollows(t *testing.T) {
	c, brokers := listening(t)
	if err := c.CreateTopic("ticks", 4); err != nil {
		t.Fatal(err)
	}
	const old, now = 4000, 4020
	for i := range old {
		produce(t, c, "ticks", int32(i*7%4), memkafka.Record{Value: fmt.Append(nil, i), Timestamp: memkafka.Millis(1_700_000_000_000 + i)})
	}
	abort(t, brokers, "ticks", 2)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	in, out := io.Pipe()
	var errs strings.Builder
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"record", "ticks", "-b", brokers, "--follow"}, out, &errs)
		_ = out.Close() // a pipe's end never fails
	}()
	lines := bufio.NewScanner(in)
	for i := range now {
		if i == old {
			for j := range now - old {
				produce(t, c, "ticks", 0, memkafka.Record{Value: fmt.Append(nil, old+j), Timestamp: memkafka.Millis(1_600_000_000_000 + j)})
			}
		}
		if !lines.Scan() || !strings.HasSuffix(lines.Text(), fmt.Sprintf(`"payload":"%d"}`, i)) {
			t.Fatalf("line %d is %s", i+1, lines.Text())
		}
	}
	interrupt()
	if lines.Scan() {
		t.Errorf("one more line: %s", lines.Text())
	}
	if status := <-code; status != 0 {
		t.Errorf("status %d, stderr:\n%s", status, &errs)
	}
}

// abort writes a record in a transaction that is aborted.
func abort(t *testing.T, brokers, topic string, partition int32) {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(brokers), kgo.TransactionalID("aborts"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err = c.BeginTransaction()
	if err == nil {
		err = c.ProduceSync(ctx, &kgo.Record{Topic: topic, Partition: partition, Value: []byte("aborted")}).FirstErr()
	}
	if err == nil {
		err = c.EndTransaction(ctx, kgo.TryAbort)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestARecordingFollowsUntilItIsInterrupted(t *testing.T) {
	c, brokers := listening(t)
	if err := c.CreateTopic("ticks", 2); err != nil {
		t.Fatal(err)
	}
	produce(t, c, "ticks", 0, memkafka.Record{Value: []byte("old")})
	name := filepath.Join(t.TempDir(), "ticks.jsonl")
	ctx, interrupt := context.WithCancel(t.Context())
	var out, errs strings.Builder
	code := make(chan int)
	go func() {
		code <- run(ctx, []string{"record", "ticks", "-b", brokers, "--follow", "--out", name}, &out, &errs)
	}()
	for n := range 3 {
		produce(t, c, "ticks", 1, memkafka.Record{Value: fmt.Append(nil, n)})
		for deadline := time.Now().Add(20 * time.Second); ; {
			text, err := os.ReadFile(name + ".part")
			if err == nil && bytes.Count(text, []byte("\n")) == n+2 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("after %d records %s.part has:\n%s", n+2, name, text)
			}
		}
	}
	interrupt()
	if status := <-code; status != 0 {
		t.Fatalf("status %d, stderr:\n%s", status, &errs)
	}
	text, err := os.ReadFile(name)
	if err != nil || bytes.Count(text, []byte("\n")) != 4 {
		t.Errorf("%v, recorded:\n%s", err, text)
	}
}

// TestARecordingThatIsKilledGoesOn kills the command at any moment. GOKASIM_KILLS=50 does it as often.
func TestARecordingThatIsKilledGoesOn(t *testing.T) {
	c, brokers := listening(t)
	if err := c.CreateTopic("ticks", 4); err != nil {
		t.Fatal(err)
	}
	batch := make([]memkafka.Record, 1000)
	for i := range 200 {
		for j := range batch {
			n := i*len(batch) + j
			batch[j] = memkafka.Record{Key: fmt.Append(nil, n), Value: bytes.Repeat([]byte("v"), 100), Timestamp: memkafka.Millis(1_700_000_000_000 + n)}
		}
		produce(t, c, "ticks", int32(i%4), batch...)
	}
	dir := t.TempDir()
	whole, cut := filepath.Join(dir, "whole.jsonl.gz"), filepath.Join(dir, "cut.jsonl.gz")
	begun := time.Now()
	if code, _, stderr := runWith(t, "record", "ticks", "-b", brokers, "--out", whole); code != 0 {
		t.Fatal(stderr)
	}
	takes := time.Since(begun)
	rng := rand.New(rand.NewPCG(1, 2))
	killed := 0
	for killed < kills(t) {
		cmd := exec.Command("gokasim", "record", "ticks", "-b", brokers, "--out", cut)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(rng.Int64N(int64(takes))), func() { _ = cmd.Process.Kill() }) // it may have ended
		err := cmd.Wait()
		timer.Stop()
		switch {
		case err == nil: // it was complete before it was killed
			same(t, whole, cut)
			if err := os.Remove(cut); err != nil {
				t.Fatal(err)
			}
		case cmd.ProcessState.ExitCode() >= 0:
			t.Fatalf("%v, stderr:\n%s", err, &stderr)
		default:
			killed++
			if _, err := os.Stat(cut); err != nil {
				continue
			}
			same(t, whole, cut)
			if _, err := os.Stat(cut + ".part.json"); err != nil { // it was complete, and had nothing left to do
				if err := os.Remove(cut); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if code, _, stderr := runWith(t, "record", "ticks", "-b", brokers, "--out", cut); code != 0 && !strings.Contains(stderr, "exists; --force") {
		t.Fatal(stderr)
	}
	same(t, whole, cut)
	if left, err := filepath.Glob(cut + ".*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

func same(t *testing.T, a, b string) {
	t.Helper()
	x, errx := os.ReadFile(a)
	y, erry := os.ReadFile(b)
	if errx != nil || erry != nil || !bytes.Equal(x, y) {
		t.Fatalf("%s (%d bytes, %v) and %s (%d bytes, %v) differ", a, len(x), errx, b, len(y), erry)
	}
}

func TestARecordingEndsWhenItsTopicIsDeleted(t *testing.T) {
	c, brokers := listening(t)
	if err := c.CreateTopic("ticks", 1); err != nil {
		t.Fatal(err)
	}
	produce(t, c, "ticks", 0, memkafka.Record{Value: []byte("old")})
	name := filepath.Join(t.TempDir(), "ticks.jsonl")
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	deleted := make(chan error, 1)
	go func() {
		for ctx.Err() == nil { // until the record is there
			if info, err := os.Stat(name + ".part"); err == nil && info.Size() > 0 {
				break
			}
			runtime.Gosched()
		}
		_, err := kadm.NewClient(client).DeleteTopics(ctx, "ticks")
		deleted <- err
	}()
	var out, errs strings.Builder
	if code := run(ctx, []string{"record", "ticks", "-b", brokers, "--follow", "--out", name}, &out, &errs); code != 1 || !strings.Contains(errs.String(), "topic ticks was deleted while it was recorded") {
		t.Errorf("status %d, stderr:\n%s", code, &errs)
	}
	if err := <-deleted; err != nil {
		t.Fatal(err)
	}
}

func TestTwoRecordingsDoNotShareAFile(t *testing.T) {
	c, brokers := listening(t)
	if err := c.CreateTopic("ticks", 1); err != nil {
		t.Fatal(err)
	}
	produce(t, c, "ticks", 0, memkafka.Record{Value: []byte("old")}, memkafka.Record{Value: []byte("new")})
	name := filepath.Join(t.TempDir(), "ticks.jsonl")
	args := []string{"record", "ticks", "-b", brokers, "--follow", "--out", name}
	cmd := exec.Command("gokasim", args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; runtime.Gosched() {
		if text, err := os.ReadFile(name + ".part"); err == nil && bytes.Count(text, []byte("\n")) == 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing was recorded")
		}
	}
	if code, _, stderr := runWith(t, args...); code != 1 || !strings.Contains(stderr, "another recording into the same file is under way") {
		t.Errorf("a second recording: status %d, stderr:\n%s", code, stderr)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	for _, other := range [][]string{{"--offset", "1"}, {"--uncommitted"}} {
		if code, _, stderr := runWith(t, append(args, other...)...); code != 1 || !strings.Contains(stderr, "what another recording left") {
			t.Errorf("going on with %s: status %d, stderr:\n%s", other, code, stderr)
		}
	}
}
