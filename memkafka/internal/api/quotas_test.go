package api_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka"
)

// setQuota gives a quota to a client id, nil for all others.
func setQuota(c *client, clientID *string, key string, value float64) *kmsg.AlterClientQuotasResponse {
	r := kmsg.NewPtrAlterClientQuotasRequest()
	r.Entries = []kmsg.AlterClientQuotasRequestEntry{{
		Entity: []kmsg.AlterClientQuotasRequestEntryEntity{{Type: "client-id", Name: clientID}},
		Ops:    []kmsg.AlterClientQuotasRequestEntryOp{{Key: key, Value: value}},
	}}
	return ask[*kmsg.AlterClientQuotasResponse](c, 1, r)
}

func TestClientQuotas(t *testing.T) {
	c := dial(t, newCluster(t), 1)
	id := "client"
	for _, version := range []int16{0, 1} {
		r := kmsg.NewPtrAlterClientQuotasRequest()
		r.Entries = []kmsg.AlterClientQuotasRequestEntry{
			{
				Entity: []kmsg.AlterClientQuotasRequestEntryEntity{{Type: "client-id", Name: &id}, {Type: "user"}},
				Ops:    []kmsg.AlterClientQuotasRequestEntryOp{{Key: "producer_byte_rate", Value: 1024}, {Key: "consumer_byte_rate", Value: 2048}},
			},
			{
				Entity: []kmsg.AlterClientQuotasRequestEntryEntity{{Type: "client-id", Name: &id}},
				Ops:    []kmsg.AlterClientQuotasRequestEntryOp{{Key: "speed", Value: 1}},
			},
		}
		answer := ask[*kmsg.AlterClientQuotasResponse](c, version, r)
		if got := []int16{answer.Entries[0].ErrorCode, answer.Entries[1].ErrorCode}; !cmp.Equal(got, []int16{0, int16(kafka.InvalidRequest)}) {
			t.Errorf("version %d gives the errors %v", version, got)
		}
		asked := kmsg.NewPtrDescribeClientQuotasRequest()
		asked.Components = []kmsg.DescribeClientQuotasRequestComponent{{EntityType: "client-id", MatchType: 0, Match: &id}}
		described := ask[*kmsg.DescribeClientQuotasResponse](c, version, asked)
		if described.ErrorCode != 0 || len(described.Entries) != 1 {
			t.Fatalf("version %d describes %+v", version, described)
		}
		e := described.Entries[0]
		var got []string
		for _, p := range e.Entity {
			name := "default"
			if p.Name != nil {
				name = *p.Name
			}
			got = append(got, p.Type+" "+name)
		}
		for _, v := range e.Values {
			got = append(got, v.Key)
		}
		if diff := cmp.Diff([]string{"user default", "client-id client", "consumer_byte_rate", "producer_byte_rate"}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestThrottledProducersAndConsumers(t *testing.T) {
	cluster, c := troubled(t, "")
	setQuota(c, nil, "producer_byte_rate", 10)
	setQuota(c, nil, "consumer_byte_rate", 1_000_000)
	wire := records("a", string(make([]byte, 95))).Bytes()
	r := produceTo("t", [16]byte{}, 1, wire)
	r.SetVersion(9)
	size := len(frameOf(r, 1)) - 4
	first := ask[*kmsg.ProduceResponse](c, 9, r)
	rate := float64(size) / 10 // in ten full windows
	want := int32((rate-10)/10*10_000 + 0.5)
	if got := first.ThrottleMillis; got < want-20 || got > want+20 {
		t.Errorf("a produce of %d bytes is throttled by %d ms, want %d", size, got, want)
	}
	if got := ask[*kmsg.FetchResponse](dial(t, cluster, 1), 12, reading(0)); got.ThrottleMillis != 0 || len(got.Topics) != 1 {
		t.Errorf("a fetch within the quota is throttled by %d ms, and has %d topics", got.ThrottleMillis, len(got.Topics))
	}
}

func TestThrottledFetchesComeBackEmpty(t *testing.T) {
	cluster, c := troubled(t, "")
	setQuota(c, nil, "consumer_byte_rate", 10)
	answer := ask[*kmsg.FetchResponse](c, 12, reading(0, 1))
	if answer.ThrottleMillis == 0 || len(answer.Topics) != 0 {
		t.Errorf("a fetch beyond the quota is throttled by %d ms, and has %d topics", answer.ThrottleMillis, len(answer.Topics))
	}
	if err := cluster.RemoveQuota("", memkafka.DefaultQuota, "consumer_byte_rate"); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	again := ask[*kmsg.FetchResponse](c, 12, reading(0, 1))
	if took := time.Since(start); took < time.Duration(answer.ThrottleMillis)*time.Millisecond*9/10 {
		t.Errorf("the broker listened after %v, want %d ms", took, answer.ThrottleMillis)
	}
	if len(again.Topics) != 1 || len(again.Topics[0].Partitions[0].RecordBatches) == 0 {
		t.Error("without a quota the fetch finds nothing")
	}
}

// TestThrottledFetchesKeepTheirSession: an incremental fetch that comes back empty says so in its session, which goes on
// with the next epoch; a session that would have begun does not.
func TestThrottledFetchesKeepTheirSession(t *testing.T) {
	cluster, c := troubled(t, "")
	topic := fromOffsets("t", [16]byte{}, 0, 0)
	opened := ask[*kmsg.FetchResponse](c, 12, inSession(0, 0, topic))
	setQuota(c, nil, "consumer_byte_rate", 20)
	throttled := ask[*kmsg.FetchResponse](c, 12, inSession(opened.SessionID, 1))
	if throttled.ThrottleMillis == 0 || throttled.SessionID != opened.SessionID {
		t.Errorf("throttled by %d ms in session %d, want some in session %d", throttled.ThrottleMillis, throttled.SessionID, opened.SessionID)
	}
	if fresh := ask[*kmsg.FetchResponse](dial(t, cluster, 1), 12, inSession(0, 0, topic)); fresh.ThrottleMillis == 0 || fresh.SessionID != 0 {
		t.Errorf("throttled by %d ms in session %d, want some in none", fresh.ThrottleMillis, fresh.SessionID)
	}
	if err := cluster.RemoveQuota("", memkafka.DefaultQuota, "consumer_byte_rate"); err != nil {
		t.Fatal(err)
	}
	if next := ask[*kmsg.FetchResponse](dial(t, cluster, 1), 12, inSession(opened.SessionID, 2)); next.ErrorCode != 0 || next.SessionID != opened.SessionID {
		t.Errorf("the session goes on with %v in session %d", kafka.ErrorCode(next.ErrorCode), next.SessionID)
	}
}

func TestThrottledMutations(t *testing.T) {
	c := dial(t, newCluster(t), 1)
	setQuota(c, nil, "controller_mutation_rate", 1) // eleven at once
	create := func(version int16, name string, partitions int32) kafka.ErrorCode {
		r := kmsg.NewPtrCreateTopicsRequest()
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, partitions, 1
		r.Topics = []kmsg.CreateTopicsRequestTopic{topic}
		answer := ask[*kmsg.CreateTopicsResponse](c, version, r)
		return kafka.ErrorCode(answer.Topics[0].ErrorCode)
	}
	if code := create(7, "a", 12); code != kafka.None {
		t.Errorf("the first topic gives %v", code)
	}
	if code := create(7, "b", 1); code != kafka.ThrottlingQuotaExceeded {
		t.Errorf("the second topic gives %v, want THROTTLING_QUOTA_EXCEEDED", code)
	}
}
