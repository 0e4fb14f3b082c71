package outbox

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

func TestFaultsOfARequest(t *testing.T) {
	idempotent := func(*sarama.Config) {}
	plain := func(c *sarama.Config) { c.Producer.Idempotent = false }
	leader := func(c *sarama.Config) { plain(c); c.Producer.RequiredAcks = sarama.WaitForLocal }
	once := func(c *sarama.Config) { plain(c); c.Producer.Retry.Max = 0 }
	twice := func(c *sarama.Config) { c.Producer.Retry.Max = 1 }
	for name, c := range map[string]struct {
		faults string
		change func(*sarama.Config)
		log    string
		err    error // of b, nil when it is written
	}{
		"none":                                     {"", idempotent, "a b c", nil},
		"an error is retried":                      {"on produce nth=2: error NOT_LEADER_OR_FOLLOWER", idempotent, "a b c", nil},
		"an error is retried, acks=1":              {"on produce nth=2: error NOT_LEADER_OR_FOLLOWER", leader, "a b c", nil},
		"an error that lasts":                      {"on produce nth=2: error NOT_LEADER_OR_FOLLOWER", once, "a c", sarama.ErrNotLeaderForPartition},
		"an error that lasts, idempotent":          {"on produce nth=2 nth=3: error LEADER_NOT_AVAILABLE", twice, "a c", sarama.ErrLeaderNotAvailable},
		"an error that is final":                   {"on produce nth=2: error TOPIC_AUTHORIZATION_FAILED", idempotent, "a c", sarama.ErrTopicAuthorizationFailed},
		"an error nobody knows":                    {"on produce nth=2: error UNKNOWN_SERVER_ERROR", idempotent, "a c", sarama.ErrUnknown},
		"too few replicas":                         {"on produce nth=2: error NOT_ENOUGH_REPLICAS", idempotent, "a b c", nil},
		"too few replicas in the end":              {"on produce nth=2: error NOT_ENOUGH_REPLICAS_AFTER_APPEND after-effect", idempotent, "a b c", nil},
		"too few replicas in the end, for good":    {"on produce nth=2 nth=3: error NOT_ENOUGH_REPLICAS_AFTER_APPEND after-effect", twice, "a b c", sarama.ErrNotEnoughReplicasAfterAppend},
		"an error after the effect":                {"on produce nth=2: error REQUEST_TIMED_OUT after-effect", plain, "a b b c", nil},
		"an error after the effect, idempotent":    {"on produce nth=2: error REQUEST_TIMED_OUT after-effect", idempotent, "a b c", nil},
		"a connection breaks":                      {"on produce nth=2: disconnect", once, "a c", io.EOF},
		"a connection breaks, idempotent":          {"on produce nth=2: disconnect", idempotent, "a b c", nil},
		"a connection breaks after the effect":     {"on produce nth=2: disconnect after-effect", plain, "a b b c", nil},
		"it breaks after the effect, idempotent":   {"on produce nth=2: disconnect after-effect", idempotent, "a b c", nil},
		"it breaks for good":                       {"on produce nth=2 nth=3: disconnect", twice, "a c", io.EOF},
		"it breaks for good, after the effect":     {"on produce nth=2 nth=3: disconnect after-effect", twice, "a b c", io.EOF},
		"a request arrives twice, idempotent":      {"on produce nth=2: duplicate", idempotent, "a b c", nil},
		"a duplicate is known":                     {"on produce nth=2: error DUPLICATE_SEQUENCE_NUMBER after-effect", idempotent, "a b c", nil},
		"the sequence is lost":                     {"on produce nth=2: error OUT_OF_ORDER_SEQUENCE_NUMBER", idempotent, "a b c", nil},
		"the sequence is lost, plain":              {"on produce nth=2: error OUT_OF_ORDER_SEQUENCE_NUMBER", plain, "a c", sarama.ErrOutOfOrderSequenceNumber},
		"the producer is not known":                {"on produce nth=2: error UNKNOWN_PRODUCER_ID", idempotent, "a b c", nil},
		"the producer is not known, after a doubt": {"on produce nth=2: disconnect after-effect\non produce nth=3: error UNKNOWN_PRODUCER_ID", idempotent, "a b c", sarama.ErrUnknownProducerID},
		"the epoch is fenced":                      {"on produce nth=2: error INVALID_PRODUCER_EPOCH", idempotent, "a b c", nil},
		"the epoch is fenced, no id at once":       {"on produce nth=2: error INVALID_PRODUCER_EPOCH\non init-producer-id nth=1: error COORDINATOR_LOAD_IN_PROGRESS", idempotent, "a b c", nil},
		"the id is not known":                      {"on produce nth=2: error INVALID_PRODUCER_ID_MAPPING", idempotent, "a b c", nil},
		"the epoch is fenced, no id for good":      {"on produce nth=2: error INVALID_PRODUCER_EPOCH\non init-producer-id times=1: error CLUSTER_AUTHORIZATION_FAILED", idempotent, "a c", sarama.ErrClusterAuthorizationFailed},
		"a leader moves":                           {"on produce nth=2: move-leader, error NOT_LEADER_OR_FOLLOWER", idempotent, "a b c", nil},
		"a broker stops":                           {"on produce nth=2: stop-broker", idempotent, "a b c", nil},
		"a broker is away for a moment":            {"on produce nth=2: stop-broker for=20ms", idempotent, "a b c", nil},
		"metadata cannot be had":                   {"on produce nth=2: error NOT_LEADER_OR_FOLLOWER\non metadata times=2: disconnect", idempotent, "a b c", nil},
		"a request is slow":                        {"on produce nth=2: delay-request for=30ms", idempotent, "a b c", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := quick()
			c.change(config)
			o := opened(t, config, threeBrokers...)
			o.check(o.cluster.CreateTopic("r", 1, replicated))
			o.faults(c.faults)
			for _, value := range []string{"a", "b", "c"} {
				err := o.write("r", 0, value)
				switch {
				case value != "b" || c.err == nil:
					if err != nil {
						t.Errorf("%s: %v", value, err)
					}
				case c.err == io.EOF && err != nil: // the kernel may have other words for it
				case !errors.Is(err, c.err):
					t.Errorf("%s: %v", value, err)
				}
			}
			if got := o.log("r", 0); got != c.log {
				t.Errorf("the log is %s", got)
			}
			if missed := o.cluster.MissedFaults(); len(missed) > 0 {
				t.Errorf("never happened: %v", missed)
			}
		})
	}
}

// A broker that takes a request and never answers is bounded by Net.ReadTimeout.
func TestABrokerThatDoesNotAnswer(t *testing.T) {
	for name, c := range map[string]struct{ faults, log string }{
		"requests are lost": {"on produce nth=2: drop-request", "a b c"},
		"answers are lost":  {"on produce nth=2: drop-response", "a b c"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := quick()
			config.Net.ReadTimeout = 100 * time.Millisecond
			config.Producer.Retry.Max, config.Metadata.Retry.Max = 1000, 1000 // whatever else takes that long
			o := opened(t, config)
			o.faults(c.faults)
			for _, value := range strings.Fields(c.log) {
				if err := o.write("t", 0, value); err != nil {
					t.Errorf("%s: %v", value, err)
				}
			}
			if got := o.log("t", 0); got != c.log {
				t.Errorf("the log is %s", got)
			}
		})
	}
}

func TestAConnectionThatIsCutBetweenRequests(t *testing.T) {
	o := opened(t, quick())
	o.check(o.write("t", 0, "a"))
	o.wires.snip()
	o.check(o.write("t", 0, "b"))
	if got := o.log("t", 0); got != "a b" {
		t.Errorf("the log is %s", got)
	}
}

// What is behind a batch that fails for good is written, after it.
func TestABatchFailsAlone(t *testing.T) {
	config := quick()
	config.Producer.MaxMessageBytes = 200
	o := opened(t, config)
	pull := o.plug("t", "a")
	o.faults("on produce nth=1: error POLICY_VIOLATION")
	large := strings.Repeat("x", 80)
	given := o.give("t", 0, "b", "c", large, "d") // in two batches
	pull()
	for i, want := range []error{sarama.ErrPolicyViolation, sarama.ErrPolicyViolation, nil, nil} {
		if err := o.result(given[i]); !errors.Is(err, want) {
			t.Errorf("%d: %v", i, err)
		}
	}
	o.check(o.write("t", 0, "e"))
	if got := o.log("t", 0); got != "a "+large+" d e" {
		t.Errorf("the log is %s", got)
	}
	batches := o.batches("t", 0)
	if last := batches[len(batches)-1]; last.ProducerEpoch != 0 || last.FirstSequence != 3 {
		t.Errorf("e has epoch %d and sequence %d", last.ProducerEpoch, last.FirstSequence)
	}
}

// After a batch in doubt has failed, a partition goes on under a higher epoch, and the others as they were.
func TestADoubtBeginsAnEpoch(t *testing.T) {
	config := quick()
	config.Producer.Retry.Max = 1
	o := opened(t, config)
	o.check(o.write("t", 0, "a"))
	o.check(o.write("t", 1, "a"))
	o.faults("on produce nth=1 nth=2: error REQUEST_TIMED_OUT")
	if err := o.write("t", 0, "b"); !errors.Is(err, sarama.ErrRequestTimedOut) {
		t.Error(err)
	}
	o.check(o.write("t", 0, "c"))
	o.check(o.write("t", 1, "c"))
	for partition, want := range []struct {
		epoch    int16
		sequence int32
	}{{1, 0}, {0, 1}} {
		batches := o.batches("t", int32(partition))
		if c := batches[1]; c.ProducerEpoch != want.epoch || c.FirstSequence != want.sequence || c.ProducerID != batches[0].ProducerID {
			t.Errorf("in partition %d, c has epoch %d and sequence %d of %d", partition, c.ProducerEpoch, c.FirstSequence, c.ProducerID)
		}
	}
}

func TestRecordsAreDeletedBeforeARetry(t *testing.T) {
	o := opened(t, quick())
	o.check(o.write("t", 0, "a"))
	o.check(o.cluster.DeleteRecords("t", 0, 1))
	o.faults("on produce nth=1: disconnect after-effect")
	o.check(o.write("t", 0, "b"))
	o.check(o.cluster.DeleteRecords("t", 0, 2))
	o.check(o.write("t", 0, "c"))
	if got := o.log("t", 0); got != "c" {
		t.Errorf("the log is %s", got)
	}
}

func TestATopicThatIsDeletedAndMadeAnew(t *testing.T) {
	config := quick()
	o := opened(t, config)
	o.check(o.write("t", 0, "a"))
	admin, err := sarama.NewClusterAdmin(o.brokers, quick())
	o.check(err)
	defer admin.Close()
	o.check(admin.DeleteTopic("t"))
	if err := o.write("t", 0, "b"); !errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		t.Error(err)
	}
	o.check(o.cluster.CreateTopic("t", 1))
	o.check(o.write("t", 0, "c"))
	o.check(o.write("t", 0, "d"))
	if got := o.log("t", 0); got != "c d" {
		t.Errorf("the log is %s", got)
	}
}

func TestAnAbsentProducerID(t *testing.T) {
	c, brokers := cluster(t)
	config := quick()
	config.Producer.Transaction.Retry.Backoff = time.Millisecond
	for faults, want := range map[string]error{
		"on init-producer-id times=3: error COORDINATOR_LOAD_IN_PROGRESS": nil,
		"on init-producer-id times=3: disconnect":                         nil,
		"on init-producer-id: error COORDINATOR_NOT_AVAILABLE":            sarama.ErrConsumerCoordinatorNotAvailable,
		"on init-producer-id: error CLUSTER_AUTHORIZATION_FAILED":         sarama.ErrClusterAuthorizationFailed,
	} {
		if err := c.SetFaults(faults); err != nil {
			t.Fatal(err)
		}
		client, wires, err := connect(brokers, config)
		if err != nil {
			t.Fatal(err)
		}
		box, err := New(client, config, wires.cut, func(*sarama.ProducerMessage, error) {})
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", faults, err)
		}
		if err == nil {
			if _, err := box.Close(time.Minute); err != nil {
				t.Error(err)
			}
		}
	}
}
