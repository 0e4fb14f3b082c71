package saramaclient_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

func transactional(id string) func(*sarama.Config) {
	return func(c *sarama.Config) {
		c.Producer.Idempotent, c.Producer.RequiredAcks, c.Net.MaxOpenRequests = true, sarama.WaitForAll, 1
		c.Producer.Transaction.ID = id
	}
}

// committed reads what a consumer of committed records sees of t/0.
func committed(t *testing.T, c *memkafka.Cluster) (values []string) {
	t.Helper()
	config := sarama.NewConfig()
	config.Consumer.IsolationLevel = sarama.ReadCommitted
	consumer, err := saramaclient.NewConsumer(c, config)
	if err != nil {
		t.Fatal(err)
	}
	defer consumer.Close()
	pc, err := consumer.ConsumePartition("t", 0, sarama.OffsetOldest)
	if err != nil {
		t.Fatal(err)
	}
	for {
		select {
		case m := <-pc.Messages():
			values = append(values, string(m.Value))
		case <-time.After(time.Millisecond):
			return values
		}
	}
}

func must(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func TestTransactionsCommitAndAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.New()
		defer c.Close()
		createTopic(t, c, "t", 1)
		p := syncProducer(t, c, transactional("x"))
		if _, _, err := p.SendMessage(message("t", "", "early")); !errors.Is(err, sarama.ErrTransactionNotReady) {
			t.Errorf("a message outside of a transaction: %v", err)
		}
		for _, commit := range []bool{true, false, true} {
			must(t, "begin", p.BeginTxn())
			_, _, err := p.SendMessage(message("t", "", map[bool]string{true: "yes", false: "no"}[commit]))
			must(t, "send", err)
			must(t, "offsets", p.AddOffsetsToTxn(map[string][]*sarama.PartitionOffsetMetadata{"t": {{Partition: 0, Offset: 7}}}, "g"))
			if commit {
				must(t, "commit", p.CommitTxn())
			} else {
				must(t, "abort", p.AbortTxn())
			}
			if p.TxnStatus() != sarama.ProducerTxnFlagReady {
				t.Errorf("the status is %v", p.TxnStatus())
			}
		}
		if got := committed(t, c); len(got) != 2 || got[0] != "yes" || got[1] != "yes" {
			t.Errorf("committed are %v", got)
		}
		if o, ok := c.Committed("g", "t", 0); !ok || o != 7 {
			t.Errorf("the group's offset is %d, %v", o, ok)
		}
	})
}

func TestZombiesAreFenced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.New()
		defer c.Close()
		createTopic(t, c, "t", 1)
		zombie := syncProducer(t, c, transactional("x"))
		must(t, "begin", zombie.BeginTxn())
		_, _, err := zombie.SendMessage(message("t", "", "zombie"))
		must(t, "send", err)

		p := syncProducer(t, c, transactional("x"))
		must(t, "begin", p.BeginTxn())
		_, _, err = p.SendMessage(message("t", "", "alive"))
		must(t, "send", err)
		must(t, "commit", p.CommitTxn())

		if err := zombie.CommitTxn(); !errors.Is(err, sarama.ErrProducerFenced) {
			t.Errorf("the zombie commits: %v", err)
		}
		if s := zombie.TxnStatus(); s&sarama.ProducerTxnFlagFatalError == 0 {
			t.Errorf("its status is %v", s)
		}
		if err := zombie.AbortTxn(); !errors.Is(err, sarama.ErrProducerFenced) {
			t.Errorf("the zombie aborts: %v", err)
		}
		if got := committed(t, c); len(got) != 1 || got[0] != "alive" {
			t.Errorf("committed are %v", got)
		}
	})
}

func TestTransactionsTimeOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.New()
		defer c.Close()
		createTopic(t, c, "t", 1)
		p := syncProducer(t, c, func(c *sarama.Config) {
			transactional("x")(c)
			c.Producer.Transaction.Timeout = time.Minute
		})
		must(t, "begin", p.BeginTxn())
		_, _, err := p.SendMessage(message("t", "", "late"))
		must(t, "send", err)
		time.Sleep(2 * time.Minute)
		if err := p.CommitTxn(); err == nil {
			t.Error("a transaction that timed out is committed")
		}
		if got := committed(t, c); len(got) != 0 {
			t.Errorf("committed are %v", got)
		}
	})
}

func TestAMessageThatFailsIsTheEndOfItsTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.New()
		defer c.Close()
		createTopic(t, c, "t", 1)
		p := syncProducer(t, c, func(c *sarama.Config) {
			transactional("x")(c)
			c.Producer.MaxMessageBytes = 1000
		})
		must(t, "begin", p.BeginTxn())
		_, _, err := p.SendMessage(message("t", "", string(make([]byte, 1000))))
		if err == nil {
			t.Fatal("a message too large is sent")
		}
		if s := p.TxnStatus(); s&sarama.ProducerTxnFlagAbortableError == 0 {
			t.Errorf("the status is %v", s)
		}
		if err := p.CommitTxn(); err == nil {
			t.Error("the transaction is committed")
		}
		must(t, "abort", p.AbortTxn())
		must(t, "begin", p.BeginTxn())
		_, _, err = p.SendMessage(message("t", "", "next"))
		must(t, "send", err)
		must(t, "commit", p.CommitTxn())
		if got := committed(t, c); len(got) != 1 || got[0] != "next" {
			t.Errorf("committed are %v", got)
		}
	})
}
