package outbox

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"slices"
	"syscall"
	"testing"

	"github.com/IBM/sarama"
)

func TestSequenceNumbersBeginAnewAfterTheLargest(t *testing.T) {
	for _, c := range []struct {
		sequence int32
		records  int
		want     int32
	}{
		{0, 1, 1},
		{10, 5, 15},
		{math.MaxInt32 - 2, 2, math.MaxInt32},
		{math.MaxInt32 - 2, 3, 0},
		{math.MaxInt32, 1, 0},
		{math.MaxInt32, 4, 3},
	} {
		if got := after(c.sequence, c.records); got != c.want {
			t.Errorf("%d records after %d come to %d, not %d", c.records, c.sequence, got, c.want)
		}
	}
}

func numbered(n int) *batch {
	b := newBatch()
	for range n {
		b.add(letter{msg: new(sarama.ProducerMessage)})
	}
	return b
}

func TestWhatBecomesOfABatch(t *testing.T) {
	first := stamp{id: 7, epoch: 3, sequence: 10}
	higher := stamp{id: 7, epoch: 4}
	refusal := fmt.Errorf("it failed: %w", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED})
	for name, c := range map[string]struct {
		errs    []error // the answers to its attempts
		verdict verdict // after the last of them
		next    stamp   // of the batch behind it, if that is new
		used    bool
	}{
		"written":                               {[]error{nil}, written, stamp{7, 3, 12}, false},
		"written twice":                         {[]error{sarama.ErrDuplicateSequenceNumber}, written, stamp{7, 3, 12}, false},
		"refused":                               {[]error{sarama.ErrTopicAuthorizationFailed}, failed, first, false},
		"refused for now":                       {[]error{sarama.ErrNotEnoughReplicas}, again, first, false},
		"refused for long":                      {[]error{sarama.ErrNotEnoughReplicas, sarama.ErrNotEnoughReplicas, sarama.ErrNotEnoughReplicas}, failed, first, false},
		"refused, written":                      {[]error{sarama.ErrNotEnoughReplicas, nil}, written, stamp{7, 3, 12}, false},
		"no connection":                         {[]error{sarama.ErrNotConnected, sarama.ErrNotConnected, sarama.ErrNotConnected}, failed, first, false},
		"no connection can be made":             {[]error{refusal, refusal, refusal}, failed, first, false},
		"no answer":                             {[]error{fmt.Errorf("read: EOF")}, again, first, false},
		"no answer for long":                    {[]error{fmt.Errorf("a"), fmt.Errorf("b"), fmt.Errorf("c")}, failed, higher, false},
		"no answer, refused":                    {[]error{sarama.ErrRequestTimedOut, sarama.ErrTopicAuthorizationFailed}, failed, higher, false},
		"an error nobody knows":                 {[]error{sarama.KError(4711)}, failed, higher, false},
		"it cannot be encoded":                  {[]error{sarama.PacketEncodingError{Info: "x"}}, failed, first, false},
		"too large":                             {[]error{sarama.ErrMessageSizeTooLarge}, split, first, false},
		"no answer, too large":                  {[]error{sarama.ErrRequestTimedOut, sarama.ErrMessageSizeTooLarge}, failed, higher, false},
		"out of order":                          {[]error{sarama.ErrOutOfOrderSequenceNumber}, again, higher, false},
		"the producer is not known":             {[]error{sarama.ErrUnknownProducerID}, again, higher, false},
		"the producer is not known, written":    {[]error{sarama.ErrUnknownProducerID, nil}, written, stamp{7, 4, 2}, false},
		"the producer is not known, after that": {[]error{sarama.ErrRequestTimedOut, sarama.ErrUnknownProducerID}, failed, higher, false},
		"the epoch is fenced":                   {[]error{sarama.ErrInvalidProducerEpoch}, again, higher, true},
		"the id is not known":                   {[]error{sarama.ErrInvalidProducerIDMapping}, again, higher, true},
	} {
		t.Run(name, func(t *testing.T) {
			l, b := ledger{next: first}, numbered(2)
			v := written
			for i, err := range c.errs {
				l.enter(b)
				if v = l.resolve(b, err, 2); v == again {
					b.retries++
				} else if i < len(c.errs)-1 {
					t.Fatalf("after answer %d it is %d", i, v)
				}
			}
			if v != c.verdict || l.next != c.next || l.used != c.used {
				t.Errorf("verdict %d, next %+v, used %t", v, l.next, l.used)
			}
		})
	}
}

func TestWithoutIdempotenceNothingIsNumbered(t *testing.T) {
	for _, err := range []error{nil, sarama.ErrRequestTimedOut, sarama.ErrOutOfOrderSequenceNumber, sarama.ErrTopicAuthorizationFailed, fmt.Errorf("EOF")} {
		l, b := ledger{next: unstamped}, numbered(2)
		l.enter(b)
		l.resolve(b, err, 0)
		if l.next != unstamped || b.stamp != unstamped || l.used {
			t.Errorf("after %v: %+v, %+v", err, l, b.stamp)
		}
	}
}

func TestAfterTheLastEpochAnotherIDIsNeeded(t *testing.T) {
	l, b := ledger{next: stamp{id: 7, epoch: math.MaxInt16, sequence: 4}}, numbered(1)
	l.enter(b)
	if v := l.resolve(b, sarama.ErrRequestTimedOut, 0); v != failed || !l.used {
		t.Errorf("verdict %d, %+v", v, l)
	}
}

// leader is a partition's log and what Kafka's brokers know of one producer there (ProducerStateManager).
type leader struct {
	log    []int // numbers of records
	known  bool
	epoch  int16
	recent [][2]int32 // the first and last sequence numbers of the last five batches of the epoch
}

// attempt is a batch on its way.
type attempt struct {
	stamp   stamp
	records []int
}

func (l *leader) append(a attempt) error {
	first, last := a.stamp.sequence, a.stamp.sequence+int32(len(a.records))-1
	if l.known {
		if a.stamp.epoch < l.epoch {
			return sarama.ErrInvalidProducerEpoch
		}
		if a.stamp.epoch == l.epoch && slices.Contains(l.recent, [2]int32{first, last}) {
			return nil
		}
		if a.stamp.epoch > l.epoch && first != 0 || a.stamp.epoch == l.epoch && len(l.recent) > 0 && first != l.recent[len(l.recent)-1][1]+1 {
			return sarama.ErrOutOfOrderSequenceNumber
		}
	}
	if !l.known || a.stamp.epoch != l.epoch {
		l.recent = nil
	}
	l.known, l.epoch = true, a.stamp.epoch
	l.recent = append(l.recent, [2]int32{first, last})
	l.recent = l.recent[max(0, len(l.recent)-5):]
	l.log = append(l.log, a.records...)
	return nil
}

// keeper is what of a ledger the history below asks.
type keeper interface {
	enter(b *batch)
	resolve(b *batch, err error, retries int) verdict
}

// history sends batches through a network that loses requests and answers and delivers requests late, as chance has it, to a leader that
// refuses some. It returns what promise was broken first, nothing when none was.
func history(seed uint64, ledger keeper) (broken string) {
	random := rand.New(rand.NewPCG(seed, 0))
	var broker leader
	var late []attempt // requests that the client has given up, and that may arrive yet
	var acknowledged []int
	next := 0
	for range 30 {
		b := numbered(1 + random.IntN(3))
		records := make([]int, len(b.messages))
		for i := range records {
			records[i] = next
			next++
		}
		for v := again; v == again; {
			for len(late) > 0 && random.IntN(3) == 0 {
				_ = broker.append(late[0])
				late = late[1:]
			}
			ledger.enter(b)
			a := attempt{b.stamp, records}
			var err error
			switch random.IntN(12) {
			case 0, 1: // the answer is lost
				_ = broker.append(a)
				err = fmt.Errorf("EOF")
			case 2: // the request is lost
				err = fmt.Errorf("EOF")
			case 3, 4: // it arrives when nobody waits any more
				late = append(late, a)
				err = fmt.Errorf("i/o timeout")
			case 5:
				err = sarama.ErrNotEnoughReplicas
			case 6:
				err = sarama.ErrTopicAuthorizationFailed
			case 7:
				if err = broker.append(a); err == nil {
					err = sarama.ErrNotEnoughReplicasAfterAppend
				}
			default:
				err = broker.append(a)
			}
			if err != nil && outcomes[kind(err)].lost {
				return fmt.Sprintf("the leader lost the thread at %+v: %v", a.stamp, err)
			}
			if v = ledger.resolve(b, err, 3); v == again {
				b.retries++
			}
			if v == written {
				acknowledged = append(acknowledged, records...)
			}
		}
	}
	for _, a := range late {
		_ = broker.append(a)
	}
	seen := make(map[int]bool)
	for _, r := range broker.log {
		if seen[r] {
			return fmt.Sprintf("record %d is there twice: %v", r, broker.log)
		}
		seen[r] = true
	}
	if !slices.IsSorted(broker.log) {
		return fmt.Sprintf("the order is wrong: %v", broker.log)
	}
	for _, r := range acknowledged {
		if !seen[r] {
			return fmt.Sprintf("record %d was acknowledged and is not there: %v", r, broker.log)
		}
	}
	return ""
}

func TestNoHistoryBreaksAPromise(t *testing.T) {
	for seed := range uint64(5_000) {
		if broken := history(seed, &ledger{next: stamp{id: 7}}); broken != "" {
			t.Fatalf("seed %d: %s", seed, broken)
		}
	}
}

// These ledgers have a mistake each.
type (
	renumbers  struct{ ledger } // gives a batch that is sent again new numbers
	forgetful  struct{ ledger } // begins no epoch after a batch in doubt
	skips      struct{ ledger } // counts records that were refused
	believes   struct{ ledger } // sends a batch in doubt under a new epoch when the broker has lost the thread
	takesAsRef struct{ ledger } // takes an error after the append for a refusal
)

func (l *renumbers) resolve(b *batch, err error, retries int) verdict {
	v := l.ledger.resolve(b, err, retries)
	if v == again {
		l.next.sequence, b.stamped = after(b.stamp.sequence, len(b.messages)), false
	}
	return v
}

func (l *forgetful) resolve(b *batch, err error, retries int) verdict {
	epoch, next := l.next.epoch, after(b.stamp.sequence, len(b.messages))
	v := l.ledger.resolve(b, err, retries)
	if l.next.epoch != epoch {
		l.next = stamp{id: l.next.id, epoch: epoch, sequence: next}
	}
	return v
}

func (l *skips) resolve(b *batch, err error, retries int) verdict {
	v := l.ledger.resolve(b, err, retries)
	if v == failed && !b.doubtful {
		l.next.sequence = after(l.next.sequence, len(b.messages))
	}
	return v
}

func (l *believes) resolve(b *batch, err error, retries int) verdict {
	if b.doubtful && b.retries >= 2 {
		b.stamped, b.doubtful = false, false
		l.renew()
		return again
	}
	return l.ledger.resolve(b, err, retries)
}

func (l *takesAsRef) resolve(b *batch, err error, retries int) verdict {
	v := l.ledger.resolve(b, err, 0)
	if v == failed {
		l.next, b.doubtful = b.stamp, false
	}
	return v
}

func TestEachMistakeIsCaught(t *testing.T) {
	start := ledger{next: stamp{id: 7}}
	for name, wrong := range map[string]func() keeper{
		"new numbers for a batch that is sent again":   func() keeper { return &renumbers{start} },
		"no new epoch after a batch in doubt":          func() keeper { return &forgetful{start} },
		"numbers used up by records that were refused": func() keeper { return &skips{start} },
		"a batch in doubt sent under a new epoch":      func() keeper { return &believes{start} },
		"numbers given again after a doubt":            func() keeper { return &takesAsRef{start} },
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(5_000) {
				if history(seed, wrong()) != "" {
					return
				}
			}
			t.Error("no history shows it")
		})
	}
}
