package memkafka_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/memkafka"
)

func TestSnapshotAndRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.New(memkafka.WithBrokers(2))
		defer c.Close()
		if err := c.CreateTopic("t", 1, memkafka.WithReplication(2), memkafka.WithConfig("cleanup.policy", "compact"), memkafka.WithConfig("segment.ms", "30000")); err != nil {
			t.Fatal(err)
		}
		fill(t, c, "t", 100)
		if err := c.BrokerDown(1); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := c.Snapshot(&b); err != nil {
			t.Fatal(err)
		}
		r, err := memkafka.Restore(bytes.NewReader(b.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		read := func(c *memkafka.Cluster) []memkafka.Record {
			t.Helper()
			records, err := c.Fetch("t", 0, 0, 1000)
			if err != nil {
				t.Fatal(err)
			}
			return records
		}
		if diff := cmp.Diff(read(c), read(r)); diff != "" {
			t.Errorf("records (-original +restored):\n%s", diff)
		}
		if diff := cmp.Diff([]int32{2}, r.Brokers()); diff != "" {
			t.Errorf("brokers (-want +got):\n%s", diff)
		}
		if offset, err := r.Produce("t", 0, record("k", "v")); err != nil || offset != 100 {
			t.Errorf("produced to offset %d (%v), want 100", offset, err)
		}
		// The log cleaner of the restored cluster is at work, too.
		have := len(read(r))
		fill(t, r, "t", 40)
		time.Sleep(time.Minute)
		synctest.Wait()
		if now := len(read(r)); now >= have+40 {
			t.Errorf("%d records are there: %d and 40, so the cleaner did not run", now, have)
		}
	})
}

func TestRestoreRefuses(t *testing.T) {
	c := memkafka.New(memkafka.WithBrokers(3))
	defer c.Close()
	if err := c.CreateTopic("t", 1, memkafka.WithReplication(3)); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := c.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		data    string
		options []memkafka.Option
		want    string
	}{
		"no snapshot":     {"{}", nil, "it does not begin with"},
		"fewer brokers":   {b.String(), []memkafka.Option{memkafka.WithBrokers(2)}, `topic "t": partition 0: BROKER_NOT_AVAILABLE: broker 3 does not exist`},
		"a wrong option":  {b.String(), []memkafka.Option{memkafka.WithBrokers(0)}, "0 is not a number of brokers"},
		"other keeping":   {b.String(), []memkafka.Option{memkafka.WithCoordinatorRecords(true)}, "leave WithCoordinatorRecords out"},
		"damaged in head": {strings.Replace(b.String(), "default", "defAult", 1) + " ", nil, "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := memkafka.Restore(strings.NewReader(tt.data), tt.options...)
			if err == nil {
				r.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
	if _, err := memkafka.Restore(strings.NewReader("x")); !errors.Is(err, memkafka.ErrSnapshot) {
		t.Errorf("error %v does not wrap ErrSnapshot", err)
	}
	c.Close()
	if err := c.Snapshot(&bytes.Buffer{}); !errors.Is(err, memkafka.ErrClosed) {
		t.Errorf("snapshot of a closed cluster: %v, want ErrClosed", err)
	}
}

func TestARestoredClusterCanBeDriven(t *testing.T) {
	digest := func(data []byte) (digest string) {
		synctest.Test(t, func(t *testing.T) {
			c, d, err := memkafka.RestoreDriven(bytes.NewReader(data), 7, synctest.Wait)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			n := 0
			d.AddFeed(&memkafka.Feed{Name: "numbers", Next: func() (memkafka.TopicPartition, memkafka.Record, bool) {
				n++
				return memkafka.TopicPartition{Topic: "t"}, record("k", fmt.Sprint(n)), n <= 20
			}})
			for !d.Quiet() {
				if _, err := d.Step(); err != nil {
					t.Fatal(err)
				}
			}
			digest = d.Trace().Digest()
		})
		return digest
	}
	c := memkafka.New()
	defer c.Close()
	if err := c.CreateTopic("t", 1); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Produce("t", 0, record("k", "0")); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := c.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	if one, two := digest(b.Bytes()), digest(b.Bytes()); one != two {
		t.Errorf("one seed on one snapshot gave two traces: %s and %s", one, two)
	}
}
