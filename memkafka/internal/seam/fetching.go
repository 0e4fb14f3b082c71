package seam

import (
	"time"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/fault"
)

// retryFetch is how long a subscription rests after a fetch that failed, unless it is told otherwise: sarama's
// Consumer.Retry.Backoff.
const retryFetch = 2 * time.Second

// fetches asks, before records are read, what happens to the request that would bring them, and reports whether they can be
// read now. Called with mu held.
func (s *Subscription) fetches() bool {
	e := s.c.e
	if s.waiting {
		return false
	}
	if pause := s.c.muted(); pause > 0 && !s.fetched {
		s.waiting = true
		e.after(pause, func(kafka.Millis) {
			s.waiting = false
			s.signal()
			e.hand.signal()
		})
		return false
	}
	if e.faults == nil || s.fetched {
		return true
	}
	op := Op{Name: "fetch", ClientID: s.c.id, Partitions: []kafka.TopicPartition{s.tp}}
	op.Broker = e.brokerOf(op)
	v := e.judge(op)
	s.waiting, s.try = true, s.try+1
	try := s.try
	lose := func(err error) {
		if s.try == try && s.waiting {
			s.refused(err)
		}
	}
	e.travel(&v, s.c.patience, func(kafka.Millis) {
		e.answer(&v, s.c, func() {
			if s.try != try || !s.waiting {
				return
			}
			if code := failed(&v, &op); code != kafka.None {
				s.refused(code)
				return
			}
			s.waiting, s.fetched = false, true
			s.signal()
			e.hand.signal()
		}, lose)
	}, lose)
	e.arm()
	return !s.waiting && s.broken == nil
}

// failed is the error that a request is answered with, before its effect or after.
func failed(v *fault.Verdict, op *Op) kafka.ErrorCode {
	if code, _ := whole(v.Before, op); code != kafka.None {
		return code
	}
	code, _ := whole(v.After, op)
	return code
}

// refused is told that a fetch failed: as sarama's consumer it ends, or it says so and rests, or it rests silently where
// only the leader may have changed.
func (s *Subscription) refused(err error) {
	if s.closed {
		return
	}
	e := s.c.e
	if e.driver != nil {
		e.driver.line(s.c.name, "is refused", s.tp.String()+" "+err.Error())
	}
	switch codeOf(err) {
	case kafka.OffsetOutOfRange:
		s.waiting, s.broken = false, err
		s.signal()
		e.hand.signal()
		return
	case kafka.UnknownTopicOrPartition, kafka.NotLeaderOrFollower, kafka.LeaderNotAvailable, kafka.ReplicaNotAvailable,
		kafka.FencedLeaderEpoch, kafka.UnknownLeaderEpoch:
	default:
		if !s.ended {
			s.sink.Fail(err)
		}
	}
	e.after(s.backoff, func(kafka.Millis) {
		s.waiting = false
		s.signal()
		e.hand.signal()
	})
}
