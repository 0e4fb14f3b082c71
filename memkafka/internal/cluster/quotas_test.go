package cluster_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
)

// entity reads user=a/client-id=*, where * is the default.
func entity(text string) (parts []cluster.QuotaPart) {
	for _, part := range strings.Split(text, "/") {
		kind, name, _ := strings.Cut(part, "=")
		p := cluster.QuotaPart{Type: kind, Name: &name}
		if name == "*" {
			p.Name = nil
		}
		parts = append(parts, p)
	}
	return parts
}

func quota(t *testing.T, c *cluster.Cluster, of, key string, value float64) {
	t.Helper()
	if err := c.AlterQuotas(entity(of), []cluster.QuotaOp{{Key: key, Value: value}}, false); err != nil {
		t.Fatal(err)
	}
}

func TestTheMostParticularQuotaHolds(t *testing.T) {
	order := []string{
		"client-id=*", "client-id=id", "user=*", "user=*/client-id=*", "user=*/client-id=id", "user=u", "user=u/client-id=*", "user=u/client-id=id",
	}
	c := cluster.New(cluster.Settings{})
	for i, of := range order {
		quota(t, c, of, cluster.ProducerByteRate, float64(100*(i+1)))
		// a thousand seconds of it at once are over by 990 s: all ten full windows are empty but for this
		bytes := float64(100*(i+1)) * 1000
		at := kafka.Millis(1_000_000 * (i + 1))
		if got := c.Use(at, 1, cluster.ProducerByteRate, "u", "id", bytes); got != 990_000 {
			t.Errorf("with %s the client waits %d ms, want 990000", of, got)
		}
	}
	quota(t, c, "user=other", cluster.ProducerByteRate, 1)
	if got := c.Use(90_000_000, 1, cluster.ProducerByteRate, "u", "id", 800*10); got != 0 {
		t.Errorf("a quota of another user makes the client wait %d ms", got)
	}
}

// TestThrottleTime compares with what Apache Kafka's rates give: eleven windows of a second, of which ten count as full.
func TestThrottleTime(t *testing.T) {
	c := cluster.New(cluster.Settings{})
	quota(t, c, "client-id=*", cluster.ConsumerByteRate, 1000)
	var got []kafka.Millis
	for _, use := range []struct {
		at    kafka.Millis
		bytes float64
	}{
		{0, 10_000},    // ten seconds' worth in the first window
		{500, 1_000},   // 11,000 in 10.5 s
		{500, 0},       // the same, asked again
		{5_000, 0},     // 11,000 in 10 s
		{12_000, 0},    // the first window is gone
		{12_000, 12e3}, // too much again
	} {
		got = append(got, c.Use(use.at, 1, cluster.ConsumerByteRate, "ANONYMOUS", "id", use.bytes))
	}
	want := []kafka.Millis{0, 500, 500, 1000, 0, 2000}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("throttle times (-want +got):\n%s", diff)
	}
	if got := c.Use(12_000, 2, cluster.ConsumerByteRate, "ANONYMOUS", "id", 9000); got != 0 {
		t.Errorf("another broker throttles by %d ms", got)
	}
	if got := c.Use(12_000, 1, cluster.ConsumerByteRate, "ANONYMOUS", "other", 9000); got != 0 {
		t.Errorf("another client is throttled by %d ms", got)
	}
	c.Return(12_000, 1, cluster.ConsumerByteRate, "ANONYMOUS", "id", 12e3)
	if got := c.Use(12_000, 1, cluster.ConsumerByteRate, "ANONYMOUS", "id", 0); got != 0 {
		t.Errorf("after a return the client waits %d ms", got)
	}
}

func TestRequestsAreThrottledByAWindowAtMost(t *testing.T) {
	c := cluster.New(cluster.Settings{})
	quota(t, c, "client-id=*", cluster.RequestPercentage, 0.01)
	if got := c.Use(0, 1, cluster.RequestPercentage, "u", "id", 5e9); got != 1000 {
		t.Errorf("throttled by %d ms, want 1000", got)
	}
}

func TestMutationsSpendTokens(t *testing.T) {
	c := cluster.New(cluster.Settings{})
	quota(t, c, "user=u", cluster.ControllerMutationRate, 2) // 22 at once
	var got []string
	for _, spend := range []struct {
		at         kafka.Millis
		partitions int
		strict     bool
	}{
		{0, 22, true},
		{0, 5, true},       // nothing is left, and nothing is owed
		{0, 1, true},       // 5 are owed
		{1000, 1, true},    // 3 are
		{2500, 1, true},    // none is
		{2500, 4, false},   // 5 are now
		{5000, 1, false},   // 1 is, after this
		{60_000, 22, true}, // all is forgotten
		{60_000, 1, true},
	} {
		throttle, refused := c.SpendMutations(spend.at, "u", "id", spend.partitions, spend.strict)
		got = append(got, fmt.Sprint(throttle, " ", refused))
	}
	want := []string{"0 false", "0 false", "2500 true", "1500 true", "0 false", "2500 false", "500 false", "0 false", "0 false"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAlterQuotas(t *testing.T) {
	for name, test := range map[string]struct {
		of    string
		op    cluster.QuotaOp
		wrong string // in the error; empty for none
	}{
		"a user":              {"user=u", cluster.QuotaOp{Key: cluster.ProducerByteRate, Value: 1}, ""},
		"an address":          {"ip=1.2.3.4", cluster.QuotaOp{Key: cluster.ConnectionCreationRate, Value: 1}, ""},
		"a share of a thread": {"user=u", cluster.QuotaOp{Key: cluster.RequestPercentage, Value: 0.5}, ""},
		"an unknown key":      {"user=u", cluster.QuotaOp{Key: "bytes", Value: 1}, "Invalid configuration key bytes"},
		"a key of addresses":  {"user=u", cluster.QuotaOp{Key: cluster.ConnectionCreationRate, Value: 1}, "Invalid configuration key"},
		"zero":                {"user=u", cluster.QuotaOp{Key: cluster.ProducerByteRate}, "must be greater than 0"},
		"half a byte":         {"user=u", cluster.QuotaOp{Key: cluster.ProducerByteRate, Value: 1.5}, "fractional"},
		"an unknown entity":   {"host=h", cluster.QuotaOp{Key: cluster.ProducerByteRate, Value: 1}, "Unhandled client quota entity type: host"},
		"an infinite one":     {"user=u", cluster.QuotaOp{Key: cluster.RequestPercentage, Value: math.Inf(1)}, "infinite"},
		"a mixture":           {"user=u/ip=1.2.3.4", cluster.QuotaOp{Key: cluster.ProducerByteRate, Value: 1}, "combination"},
	} {
		t.Run(name, func(t *testing.T) {
			c := cluster.New(cluster.Settings{})
			err := c.AlterQuotas(entity(test.of), []cluster.QuotaOp{test.op}, false)
			if test.wrong == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, kafka.InvalidRequest) || !strings.Contains(err.Error(), test.wrong) {
				t.Errorf("got %v, want INVALID_REQUEST with %q", err, test.wrong)
			}
			if c.HasQuotas() {
				t.Error("something was set")
			}
		})
	}
}

func TestDescribeQuotas(t *testing.T) {
	c := cluster.New(cluster.Settings{})
	for i, of := range []string{"user=u", "user=*", "user=u/client-id=a", "user=v/client-id=a", "client-id=a", "client-id=*"} {
		quota(t, c, of, cluster.ProducerByteRate, float64(i+1))
	}
	for name, test := range map[string]struct {
		filters []cluster.QuotaFilter
		strict  bool
		want    []float64
	}{
		"all":                  {nil, false, []float64{6, 5, 2, 1, 3, 4}},
		"a user":               {[]cluster.QuotaFilter{{Type: "user", Name: "u"}}, false, []float64{1, 3}},
		"a user, nothing else": {[]cluster.QuotaFilter{{Type: "user", Name: "u"}}, true, []float64{1}},
		"default user":         {[]cluster.QuotaFilter{{Type: "user", Match: cluster.QuotaDefault}}, false, []float64{2}},
		"any user":             {[]cluster.QuotaFilter{{Type: "user", Match: cluster.QuotaAny}}, false, []float64{1, 3, 4}},
		"user and client":      {[]cluster.QuotaFilter{{Type: "user", Match: cluster.QuotaAny}, {Type: "client-id", Name: "a"}}, false, []float64{3, 4}},
		"no one":               {[]cluster.QuotaFilter{{Type: "client-id", Name: "b"}}, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			entries, err := c.Quotas(test.filters, test.strict)
			if err != nil {
				t.Fatal(err)
			}
			var got []float64
			for _, e := range entries {
				got = append(got, e.Quotas[cluster.ProducerByteRate])
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if err := c.AlterQuotas(entity("user=u"), []cluster.QuotaOp{{Key: cluster.ProducerByteRate, Remove: true}}, false); err != nil {
		t.Fatal(err)
	}
	if entries, _ := c.Quotas([]cluster.QuotaFilter{{Type: "user", Name: "u"}}, true); len(entries) != 0 {
		t.Errorf("after its removal there is %v", entries)
	}
	if _, err := c.Quotas([]cluster.QuotaFilter{{Type: "host"}}, false); !errors.Is(err, kafka.UnsupportedVersion) {
		t.Errorf("a filter by host: %v", err)
	}
}

func TestSnapshotsHaveQuotasAndACLs(t *testing.T) {
	c := cluster.New(cluster.Settings{})
	quota(t, c, "user=u/client-id=*", cluster.ConsumerByteRate, 7)
	acl := cluster.ACL{Resource: cluster.TopicResource, Name: "t", Pattern: cluster.Literal, Principal: "User:u", Host: "*", Operation: cluster.Read, Permission: cluster.Allow}
	c.AddACL(acl)
	c.SetScram("u", "SCRAM-SHA-256", cluster.ScramCredential{Iterations: 4096, Salt: []byte("salt")})
	var file bytes.Buffer
	if _, err := c.Snapshot().WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	s, err := cluster.ReadSnapshot(&file)
	if err != nil {
		t.Fatal(err)
	}
	again, err := cluster.Restore(0, s, 0)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := again.Quotas(nil, false)
	if err != nil || len(entries) != 1 || entries[0].Quotas[cluster.ConsumerByteRate] != 7 || len(entries[0].Entity) != 2 {
		t.Errorf("quotas are %+v (%v)", entries, err)
	}
	if diff := cmp.Diff([]cluster.ACL{acl}, again.ACLs(cluster.ACLFilter{Resource: cluster.AnyResource, Operation: cluster.AnyOperation, Permission: cluster.AnyPermission, Pattern: cluster.AnyPattern})); diff != "" {
		t.Errorf("ACLs (-want +got):\n%s", diff)
	}
	if credential, ok := again.Scram("u", "SCRAM-SHA-256"); !ok || string(credential.Salt) != "salt" {
		t.Errorf("the credential is %+v, %v", credential, ok)
	}
}
