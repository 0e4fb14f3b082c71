package goka

import (
	"context"
	"strings"
	"time"
)

// application is what a processor does with a message.
type application string

const (
	counter application = "counter" // counts messages by key in its table
	rekey   application = "rekey"   // passes messages on under another key
	join    application = "join"    // reads the joined row and passes the message on
)

// spec is a processor.
type spec struct {
	application
	brokers []string
	group   string
	in      string
	out     string // of rekey and join
	joined  string // of join
	store   string // memory or disk
	dir     string
	client  string
	handled func(partition int32) // called in every callback
}

// heartbeat is how often members ask for news of their group: 3 s by default, which would be nearly all of what a rebalance
// takes.
const heartbeat = 100 * time.Millisecond

// runner runs until ctx ends.
type runner interface {
	Run(ctx context.Context) error
}

// viewer is a view.
type viewer interface {
	runner
	WaitRunning() <-chan struct{}
}

// library is one of those that are compared.
type library struct {
	name      string
	processor func(s spec) (runner, error)
	view      func(brokers []string, table, store, dir string) (viewer, error)
	emitter   func(brokers []string, topic string) (emit func(key string, value []byte) error, finish func() error, err error)
}

var libraries = []library{ours, theirs}

// other is the key under which rekey passes messages on.
func other(key string) string { return strings.Replace(key, "key", "other", 1) }
