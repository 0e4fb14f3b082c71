package cluster_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
)

// TestMetersOfClientsThatAreGoneAreForgotten has many clients, each of which comes once, use a default quota.
func TestMetersOfClientsThatAreGoneAreForgotten(t *testing.T) {
	c := cluster.New(cluster.Settings{})
	must(t, c.AlterQuotas([]cluster.QuotaPart{{Type: cluster.QuotaClientID}}, []cluster.QuotaOp{{Key: cluster.ProducerByteRate, Value: 1000}}, false))
	now := kafka.Millis(1_000_000)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	come := func(clients int) {
		for i := range clients {
			now += 100
			c.Use(now, 1, cluster.ProducerByteRate, "", fmt.Sprint(now, i), 10)
		}
	}
	come(2_000)
	before := heap()
	come(50_000)
	if grown := int64(heap()) - int64(before); grown > 2<<20 {
		t.Errorf("50,000 clients that are gone cost %d bytes", grown)
	}
	if c.Use(now, 1, cluster.ProducerByteRate, "", "again", 10_000_000) == 0 || c.Use(now, 1, cluster.ProducerByteRate, "", "again", 0) == 0 {
		t.Error("a client that uses too much is not throttled")
	}
}
