package api_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka"
)

// at runs f a while after now, in the bubble's time, and has the test wait for it.
func at(t *testing.T, after time.Duration, f func()) {
	t.Helper()
	done := make(chan struct{})
	time.AfterFunc(after, func() {
		defer close(done)
		f()
	})
	t.Cleanup(func() { <-done })
}

// TestFetchWaits has a fetch wait for fetch.min.bytes, at most fetch.max.wait.ms, and no longer than for an error.
func TestFetchWaits(t *testing.T) {
	type world struct {
		cluster *memkafka.Cluster
		other   *client
	}
	produceOnce := func(w world) {
		ask[*kmsg.ProduceResponse](w.other, 9, produceTo("t", [16]byte{}, 0, records("a", "1").Bytes()))
	}
	size := len(records("a", "1").Bytes())
	for _, tc := range []struct {
		name     string
		minBytes int
		topic    string
		happens  func(t *testing.T, w world)
		want     time.Duration
		bytes    int
		code     kafka.ErrorCode
	}{
		{"for nothing", 1, "t", nil, 5 * time.Second, 0, kafka.None},
		{"not when it wants nothing", 0, "t", nil, 0, 0, kafka.None},
		{"not for a topic that there is not", 1, "none", nil, 0, 0, kafka.UnknownTopicOrPartition},
		{"for a record", 1, "t", func(t *testing.T, w world) {
			t.Helper()
			at(t, 2*time.Second, func() { produceOnce(w) })
		}, 2 * time.Second, size, kafka.None},
		{"for enough records", size + 1, "t", func(t *testing.T, w world) {
			t.Helper()
			at(t, time.Second, func() { produceOnce(w) })
			at(t, 3*time.Second, func() { produceOnce(w) })
		}, 3 * time.Second, 2 * size, kafka.None},
		{"for too few records", 3 * size, "t", func(t *testing.T, w world) {
			t.Helper()
			at(t, time.Second, func() { produceOnce(w) })
		}, 5 * time.Second, size, kafka.None},
		{"until the topic is gone", 1, "t", func(t *testing.T, w world) {
			t.Helper()
			at(t, time.Second, func() { ask[*kmsg.DeleteTopicsResponse](w.other, 3, deleting("t")) })
		}, time.Second, 0, kafka.UnknownTopicOrPartition},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := world{cluster: newCluster(t)}
				if err := w.cluster.CreateTopic("t", 1); err != nil {
					t.Fatal(err)
				}
				w.other = dial(t, w.cluster, 1)
				c := dial(t, w.cluster, 1)
				began := time.Now()
				if tc.happens != nil {
					tc.happens(t, w)
				}
				fetch := fetchFrom(tc.topic, [16]byte{}, 0)
				fetch.MaxWaitMillis, fetch.MinBytes = 5000, int32(tc.minBytes)
				p := ask[*kmsg.FetchResponse](c, 12, fetch).Topics[0].Partitions[0]
				if took := time.Since(began); took != tc.want {
					t.Errorf("answered after %v, want %v", took, tc.want)
				}
				if len(p.RecordBatches) != tc.bytes || p.ErrorCode != int16(tc.code) {
					t.Errorf("%d bytes and error %v, want %d and %v", len(p.RecordBatches), kafka.ErrorCode(p.ErrorCode), tc.bytes, tc.code)
				}
			})
		})
	}
}

// TestJoinWaits has the first member of a group wait group.initial.rebalance.delay.ms, and the second one for the first.
func TestJoinWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster := newCluster(t)
		first, second := dial(t, cluster, 1), dial(t, cluster, 1)
		began := time.Now()
		a := ask[*kmsg.JoinGroupResponse](first, 3, joining("g", "", nil))
		if took := time.Since(began); a.ErrorCode != 0 || took != 3*time.Second {
			t.Fatalf("%v after %v, want none after 3s", kafka.ErrorCode(a.ErrorCode), took)
		}
		ask[*kmsg.SyncGroupResponse](first, 3, syncing("g", a.MemberID, a.Generation, nil, a.MemberID, "x"))
		began = time.Now()
		at(t, time.Second, func() { ask[*kmsg.JoinGroupResponse](first, 3, joining("g", a.MemberID, nil)) })
		b := ask[*kmsg.JoinGroupResponse](second, 3, joining("g", "", nil))
		if took := time.Since(began); b.ErrorCode != 0 || took != time.Second || b.Generation != a.Generation+1 {
			t.Errorf("%v in generation %d after %v, want none in the next one after 1s", kafka.ErrorCode(b.ErrorCode), b.Generation, took)
		}
	})
}
