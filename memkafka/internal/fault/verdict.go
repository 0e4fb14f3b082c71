package fault

import (
	"time"

	"github.com/gokasim/gokasim/internal/kafka"
)

// Verdict is all that happens to one request, in the order of its life. The zero Verdict is that of a request that nothing
// happens to.
type Verdict struct {
	Cluster []Action // to carry out on the cluster before the request

	DelayRequest time.Duration
	DropRequest  bool // it never arrives
	Disconnect   bool // its connection closes before it arrives

	Before     []Failure // answers without an effect
	Duplicates int       // how many times more it has its effect
	After      []Failure // answers in spite of the effect

	DelayResponse   time.Duration
	HoldBehind      int  // answers of the connection that leave first
	DropResponse    bool // it is never answered
	DisconnectAfter bool // its connection closes instead of an answer
}

// Failure is an error that partitions of a request are answered with.
type Failure struct {
	Code       kafka.ErrorCode
	Partitions []kafka.TopicPartition // nil for the whole request
}

// Decide sums up the injections for one request. Delays and duplicates add up; of two errors for one partition, the first
// counts.
func Decide(injections []Injection) Verdict {
	var v Verdict
	for _, in := range injections {
		switch a := in.Action.(type) {
		case Fail:
			f := Failure{Code: a.Code, Partitions: in.Partitions}
			if a.AfterEffect {
				v.After = append(v.After, f)
			} else {
				v.Before = append(v.Before, f)
			}
		case DropRequest:
			v.DropRequest = true
		case DropResponse:
			v.DropResponse = true
		case DelayRequest:
			v.DelayRequest += a.For
		case DelayResponse:
			v.DelayResponse += a.For
		case Duplicate:
			v.Duplicates += int(a.Times)
		case HoldResponse:
			v.HoldBehind += int(a.Behind)
		case Disconnect:
			if a.AfterEffect {
				v.DisconnectAfter = true
			} else {
				v.Disconnect = true
			}
		default:
			v.Cluster = append(v.Cluster, a)
		}
	}
	return v
}

// Arrives is false for a request that never gets to its broker.
func (v Verdict) Arrives() bool { return !v.DropRequest && !v.Disconnect }

// Answered is false for a request whose client hears nothing, or only that its connection is closed.
func (v Verdict) Answered() bool { return v.Arrives() && !v.DropResponse && !v.DisconnectAfter }

// ErrorBefore is the error, if any, that a partition of the request is answered with, without an effect. The zero
// TopicPartition asks for the request as a whole.
func (v Verdict) ErrorBefore(tp kafka.TopicPartition) kafka.ErrorCode { return errorFor(v.Before, tp) }

// ErrorAfter is the error, if any, that a partition of the request is answered with, in spite of the effect. The zero
// TopicPartition asks for the request as a whole.
func (v Verdict) ErrorAfter(tp kafka.TopicPartition) kafka.ErrorCode { return errorFor(v.After, tp) }

func errorFor(failures []Failure, tp kafka.TopicPartition) kafka.ErrorCode {
	for _, f := range failures {
		if f.Partitions == nil {
			return f.Code
		}
		for _, p := range f.Partitions {
			if p == tp {
				return f.Code
			}
		}
	}
	return kafka.None
}
