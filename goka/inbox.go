package goka

import (
	"sync"

	"github.com/IBM/sarama"
)

// inbox is where everything arrives that a partition's goroutine has to know. It has no bound, so that whoever posts
// never waits: results of emits, above all. Messages are bounded by credits.
type inbox struct {
	mu    sync.Mutex // guards items
	items []item
	wake  chan struct{} // has room for one: there is something to take
}

func newInbox() *inbox { return &inbox{wake: make(chan struct{}, 1)} }

// item is one thing that arrived, and its kind.
type item struct {
	kind  itemKind
	paid  bool                    // a credit was spent on the message
	lane  *lane                   // of a message
	msg   *sarama.ConsumerMessage // of a message
	out   *outgoing               // whose result it is
	m     *inflight               // whose deferred commit it is
	visit *visit                  // to which a key belongs, or which is given up
	key   string                  // to visit
	err   error                   // of a deferred commit, or a failure from outside
	late  *lateRow                // of a generation before
}

type itemKind uint8

const (
	itemMessage  itemKind = iota // a message of an input
	itemResult                   // the result of an emit
	itemDeferred                 // the result of a deferred commit
	itemVisitAll                 // a visit that begins once the rows written so far are stored
	itemVisit                    // a key to visit
	itemLate                     // a row of a generation before is in Kafka
	itemFailure                  // something beside the messages failed
	itemStop                     // the end of the generation
	itemAbandon                  // nobody waits for outstanding results any more
)

func (b *inbox) push(it item) {
	b.mu.Lock()
	first := len(b.items) == 0
	b.items = append(b.items, it)
	b.mu.Unlock()
	if first {
		b.arrived()
	}
}

// pushMessages pushes messages of an input on which credits were spent.
func (b *inbox) pushMessages(l *lane, messages []*sarama.ConsumerMessage) {
	b.mu.Lock()
	first := len(b.items) == 0
	for _, msg := range messages {
		b.items = append(b.items, item{kind: itemMessage, paid: true, lane: l, msg: msg})
	}
	b.mu.Unlock()
	if first {
		b.arrived()
	}
}

// arrived wakes the partition's goroutine, or has it look again before it sleeps.
func (b *inbox) arrived() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take returns all items in the order in which they came, and keeps spare for those that are to come.
func (b *inbox) take(spare []item) []item {
	clear(spare)
	b.mu.Lock()
	defer b.mu.Unlock()
	items := b.items
	b.items = spare[:0]
	return items
}

// credits bound how many messages of a claim, or visits of a partition, wait to be handled. Who posts them spends
// credits, the partition's goroutine gives them back.
type credits struct {
	mu      sync.Mutex // guards free, waiting
	free    int
	waiting int           // calls of spend that wait
	wake    chan struct{} // has room for one: one of those that wait may look for credits; nil until somebody waits
}

func newCredits(n int) *credits { return &credits{free: n} }

// spend takes a credit, and waits for one if need be. It reports false when halt or giveUp closed first.
func (c *credits) spend(halt, giveUp <-chan struct{}) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.free == 0 {
		c.waiting++
		if c.wake == nil {
			c.wake = make(chan struct{}, 1)
		}
		wake := c.wake
		c.mu.Unlock()
		given := true
		select {
		case <-wake:
		case <-halt:
			given = false
		case <-giveUp:
			given = false
		}
		c.mu.Lock()
		c.waiting--
		if !given {
			return false
		}
	}
	c.free--
	c.wakeNext()
	return true
}

// trySpend takes n credits, or as many as there are, unless somebody waits for one. It returns how many it took.
func (c *credits) trySpend(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting > 0 {
		return 0
	}
	n = min(n, c.free)
	c.free -= n
	return n
}

func (c *credits) giveBack(n int) {
	if n == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.free += n
	c.wakeNext()
}

// wakeNext has one of those that wait look, if there is a credit for it. It wakes the one after it in turn.
func (c *credits) wakeNext() {
	if c.free == 0 || c.waiting == 0 {
		return
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}
