package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// started is gokasim serve as a program of its own.
type started struct {
	cmd       *exec.Cmd
	bootstrap string
	stderr    strings.Builder
}

func start(ctx context.Context, t *testing.T, path string, args ...string) *started {
	t.Helper()
	s := &started{cmd: exec.CommandContext(ctx, path, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)}
	s.cmd.Stderr = &s.stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = s.cmd.Wait() // it has ended
		t.Fatalf("no first line: %v; standard error:\n%s", err, &s.stderr)
	}
	s.bootstrap = strings.TrimSpace(line)
	return s
}

// kill ends it as kill -9 does.
func (s *started) kill(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.cmd.Wait() // it was killed
}

// end ends it by a signal.
func (s *started) end(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Fatalf("%v; standard error:\n%s", err, &s.stderr)
	}
}

func (s *started) client(t *testing.T, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append(options, kgo.SeedBrokers(strings.Split(s.bootstrap, ",")...), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// read is all of a partition's values, by offset.
func (s *started) read(ctx context.Context, t *testing.T, topic string, partition int32, end int64) map[int64]string {
	t.Helper()
	c := s.client(t, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: kgo.NewOffset().AtStart()}}))
	defer c.Close()
	values := map[int64]string{}
	for at := int64(0); at < end; {
		fetches := c.PollFetches(ctx)
		if err := errors.Join(fetches.Err0(), ctx.Err()); err != nil {
			t.Fatalf("%s/%d from %d of %d: %v; standard error:\n%s", topic, partition, at, end, err, &s.stderr)
		}
		fetches.EachRecord(func(r *kgo.Record) { values[r.Offset] = string(r.Value); at = r.Offset + 1 })
	}
	return values
}

// kills is how often tests kill a program: GOKASIM_KILLS, or 4 times, 2 in short runs.
func kills(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("GOKASIM_KILLS"))
	switch {
	case err == nil:
		return n
	case testing.Short():
		return 2
	}
	return 4
}

// TestWhatAClientWasToldOutlivesKill writes records, topics and offsets, kills the program at any moment, and looks whether all
// that was acknowledged is there. GOKASIM_KILLS=50 does it as often.
func TestWhatAClientWasToldOutlivesKill(t *testing.T) {
	path, dir := program(t), t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	rng := rand.New(rand.NewPCG(1, 2))
	const topic, group = "kept", "readers"
	var acked [2]map[int64]string
	for p := range acked {
		acked[p] = map[int64]string{}
	}
	committed, topics := int64(0), []string{}
	n := 0
	for round := range kills(t) + 1 {
		s := start(ctx, t, path, "--data", dir, "--topic", topic+":2:cleanup.policy=delete,retention.ms=-1")
		c := s.client(t, kgo.ProducerLinger(0), kgo.DisableIdempotentWrite()) // an idempotent one goes on until it knows
		admin := kadm.NewClient(c)
		ends, err := admin.ListEndOffsets(ctx, topic)
		if err != nil || ends.Error() != nil {
			t.Fatal(errors.Join(err, ends.Error()))
		}
		for p := range acked {
			end, _ := ends.Lookup(topic, int32(p))
			have := s.read(ctx, t, topic, int32(p), end.Offset)
			for offset, want := range acked[p] {
				if have[offset] != want {
					t.Fatalf("round %d: partition %d has %q at offset %d, acknowledged was %q; it ends at %d; standard error:\n%s",
						round, p, have[offset], offset, want, end.Offset, &s.stderr)
				}
			}
		}
		offsets, err := admin.FetchOffsets(ctx, group)
		if err != nil && round > 0 {
			t.Fatal(err)
		}
		if o, _ := offsets.Lookup(topic, 0); round > 0 && o.At < committed {
			t.Fatalf("round %d: the group is at %d, acknowledged was %d", round, o.At, committed)
		}
		details, err := admin.ListTopics(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range topics {
			if !slices.Contains(details.Names(), name) {
				t.Fatalf("round %d: topic %s is not there", round, name)
			}
		}
		dead := make(chan struct{})
		go func() {
			defer close(dead)
			timer := time.NewTimer(time.Duration(rng.IntN(120)) * time.Millisecond)
			defer timer.Stop()
			<-timer.C
			s.kill(t)
		}()
		write, stop := context.WithCancel(ctx)
		go func() { <-dead; stop() }()
		for write.Err() == nil {
			n++
			r := &kgo.Record{Topic: topic, Partition: int32(n % 2), Value: fmt.Append(nil, "record ", n, strings.Repeat("x", n%900))}
			if err := c.ProduceSync(write, r).FirstErr(); err != nil {
				break
			}
			acked[r.Partition][r.Offset] = string(r.Value)
			if n%5 == 0 {
				var o kadm.Offsets
				o.AddOffset(topic, 0, int64(n), -1)
				if answer, err := admin.CommitOffsets(write, group, o); err == nil && answer.Error() == nil {
					committed = int64(n)
				}
			}
			if name := fmt.Sprint("topic", n); n%20 == 0 {
				if answer, err := admin.CreateTopic(write, 1, 1, nil, name); err == nil && answer.Err == nil {
					topics = append(topics, name)
				}
			}
		}
		<-dead
		c.Close()
	}
	if len(acked[0]) == 0 || committed == 0 {
		t.Errorf("%d records and offset %d were acknowledged, want some", len(acked[0]), committed)
	}
	t.Logf("%d kills, %d records and %d topics acknowledged", kills(t), len(acked[0])+len(acked[1]), len(topics))
}

func TestServeLoadsADumpOnce(t *testing.T) {
	path, dir := program(t), t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dumped := filepath.Join(dir, "orders.jsonl")
	const lines = `{"topic":"orders","partition":0,"offset":7,"tstype":"create","ts":1357035420000,"broker":1,"headers":["a","1","nil",null],"key":"k1","payload":"one"}
{"topic":"orders","partition":2,"offset":9,"tstype":"create","ts":1357035420001,"broker":1,"key":null,"payload":null}
`
	if err := os.WriteFile(dumped, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // it is there already the second time
		s := start(ctx, t, path, "--data-dir", filepath.Join(dir, "kept"), "--load", dumped)
		code, stdout, stderr := runWith(t, "record", "orders", "-b", s.bootstrap)
		if code != 0 {
			t.Fatal(stderr)
		}
		want := strings.NewReplacer(`"offset":7`, `"offset":0`, `"offset":9`, `"offset":0`).Replace(lines)
		if stdout != want {
			t.Errorf("recorded:\n%s\nwant:\n%s", stdout, want)
		}
		s.end(t)
	}
}

func TestServeTakesTheNamesOfKclFake(t *testing.T) {
	path, dir := program(t), t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	faults := filepath.Join(dir, "faults")
	if err := os.WriteFile(faults, []byte("on find-coordinator nth=1 name=lost: error COORDINATOR_NOT_AVAILABLE\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(ctx, t, path, "--ports", "0,0", "--seed-topic", "seeded:4", "-c", "num.partitions=3", "--as-version", "3.8",
		"--data-dir", filepath.Join(dir, "data"), "--sync", "--faults", faults, "--log-level", "debug")
	c := s.client(t)
	defer c.Close()
	details, err := kadm.NewClient(c).ListTopics(ctx)
	if err != nil || len(details["seeded"].Partitions) != 4 || len(strings.Split(s.bootstrap, ",")) != 2 {
		t.Errorf("%v: topics %v at %s", err, details.Names(), s.bootstrap)
	}
	s.end(t)
	if !strings.Contains(s.stderr.String(), "brokers are up") || !strings.Contains(s.stderr.String(), "fault=lost") {
		t.Errorf("standard error:\n%s", &s.stderr)
	}
}

func TestADirectoryOfOneProcessAtATime(t *testing.T) {
	path, dir := program(t), t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s := start(ctx, t, path, "--data", dir)
	out, err := exec.CommandContext(ctx, path, "serve", "--listen", "127.0.0.1:0", "--data", dir).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "is in use by another process") {
		t.Errorf("%v:\n%s", err, out)
	}
	s.end(t)
}
