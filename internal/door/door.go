// Package door is the seam between goka and whatever serves Kafka's topics: a set of constructors that hand out
// sarama's interfaces. Plain broker addresses open sarama's own clients; an address with a scheme, as in mem://name,
// opens the door registered for that scheme, in the way of database/sql drivers.
package door

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/IBM/sarama"
)

// Door makes clients. Each method mirrors sarama's constructor of the same name, takes addresses as the user wrote
// them, scheme included, and honours the configuration it is given.
type Door interface {
	NewClient(addrs []string, config *sarama.Config) (sarama.Client, error)
	NewClusterAdmin(addrs []string, config *sarama.Config) (sarama.ClusterAdmin, error)
	NewConsumer(addrs []string, config *sarama.Config) (sarama.Consumer, error)
	NewConsumerGroup(addrs []string, group string, config *sarama.Config) (sarama.ConsumerGroup, error)
	NewSyncProducer(addrs []string, config *sarama.Config) (sarama.SyncProducer, error)
	NewAsyncProducer(addrs []string, config *sarama.Config) (sarama.AsyncProducer, error)
}

// Positioned is what a door's sarama.PartitionConsumer may offer beyond sarama's interface: word of its position, so
// that a reader can know that it has everything even when the last offsets of a partition hold no record (compacted
// away, aborted, or a transaction's marker). sarama's own consumers do not offer it.
type Positioned interface {
	// Reached returns a channel that is closed once every record below offset has been put into Messages and the
	// position is at or past offset, or once the consumer ends. Records may still wait in Messages: drain them first.
	Reached(offset int64) <-chan struct{}
}

// Handing is what a door's sarama.ConsumerGroupClaim may offer beyond sarama's interface: messages without a change of
// goroutines. sarama's own claims do not offer it.
type Handing interface {
	// HandTo has take called with each message before it is sent to Messages. take must not block, and returns whether it has
	// taken the message; what it has not taken is sent, unless the claim OffersAgain. The calls come one after the other, from any goroutine, and none is
	// made once HandTo was called again; nil ends it. A claim with a buffer in front of Messages never calls take.
	HandTo(take func(msg *sarama.ConsumerMessage) bool)
	// OffersAgain reports whether what take has not taken is offered to it again later, and never sent: a driven cluster says when,
	// where goroutines that wait for room would have chance decide who gets it first.
	OffersAgain() bool
}

// Telling is what a door's sarama.AsyncProducer may offer beyond sarama's interface: messages and results with fewer changes of
// goroutines. sarama's own producers do not offer it.
type Telling interface {
	// TellTo has settle called with each message and what Errors would have for it, nil for success, in place of Successes and
	// Errors. The calls come one after the other, from any goroutine; the next one waits for settle to return. It is called before
	// the first message, and reports false if the producer does not do it as it is configured: then there is no Send either.
	TellTo(settle func(msg *sarama.ProducerMessage, failure error)) bool
	// Send is to send to Input. It may wait while the producer has much to send, but never for settle, which may call it. AsyncClose
	// comes after the last call has returned.
	Send(msg *sarama.ProducerMessage)
}

// Reporting is what a door's sarama.ConsumerGroup may offer beyond sarama's interface: errors without a goroutine that waits for
// them. sarama's own members do not offer it.
type Reporting interface {
	// ReportTo has report called with each error in place of Errors. It is called before Consume, and reports false if the member
	// does not do it as it is configured. The calls come from any goroutine, none once Close has returned; report must not block.
	ReportTo(report func(err error)) bool
}

// Wrapping is what a sarama.Consumer offers that goka has put around a door's.
type Wrapping interface {
	// Unwrap returns the door's.
	Unwrap() sarama.Consumer
}

// Curious is what the session that Setup of a sarama.ConsumerGroupHandler gets may offer beyond sarama's interface: somebody
// wants to know why messages are not finished.
type Curious interface {
	// Explain takes a function that returns a line for each thing that a partition waits for: a callback that has not
	// returned, a deferred commit that is open. It may be called from any goroutine, also when the session is over and what it
	// began is not.
	Explain(unfinished func() []string)
}

// ErrMixedAddresses reports a broker list that leads to more than one place.
var ErrMixedAddresses = errors.New("broker addresses of more than one kind")

// ErrUnknownScheme reports a broker address whose scheme nobody registered.
var ErrUnknownScheme = errors.New("unknown scheme of a broker address")

var (
	mu    sync.RWMutex // guards doors
	doors = map[string]Door{}
)

// Register makes d the door for addresses that begin with scheme and "://". It is called from an init function, and
// panics when the scheme is taken, since that is a mistake in the program.
func Register(scheme string, d Door) {
	mu.Lock()
	defer mu.Unlock()
	if _, taken := doors[scheme]; taken {
		panic("door: scheme " + scheme + " registered twice")
	}
	doors[scheme] = d
}

// For returns the door that addrs lead to: sarama's for plain host:port addresses (also for an empty list, so that
// sarama says what is wrong with it), the registered one for a scheme.
func For(addrs []string) (Door, error) {
	var scheme string
	for i, addr := range addrs {
		s, _, found := strings.Cut(addr, "://")
		if !found {
			s = ""
		}
		if i > 0 && s != scheme {
			return nil, fmt.Errorf("%w: %q and %q; give brokers of one cluster", ErrMixedAddresses, addrs[0], addr)
		}
		scheme = s
	}
	if scheme == "" {
		return saramaDoor{}, nil
	}
	mu.RLock()
	defer mu.RUnlock()
	if d, ok := doors[scheme]; ok {
		return d, nil
	}
	known := slices.Sorted(maps.Keys(doors))
	hint := "none is registered"
	if len(known) > 0 {
		hint = "registered are " + strings.Join(known, ", ")
	}
	if scheme == "mem" {
		hint += `; import _ "github.com/gokasim/gokasim/memkafka/saramaclient" for mem`
	}
	return nil, fmt.Errorf("%w: %q in %q; %s", ErrUnknownScheme, scheme, addrs[0], hint)
}

// Network reports whether d opens sarama's own clients, which connect over a network.
func Network(d Door) bool {
	_, ok := d.(saramaDoor)
	return ok
}
