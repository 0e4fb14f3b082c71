package saramaclient_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka"
)

// TestTransactionsSurviveFaults has one transaction with a record and an offset meet a fault, and end as if there was none.
func TestTransactionsSurviveFaults(t *testing.T) {
	for _, test := range []struct {
		plan string
		took time.Duration
	}{
		{"on init-producer-id nth=1: error COORDINATOR_NOT_AVAILABLE", 100 * time.Millisecond},
		{"on add-partitions-to-txn nth=1: error CONCURRENT_TRANSACTIONS", 20 * time.Millisecond},
		{"on add-partitions-to-txn nth=1: error NOT_COORDINATOR", 100 * time.Millisecond},
		{"on add-partitions-to-txn nth=1: drop-response", 30100 * time.Millisecond},
		{"on produce nth=1: drop-response", 30100 * time.Millisecond},
		{"on produce nth=1: error NOT_LEADER_OR_FOLLOWER", 100 * time.Millisecond},
		{"on add-offsets-to-txn nth=1: error COORDINATOR_LOAD_IN_PROGRESS", 100 * time.Millisecond},
		{"on txn-offset-commit nth=1: error COORDINATOR_LOAD_IN_PROGRESS", 100 * time.Millisecond},
		{"on txn-offset-commit nth=1: disconnect after-effect", 100 * time.Millisecond},
		{"on end-txn nth=1: drop-response", 30100 * time.Millisecond},
		{"on end-txn nth=1: error CONCURRENT_TRANSACTIONS", 100 * time.Millisecond},
	} {
		t.Run(test.plan, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := memkafka.New()
				defer c.Close()
				createTopic(t, c, "t", 1)
				must(t, "faults", c.SetFaults(test.plan))
				start := time.Now()
				p := syncProducer(t, c, transactional("x"))
				must(t, "begin", p.BeginTxn())
				_, _, err := p.SendMessage(message("t", "", "v"))
				must(t, "send", err)
				must(t, "offsets", p.AddOffsetsToTxn(map[string][]*sarama.PartitionOffsetMetadata{"t": {{Partition: 0, Offset: 7}}}, "g"))
				must(t, "commit", p.CommitTxn())
				if took := time.Since(start); took != test.took {
					t.Errorf("that took %v, want %v", took, test.took)
				}
				if missed := c.MissedFaults(); missed != nil {
					t.Errorf("missed %q", missed)
				}
				c.ClearFaults()
				if got := committed(t, c); len(got) != 1 || got[0] != "v" {
					t.Errorf("committed are %v", got)
				}
				if o, ok := c.Committed("g", "t", 0); !ok || o != 7 {
					t.Errorf("the group's offset is %d, %v", o, ok)
				}
			})
		})
	}
}

func TestTransactionsGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.New()
		defer c.Close()
		createTopic(t, c, "t", 1)
		p := syncProducer(t, c, func(c *sarama.Config) {
			transactional("x")(c)
			c.Producer.Transaction.Retry.Max = 2
		})
		must(t, "begin", p.BeginTxn())
		must(t, "faults", c.SetFaults("on add-partitions-to-txn: error TRANSACTIONAL_ID_AUTHORIZATION_FAILED"))
		if _, _, err := p.SendMessage(message("t", "", "v")); !errors.Is(err, sarama.ErrTransactionalIDAuthorizationFailed) {
			t.Errorf("the error is %v", err)
		}
		if s := p.TxnStatus(); s&sarama.ProducerTxnFlagFatalError == 0 {
			t.Errorf("the status is %v", s)
		}
		if err := p.AbortTxn(); !errors.Is(err, sarama.ErrTransactionalIDAuthorizationFailed) {
			t.Errorf("aborting: %v", err)
		}
	})
}
