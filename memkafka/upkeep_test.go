package memkafka_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

// fill appends n records of ten keys, one each virtual second.
func fill(t *testing.T, c *memkafka.Cluster, topic string, n int) {
	t.Helper()
	for i := range n {
		if _, err := c.Produce(topic, 0, record(fmt.Sprintf("k%d", i%10), fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
	}
}

func offsetsOf(t *testing.T, c *memkafka.Cluster, topic string) (start, high memkafka.Offset) {
	t.Helper()
	start, high, err := c.Offsets(topic, 0)
	if err != nil {
		t.Fatal(err)
	}
	return start, high
}

// TestR3_RetentionDeletesOldSegments has segments of ten seconds that are kept for a minute; Kafka looks every 5 minutes.
func TestR3_RetentionDeletesOldSegments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.New()
		defer c.Close()
		if err := c.CreateTopic("t", 1, memkafka.WithConfig("segment.ms", "10000"), memkafka.WithConfig("retention.ms", "60000")); err != nil {
			t.Fatal(err)
		}
		fill(t, c, "t", 240)
		if start, _ := offsetsOf(t, c, "t"); start != 0 {
			t.Errorf("before the first check the log starts at %d, want 0", start)
		}
		time.Sleep(time.Minute + time.Second) // the check is at five minutes
		synctest.Wait()
		if start, high := offsetsOf(t, c, "t"); start != 240 || high != 240 {
			t.Errorf("after the check the log goes from %d to %d, want nothing left at 240", start, high)
		}
	})
}

// TestC3_CleanerKeepsTheNewestOfEachKey has the log cleaner at work every 15 s.
func TestC3_CleanerKeepsTheNewestOfEachKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.New()
		defer c.Close()
		if err := c.CreateTopic("t", 1, memkafka.WithConfig("cleanup.policy", "compact"), memkafka.WithConfig("segment.ms", "30000")); err != nil {
			t.Fatal(err)
		}
		fill(t, c, "t", 95)
		time.Sleep(time.Minute)
		synctest.Wait()
		records, err := c.Fetch("t", 0, 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		newest := map[string]string{}
		for _, r := range records {
			newest[string(r.Key)] = string(r.Value)
		}
		want := map[string]string{}
		for i := range 95 {
			want[fmt.Sprintf("k%d", i%10)] = fmt.Sprint(i)
		}
		if diff := cmp.Diff(want, newest); diff != "" {
			t.Errorf("newest values (-want +got):\n%s", diff)
		}
		if len(records) > 40 {
			t.Errorf("%d of 95 records are left; compaction of closed segments leaves no more than 40", len(records))
		}
		if start, _ := offsetsOf(t, c, "t"); start != 0 {
			t.Errorf("C4: compaction moved the log start to %d", start)
		}
	})
}

// TestL11_DeletedRecordsGoWithTheNextCheck has a topic that forgets nothing by itself.
func TestL11_DeletedRecordsGoWithTheNextCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.New()
		defer c.Close()
		if err := c.CreateTopic("t", 1, memkafka.WithConfig("segment.ms", "10000"), memkafka.WithConfig("retention.ms", "-1")); err != nil {
			t.Fatal(err)
		}
		fill(t, c, "t", 60)
		admin, err := saramaclient.NewClusterAdmin(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := admin.DeleteRecords("t", map[int32]int64{0: 45}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5*time.Minute + time.Second)
		synctest.Wait()
		records, err := c.Fetch("t", 0, 45, 100)
		if err != nil || len(records) != 15 {
			t.Errorf("%d records are left from offset 45 on (%v), want 15", len(records), err)
		}
		if start, _ := offsetsOf(t, c, "t"); start != 45 {
			t.Errorf("the log starts at %d, want 45", start)
		}
		if err := admin.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
