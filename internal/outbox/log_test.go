package outbox

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// logged is what all tests log. A test tells its lines by its topic.
var logged lines

type lines struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (l *lines) Printf(format string, args ...any) { l.add(fmt.Sprintf(format, args...)) }
func (l *lines) Print(args ...any)                 { l.add(fmt.Sprint(args...)) }
func (l *lines) Println(args ...any)               { l.add(fmt.Sprintln(args...)) }

func (l *lines) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.WriteString(strings.TrimSuffix(line, "\n") + "\n")
}

// of returns what was logged of a partition.
func (l *lines) of(topic string, partition int32) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var of strings.Builder
	who := fmt.Sprintf("producer/%s/%d ", topic, partition)
	for line := range strings.Lines(l.text.String()) {
		if what, ok := strings.CutPrefix(line, who); ok {
			of.WriteString(what)
		}
	}
	return of.String()
}

func TestTroubleIsLogged(t *testing.T) {
	for name, c := range map[string]struct{ faults, want string }{
		"none": {"", ""},
		"it ends": {
			"on produce nth=2 nth=3 nth=4: error NOT_ENOUGH_REPLICAS",
			"sends 1 records again because of: kafka server: Messages are rejected since there are fewer in-sync replicas than required\n" +
				"wrote 1 records after 3 retries\n",
		},
		"it lasts": {
			"on produce nth=2 nth=3 nth=4 nth=5: error LEADER_NOT_AVAILABLE",
			"sends 1 records again because of: kafka server: In the middle of a leadership election, there is currently no leader for this partition " +
				"and hence it is unavailable for writes\n" +
				"gave up 1 records after 3 retries because of: kafka server: In the middle of a leadership election, there is currently no leader " +
				"for this partition and hence it is unavailable for writes; the partition begins a new epoch\n",
		},
		"an epoch begins later": {
			"on produce nth=2: error NOT_ENOUGH_REPLICAS\non produce nth=3: error OUT_OF_ORDER_SEQUENCE_NUMBER",
			"sends 1 records again because of: kafka server: Messages are rejected since there are fewer in-sync replicas than required\n" +
				"sends 1 records again because of: kafka server: The broker received an out of order sequence number; the partition begins a new epoch\n" +
				"wrote 1 records after 2 retries\n",
		},
		"another producer id": {
			"on produce nth=2: error INVALID_PRODUCER_EPOCH",
			"sends 1 records again because of: kafka server: Producer attempted an operation with an old epoch; the partition begins a new epoch\n" +
				"wrote 1 records after 1 retries\n",
		},
		"it is refused":  {"on produce nth=2: error TOPIC_AUTHORIZATION_FAILED", ""}, // whoever wrote it is told
		"nobody knows":   {"on produce nth=2: error UNKNOWN_SERVER_ERROR", "gave up 1 records after 0 retries because of: kafka server: Unexpected (unknown?) server error; the partition begins a new epoch\n"},
		"a leader moves": {"on produce nth=2: move-leader, error NOT_LEADER_OR_FOLLOWER", "sends 1 records again because of: kafka server: Tried to send a message to a replica that is not the leader for some partition. Your metadata is out of date\nselected broker 2\nwrote 1 records after 1 retries\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := quick()
			config.Producer.Retry.Max = 3
			o := opened(t, config, threeBrokers...)
			topic := "logged-" + strings.ReplaceAll(name, " ", "-")
			o.check(o.cluster.CreateTopic(topic, 1, replicated))
			before := logged.of(topic, 0) // of a test that ran before, with -count
			o.faults(c.faults)
			for _, value := range []string{"a", "b", "c"} {
				_ = o.write(topic, 0, value)
			}
			if _, err := o.box.Close(time.Minute); err != nil { // then all is logged
				t.Error(err)
			}
			if got := strings.TrimPrefix(logged.of(topic, 0), before); got != c.want {
				t.Errorf("this was logged:\n%s", got)
			}
		})
	}
}
