package memkafka_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gokasim/gokasim/memkafka"
)

func opened(t *testing.T, dir string, options ...memkafka.Option) *memkafka.Kept {
	t.Helper()
	k, err := memkafka.OpenDir(dir, memkafka.KeepOptions{}, options...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func produced(t *testing.T, k *memkafka.Kept, values ...string) {
	t.Helper()
	for _, v := range values {
		if _, err := k.Produce("orders", 1, memkafka.Record{Timestamp: 5, Value: []byte(v)}); err != nil {
			t.Fatal(err)
		}
	}
}

func kept(t *testing.T, k *memkafka.Kept) string {
	t.Helper()
	records, err := k.Fetch("orders", 1, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, r := range records {
		values = append(values, string(r.Value))
	}
	return strings.Join(values, " ")
}

func TestAClusterInADirectoryGoesOn(t *testing.T) {
	dir := t.TempDir()
	k := opened(t, dir)
	if err := k.CreateTopic("orders", 2); err != nil {
		t.Fatal(err)
	}
	produced(t, k, "a", "b")
	if err := k.Tidy(); err != nil {
		t.Fatal(err)
	}
	produced(t, k, "c")
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		k = opened(t, dir)
		produced(t, k, "d")
		if err := errors.Join(k.Close(), k.Close()); err != nil {
			t.Fatal(err)
		}
	}
	k = opened(t, dir)
	defer func() { _ = k.Close() }() // it was looked at
	if got := kept(t, k); got != "a b c d d" {
		t.Errorf("the topic has %q", got)
	}
}

func TestALeaderThatLostRecordsIsKeptSo(t *testing.T) {
	dir := t.TempDir()
	k := opened(t, dir, memkafka.WithBrokers(2))
	if err := k.CreateTopic("orders", 2, memkafka.WithReplication(2), memkafka.WithConfig("unclean.leader.election.enable", "true")); err != nil {
		t.Fatal(err)
	}
	produced(t, k, "a")
	m, err := k.PartitionMetadata("orders", 1)
	if err != nil {
		t.Fatal(err)
	}
	follower := 3 - m.Leader
	if err := errors.Join(k.BrokerDown(follower)); err != nil {
		t.Fatal(err)
	}
	produced(t, k, "lost")
	if err := errors.Join(k.BrokerDown(m.Leader), k.BrokerUp(follower)); err != nil {
		t.Fatal(err)
	}
	produced(t, k, "b")
	want := kept(t, k)
	if want != "a b" {
		t.Fatalf("the topic has %q", want)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	k = opened(t, dir)
	defer func() { _ = k.Close() }() // it was looked at
	if got := kept(t, k); got != want {
		t.Errorf("the topic has %q, and had %q", got, want)
	}
}

func TestWhatWasWrittenInPartIsLeftOut(t *testing.T) {
	dir := t.TempDir()
	k := opened(t, dir)
	if err := k.CreateTopic("orders", 2); err != nil {
		t.Fatal(err)
	}
	produced(t, k, "a", "b")
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	journals, err := filepath.Glob(filepath.Join(dir, "*.journal"))
	if err != nil || len(journals) != 1 {
		t.Fatal(journals, err)
	}
	whole, err := os.ReadFile(journals[0])
	if err != nil {
		t.Fatal(err)
	}
	for cut := range 60 {
		if err := os.WriteFile(journals[0], whole[:len(whole)-cut], 0o600); err != nil {
			t.Fatal(err)
		}
		k := opened(t, dir)
		if got := kept(t, k); got != "a b" && (got != "a" || cut == 0) {
			t.Errorf("%d bytes less: the topic has %q", cut, got)
		}
		if err := k.Close(); err != nil {
			t.Fatal(err)
		}
	}
	damaged := append([]byte{}, whole...)
	damaged[20] ^= 1
	if err := os.WriteFile(journals[0], damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := memkafka.OpenDir(dir, memkafka.KeepOptions{}); !errors.Is(err, memkafka.ErrSnapshot) || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged journal: %v", err)
	}
}
