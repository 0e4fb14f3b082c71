package memkafka_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/memkafka"
)

func TestBrokersGoDownAndUp(t *testing.T) {
	c := memkafka.New(memkafka.WithBrokers(2))
	defer c.Close()
	if err := c.CreateTopic("t", 2, memkafka.WithReplication(2)); err != nil {
		t.Fatal(err)
	}
	if err := c.CreateTopic("single", 2); err != nil {
		t.Fatal(err)
	}
	if err := c.BrokerDown(1); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int32{2}, c.Brokers()); diff != "" {
		t.Errorf("brokers (-want +got):\n%s", diff)
	}
	for i := range int32(2) {
		m, err := c.PartitionMetadata("t", i)
		if err != nil || m.Leader != 2 {
			t.Errorf("t/%d is led by %d (%v), want 2", i, m.Leader, err)
		}
		if _, err := c.Produce("t", i, record("k", "v")); err != nil {
			t.Errorf("produce to t/%d: %v", i, err)
		}
		m, err = c.PartitionMetadata("single", i)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Produce("single", i, record("k", "v"))
		if led := m.Leader != memkafka.NoLeader; led != (err == nil) {
			t.Errorf("single/%d is led by %d, and a produce gives %v", i, m.Leader, err)
		}
	}
	err := c.BrokerDown(9)
	if err == nil || !strings.Contains(err.Error(), "broker 9 does not exist; there are brokers 1 to 2") {
		t.Errorf("broker 9 goes down: %v", err)
	}
	if err := c.MoveLeader("t", 0, 1); err == nil || !strings.Contains(err.Error(), "down or not in sync") {
		t.Errorf("leader moves to a broker that is down: %v", err)
	}
	if err := c.BrokerUp(1); err != nil {
		t.Fatal(err)
	}
	if err := c.MoveLeader("t", 0, 1); err != nil {
		t.Error(err)
	}
	if _, err := c.PartitionMetadata("none", 0); !errors.Is(err, memkafka.ErrorCode(3)) {
		t.Errorf("metadata of an unknown topic: %v", err)
	}
}

func TestChangesAreEventsOfTheTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d, err := memkafka.NewDriven(1, synctest.Wait, memkafka.WithBrokers(2))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var text bytes.Buffer
		d.Trace().Text = &text
		if err := c.CreateTopic("t", 1, memkafka.WithReplication(2)); err != nil {
			t.Fatal(err)
		}
		for _, f := range []func() error{
			func() error { return c.HoldReplication("t", 0) },
			func() error { return c.ReleaseReplication("t", 0) },
			func() error { return c.BrokerDown(1) },
			func() error { return c.BrokerUp(1) },
		} {
			if err := f(); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.BrokerUp(3); err == nil {
			t.Error("broker 3 came up, and there are two")
		}
		want := "1 0 change replication of t/0 is held\n2 0 change replication of t/0 is released\n3 0 change broker 1 goes down\n4 0 change broker 1 comes up\n" +
			"5 0 change broker 3 comes up: BROKER_NOT_AVAILABLE: broker 3 does not exist; there are brokers 1 to 2\n"
		if diff := cmp.Diff(want, text.String()); diff != "" {
			t.Errorf("trace (-want +got):\n%s", diff)
		}
	})
}
