package memkafka_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

// TestQuotasSlowClientsDown sends and reads a hundred seconds' worth of bytes.
func TestQuotasSlowClientsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.New()
		defer c.Close()
		if err := c.CreateTopic("t", 1); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"producer_byte_rate", "consumer_byte_rate"} {
			if err := c.SetQuota("", memkafka.DefaultQuota, key, 1000); err != nil {
				t.Fatal(err)
			}
		}
		var many []string
		for range 100 {
			many = append(many, strings.Repeat("x", 1000-7-61)) // a thousand bytes, with what is around it
		}
		errs, took := send(t, c, nil, many...)
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		if took < 85*time.Second || took > 96*time.Second { // the first ten seconds' worth come at once
			t.Errorf("sending took %v, want about 90s", took)
		}
		consumer, err := saramaclient.NewConsumer(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer consumer.Close()
		start := time.Now()
		pc, err := consumer.ConsumePartition("t", 0, sarama.OffsetOldest)
		if err != nil {
			t.Fatal(err)
		}
		for range many {
			<-pc.Messages()
		}
		if _, err := c.Produce("t", 0, record("k", "v")); err != nil { // after what was fetched at once is paid for
			t.Fatal(err)
		}
		<-pc.Messages()
		if took := time.Since(start); took < 80*time.Second || took > 91*time.Second {
			t.Errorf("reading took %v, want about 85s", took)
		}
		if err := c.RemoveQuota("", memkafka.DefaultQuota, "producer_byte_rate"); err != nil {
			t.Fatal(err)
		}
		if _, took := send(t, c, nil, many[:20]...); took != 0 {
			t.Errorf("without a quota sending took %v", took)
		}
	})
}

func TestQuotasAreChecked(t *testing.T) {
	c := memkafka.New()
	defer c.Close()
	err := c.SetQuota("alice", "", "bytes", 1)
	if !errors.Is(err, memkafka.ErrorCode(42)) || !strings.Contains(err.Error(), "bytes of user alice") {
		t.Errorf("an unknown quota gives %v", err)
	}
	if err := c.SetQuota("", "", "producer_byte_rate", 1); err == nil {
		t.Error("a quota of nobody was set")
	}
}
