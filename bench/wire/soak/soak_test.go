package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/memkafka"
)

// faults go wrong in every round. Times are counted from its beginning. Coordinators of groups stay for longer than a session
// takes to time out (6 s): the next one gives dead members their time anew, and the living wait for them.
const faults = `
on produce topic=%[1]s probability=0.01: error NOT_LEADER_OR_FOLLOWER
on produce topic=%[1]s probability=0.005: disconnect after-effect
on produce topic=%[1]s probability=0.002: drop-response
on produce topic=%[2]s probability=0.005: error REQUEST_TIMED_OUT after-effect
on fetch topic=%[1]s probability=0.01: disconnect
on fetch probability=0.02: delay-response for=10ms up-to=100ms
on metadata probability=0.01: disconnect
on join-group probability=0.05: error COORDINATOR_NOT_AVAILABLE
on sync-group probability=0.05: disconnect after-effect
on offset-commit probability=0.02: error COORDINATOR_LOAD_IN_PROGRESS
on heartbeat probability=0.02: error REBALANCE_IN_PROGRESS
on end-txn probability=0.02: error COORDINATOR_LOAD_IN_PROGRESS
on any probability=0.001: disconnect
at 1s every=3s: move-leader topic=%[1]s partition=0
at 1500ms every=4s: move-leader topic=%[2]s partition=1
at 2s every=9s: move-coordinator group=franz
at 3s every=10s: move-coordinator group=sarama
at 2500ms every=7s: move-coordinator transactional-id=soak
at 4s every=8s: stop-broker broker=2 for=700ms
`

// groups are those whose members come and go.
var groups = []string{"franz", "sarama", "franz-848"}

// round is a while with topics of its own.
type round struct {
	t                    *testing.T
	cluster              *memkafka.Cluster
	addrs                []string
	seed                 uint64
	plain, transactional string
	ledger               *ledger
	clients              sync.WaitGroup
}

// partitions is how many each topic has.
const partitions = 6

// TestSoak runs for SOAK_DURATION, a few seconds unless that is set.
func TestSoak(t *testing.T) {
	duration := 4 * time.Second
	if text := os.Getenv("SOAK_DURATION"); text != "" {
		var err error
		if duration, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	cluster := memkafka.New(memkafka.WithSeed(seed), memkafka.WithBrokers(3), memkafka.WithSetting("group.initial.rebalance.delay.ms", "0"))
	defer cluster.Close()
	l, err := cluster.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	each := min(duration, 20*time.Second)
	var base, now int64
	var goroutines int
	began := time.Now()
	for n := 1; n == 1 || time.Since(began)+each <= duration; n++ {
		r := &round{
			t: t, cluster: cluster, addrs: l.Addrs(), seed: seed + uint64(n), ledger: newLedger(),
			plain: fmt.Sprintf("plain-%d", n), transactional: fmt.Sprintf("transactional-%d", n),
		}
		r.run(each)
		if t.Failed() {
			return
		}
		counts := fmt.Sprintf("%d records acknowledged, %d committed, %d aborted", len(r.ledger.those(acked)), len(r.ledger.those(committed)), len(r.ledger.those(aborted)))
		r.ledger = nil
		now = heap()
		t.Logf("round %d: %s; heap %.1f MB, %d goroutines", n, counts, float64(now)/1e6, runtime.NumGoroutine())
		if n == 2 { // pools and tables are warm
			base, goroutines = now, runtime.NumGoroutine()
		}
	}
	if base == 0 {
		return
	}
	const tolerance = 8 << 20
	if now > base+tolerance {
		t.Errorf("the heap grew from %d to %d bytes", base, now)
	}
	if n := runtime.NumGoroutine(); n > goroutines+20 {
		t.Errorf("%d goroutines, there were %d", n, goroutines)
	}
}

// heap is how much memory is in use.
func heap() int64 {
	runtime.GC()
	runtime.GC() // pools need two
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

func (r *round) run(duration time.Duration) {
	for _, topic := range []string{r.plain, r.transactional} {
		if err := r.cluster.CreateTopic(topic, partitions, memkafka.WithReplication(3)); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := r.cluster.SetFaults(fmt.Sprintf(faults, r.plain, r.transactional)); err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), duration)
	defer cancel()
	for i := range 3 {
		r.lives(ctx, fmt.Sprintf("franz-%d-%d", r.seed, i), r.produceFranz)
		r.lives(ctx, fmt.Sprintf("sarama-%d-%d", r.seed, i), r.produceSarama)
		r.lives(ctx, fmt.Sprintf("reader-%d", i), r.consumeFranz("franz"))
		r.lives(ctx, fmt.Sprintf("saramareader-%d", i), r.consumeSarama("sarama"))
		r.lives(ctx, fmt.Sprintf("reader848-%d", i), r.consume848())
		r.lives(ctx, fmt.Sprintf("mumbler-%d", i), r.mumble)
	}
	r.lives(ctx, fmt.Sprintf("transactional-%d", r.seed), r.transact)
	<-ctx.Done()
	r.checkFaults(duration)
	r.cluster.ClearFaults()
	r.clients.Wait()
	r.awaitBrokers()
	present := r.checkPlain()
	r.checkTransactions()
	r.checkGroups(present)
	r.tidy()
}

// consume848 is a member of a group whose assignment the broker makes (KIP-848).
func (r *round) consume848() func(ctx context.Context, name string, random *rand.Rand) error {
	ctx := context.WithValue(context.Background(), "opt_in_kafka_next_gen_balancer_beta", true) //nolint:revive,staticcheck // kgo wants this key
	return r.consumeFranz("franz-848", kgo.WithContext(ctx))
}

// busy is how many records a round has acknowledged that gave every fault its chance: on a machine with much else to do there are fewer requests.
const busy = 8000

// checkFaults fails for faults that never happened, though there was time for all of them.
func (r *round) checkFaults(duration time.Duration) {
	injected := 0
	for _, f := range r.cluster.FaultCounts() {
		injected += int(f.Injected)
	}
	if injected == 0 {
		r.t.Error("no fault happened")
	}
	if missed := r.cluster.MissedFaults(); duration >= 20*time.Second && len(missed) > 4 && len(r.ledger.those(acked)) >= busy {
		r.t.Errorf("faults that never happened: %v", missed)
	}
}

// awaitBrokers waits until all brokers are up again.
func (r *round) awaitBrokers() {
	r.eventually("all brokers to be up", func() string {
		if up := r.cluster.Brokers(); len(up) < 3 {
			return fmt.Sprintf("only %v are", up)
		}
		return ""
	})
}

// eventually fails unless wrong says nothing within a minute.
func (r *round) eventually(what string, wrong func() string) {
	const most = time.Minute
	deadline := time.Now().Add(most)
	for {
		text := wrong()
		if text == "" {
			return
		}
		if time.Now().After(deadline) {
			r.t.Errorf("waited %v for %s: %s", most, what, text)
			return
		}
		rest(r.t.Context(), 20*time.Millisecond)
	}
}

// all is every record of a topic, with how often it is there.
func (r *round) all(topic string) map[string]int {
	found := map[string]int{}
	for p := range int32(partitions) {
		for from := memkafka.Offset(0); ; {
			records, err := r.cluster.Fetch(topic, p, from, 1000)
			if err != nil {
				r.t.Fatal(err)
			}
			if len(records) == 0 {
				break
			}
			for i := range records {
				found[string(records[i].Value)]++
			}
			from = records[len(records)-1].Offset + 1
		}
	}
	return found
}

// checkPlain looks for every acknowledged record, and for records that are there twice.
func (r *round) checkPlain() map[string]int {
	found := r.all(r.plain)
	lost := 0
	for _, id := range r.ledger.those(acked) {
		if found[id] == 0 {
			lost++
			r.few(lost, "record %s was acknowledged and is not there", id)
		}
	}
	twice := 0
	for id, n := range found {
		if n > 1 && strings.HasPrefix(id, "franz-") { // sarama gives its producer a new id when it fails
			twice++
			r.few(twice, "record %s of an idempotent producer is there %d times", id, n)
		}
	}
	return found
}

// few reports an error if it is among the first ones.
func (r *round) few(n int, format string, args ...any) {
	if n <= 5 {
		r.t.Errorf(format, args...)
	}
}

// checkTransactions reads what was committed.
func (r *round) checkTransactions() {
	want := map[string]bool{}
	for _, id := range r.ledger.those(committed) {
		want[id] = true
	}
	client, err := r.franz("checker", kgo.ConsumeTopics(r.transactional), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		r.t.Fatal(err)
	}
	defer client.Close()
	found := map[string]int{}
	r.eventually("committed records", func() string {
		ctx, cancel := context.WithTimeout(r.t.Context(), 200*time.Millisecond)
		defer cancel()
		client.PollFetches(ctx).EachRecord(func(record *kgo.Record) {
			id := string(record.Value)
			delete(want, id)
			found[id]++
		})
		if len(want) > 0 {
			return fmt.Sprintf("%d are missing", len(want))
		}
		return ""
	})
	wrong := 0
	for _, id := range r.ledger.those(aborted) {
		if found[id] > 0 {
			wrong++
			r.few(wrong, "record %s of an aborted transaction was read", id)
		}
	}
	for id, n := range found {
		if n > 1 {
			wrong++
			r.few(wrong, "record %s of a transaction was read %d times", id, n)
		}
	}
}

// checkGroups gives each group a last member, and waits until all records were seen.
func (r *round) checkGroups(present map[string]int) {
	ctx, cancel := context.WithCancel(r.t.Context())
	var last sync.WaitGroup
	for group, live := range map[string]func(context.Context, string, *rand.Rand) error{
		"franz": r.consumeFranz("franz"), "sarama": r.consumeSarama("sarama"), "franz-848": r.consume848(),
	} {
		last.Go(func() {
			if err := live(ctx, "last-"+group, nil); err != nil {
				r.t.Errorf("last member of %s: %v", group, err)
			}
		})
	}
	for _, group := range groups {
		r.eventually("group "+group, func() string {
			if n := r.ledger.missing(group, present); n > 0 {
				return fmt.Sprintf("%d of %d records were not seen", n, len(present))
			}
			return ""
		})
	}
	cancel()
	last.Wait()
}

// tidy deletes the round's topics and groups.
func (r *round) tidy() {
	client, err := r.franz("tidy")
	if err != nil {
		r.t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	gone := kmsg.NewPtrDeleteTopicsRequest()
	for _, topic := range []string{r.plain, r.transactional} {
		gone.TopicNames = append(gone.TopicNames, topic)
		gone.Topics = append(gone.Topics, kmsg.DeleteTopicsRequestTopic{Topic: &topic})
	}
	if _, err := gone.RequestWith(ctx, client); err != nil {
		r.t.Fatal(err)
	}
	for _, group := range groups {
		r.eventually("group "+group+" to be empty", func() string {
			forget := kmsg.NewPtrDeleteGroupsRequest()
			forget.Groups = []string{group}
			response, err := forget.RequestWith(ctx, client)
			if err != nil {
				return err.Error()
			}
			if code := response.Groups[0].ErrorCode; code != 0 && code != 69 { // GROUP_ID_NOT_FOUND: gone already
				return fmt.Sprintf("error code %d", code)
			}
			return ""
		})
	}
}
