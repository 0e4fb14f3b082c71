package api

import (
	"math"
	"strings"
	"time"

	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// throttling is how long a connection is not listened to because its client has used more than its quotas let it. As in Kafka
// the answer tells it at once, and the next request waits (KIP-219).
type throttling struct{ until time.Time }

// user is the client's name, as quotas have it.
func (s *Session) user() string { return strings.TrimPrefix(s.principal, "User:") }

// listen waits until the connection is listened to again.
func (c *call) listen() error {
	if c.throttling.until.IsZero() {
		return nil
	}
	err := pause(c.ctx, time.Until(c.throttling.until))
	c.throttling.until = time.Time{}
	return err
}

// waits are the keys whose requests wait for others: their time is not that of a broker's thread.
var waits = map[int16]bool{1: true, 11: true, 14: true}

// charge notes what a request has used, and tells its client how long it will not be listened to.
func (c *call) charge(key int16, took time.Duration, answer wire.Body) {
	if c.broker.engine.Throttles() {
		c.do(func(core *cluster.Cluster, now millis) {
			if key == produce.key {
				c.throttle = max(c.throttle, core.Use(now, c.broker.id, cluster.ProducerByteRate, c.user(), c.clientID, float64(c.size)))
			}
			if !waits[key] {
				c.throttle = max(c.throttle, core.Use(now, c.broker.id, cluster.RequestPercentage, c.user(), c.clientID, float64(took)))
			}
		})
	}
	if c.throttle <= 0 {
		return
	}
	c.throttling.until = time.Now().Add(time.Duration(c.throttle) * time.Millisecond)
	if told, ok := answer.(interface{ SetThrottle(throttle int32) }); ok {
		told.SetThrottle(int32(min(c.throttle, math.MaxInt32)))
	}
}

// chargeFetch notes what a fetch found, and empties the answer if that is too much: the client comes again for it.
func (c *call) chargeFetch(answer *fetchAnswer, size int) (throttled bool) {
	if !c.broker.engine.Throttles() {
		return false
	}
	c.do(func(core *cluster.Cluster, now millis) {
		bytes := float64(size + answer.overhead())
		c.throttle = core.Use(now, c.broker.id, cluster.ConsumerByteRate, c.user(), c.clientID, bytes)
		if c.throttle > 0 {
			core.Return(now, c.broker.id, cluster.ConsumerByteRate, c.user(), c.clientID, bytes)
		}
	})
	if c.throttle <= 0 {
		return false
	}
	answer.topics = nil
	return true
}

// spend notes that the client changes so many partitions, and refuses it if strict clients have to wait first.
func (c *call) spend(core *cluster.Cluster, now millis, partitions int, strict bool) error {
	if !core.HasQuotas() {
		return nil
	}
	throttle, refused := core.SpendMutations(now, c.user(), c.clientID, partitions, strict)
	c.throttle = max(c.throttle, throttle)
	if refused {
		return cluster.ErrThrottled
	}
	return nil
}
