package kafkamock

import "github.com/gokasim/gokasim/tester"

// The types of package tester under the names that they had in this package.
type (
	// Tester runs processors, views and emitters on a simulated cluster.
	Tester = tester.Tester
	// T is what New needs of testing.T.
	T = tester.T
	// QueueTracker reads a topic of a Tester.
	QueueTracker = tester.QueueTracker
	// EmitOption is a setting of one Tester.Consume.
	EmitOption = tester.EmitOption
)

// New returns what tester.New does: a tester with a cluster of its own, which is closed when the test ends.
func New(t T, options ...tester.Option) *Tester { return tester.New(t, options...) }
