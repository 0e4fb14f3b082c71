package cluster

import (
	"maps"
	"math"

	"github.com/gokasim/gokasim/internal/kafka"
)

// Windows by which a broker measures rates: quota.window.num, and quota.window.size.seconds.
const (
	quotaWindows    = 11
	quotaWindowSize = kafka.Millis(1000)
)

// quotaMeter is whose use of what a broker measures.
type quotaMeter struct {
	broker int32
	key    string
	shared quotaEntity
}

// rate is what was used in the last windows.
type rate struct {
	windows [quotaWindows]struct {
		start, last kafka.Millis
		sum         float64
		used        bool
	}
	current int
}

// purge empties the windows that are too old to count.
func (r *rate) purge(now kafka.Millis) {
	for i := range r.windows {
		if w := &r.windows[i]; w.used && now-w.last >= quotaWindows*quotaWindowSize {
			*w = struct {
				start, last kafka.Millis
				sum         float64
				used        bool
			}{start: now, last: now, used: true}
		}
	}
}

// record adds to the present window.
func (r *rate) record(now kafka.Millis, amount float64) {
	w := &r.windows[r.current]
	if w.used && now-w.start >= quotaWindowSize {
		r.current = (r.current + 1) % quotaWindows
		w = &r.windows[r.current]
		w.used = false
	}
	if !w.used {
		w.start, w.sum, w.used = now, 0, true
	}
	w.sum += amount
	w.last = now
}

// measure is the rate by the second, and the time over which it was measured: all windows but the present one count as
// full, as long as they are not.
func (r *rate) measure(now kafka.Millis) (perSecond float64, over kafka.Millis) {
	r.purge(now)
	oldest, sum := now, 0.0
	for _, w := range r.windows {
		if w.used {
			oldest = min(oldest, w.start)
			sum += w.sum
		}
	}
	over = now - oldest
	if full := over / quotaWindowSize; full < quotaWindows-1 {
		over += (quotaWindows - 1 - full) * quotaWindowSize
	}
	over = max(over, 1)
	return sum / (float64(over) / 1000), over
}

// Use notes that a client used something of a broker that there is a quota of, and tells for how long the broker does not
// listen to it: until the rate is the quota again. Bytes are as many as there are, and of request_percentage, where amount is
// nanoseconds of a thread, the time is at most a window.
func (c *Cluster) Use(now kafka.Millis, broker int32, key, user, clientID string, amount float64) (throttle kafka.Millis) {
	limit, shared, ok := c.quotaOf(key, user, clientID)
	if !ok {
		return 0
	}
	if key == RequestPercentage {
		amount *= 100 / 1e9
	}
	r := c.meter(now, quotaMeter{broker, key, shared})
	r.record(now, amount)
	measured, over := r.measure(now)
	if measured <= limit {
		return 0
	}
	throttle = kafka.Millis(math.Round((measured - limit) / limit * float64(over)))
	if key == RequestPercentage {
		throttle = min(throttle, quotaWindowSize)
	}
	return throttle
}

// Return takes back what Use noted, because it was not used after all.
func (c *Cluster) Return(now kafka.Millis, broker int32, key, user, clientID string, amount float64) {
	if _, shared, ok := c.quotaOf(key, user, clientID); ok {
		c.meter(now, quotaMeter{broker, key, shared}).record(now, -amount)
	}
}

// meters is how many meters there are before idle ones are looked for.
const meters = 1000

// meter is the meter of a client, which begins when it is used first. Those that measure nothing any more are forgotten when
// there are many: with a default quota every client id has one.
func (c *Cluster) meter(now kafka.Millis, of quotaMeter) *rate {
	if r := c.rates[of]; r != nil {
		return r
	}
	if c.rates == nil {
		c.rates = map[quotaMeter]*rate{}
	}
	if len(c.rates) >= max(c.ratesLimit, meters) {
		maps.DeleteFunc(c.rates, func(_ quotaMeter, r *rate) bool { return r.idle(now) })
		c.ratesLimit = 2 * len(c.rates)
	}
	r := &rate{}
	c.rates[of] = r
	return r
}

// idle reports whether all windows are too old to count.
func (r *rate) idle(now kafka.Millis) bool {
	for _, w := range r.windows {
		if w.used && now-w.last < quotaWindows*quotaWindowSize {
			return false
		}
	}
	return true
}

// MostInWindow is as many bytes as a client may fetch at once: what its quota lets through in all full windows. It is
// negative without a quota.
func (c *Cluster) MostInWindow(user, clientID string) int {
	limit, _, ok := c.quotaOf(ConsumerByteRate, user, clientID)
	if !ok || limit > math.MaxInt32 {
		return -1
	}
	return int(limit) * (quotaWindows - 1)
}

// tokens are what is left to spend of a controller_mutation_rate.
type tokens struct {
	left float64
	last kafka.Millis
}

// SpendMutations notes that a client creates or deletes so many partitions (KIP-599), and tells for how long it is to wait.
// Strict ones are refused while earlier ones are not paid for: then nothing is spent.
func (c *Cluster) SpendMutations(now kafka.Millis, user, clientID string, partitions int, strict bool) (throttle kafka.Millis, refused bool) {
	limit, shared, ok := c.quotaOf(ControllerMutationRate, user, clientID)
	if !ok {
		return 0, false
	}
	burst := limit * quotaWindows * float64(quotaWindowSize) / 1000
	if c.buckets == nil {
		c.buckets = map[quotaEntity]*tokens{}
	}
	b := c.buckets[shared]
	if b == nil {
		b = &tokens{burst, now}
		c.buckets[shared] = b
	}
	b.left = min(burst, b.left+limit*float64(now-b.last)/1000)
	b.last = now
	owed := func() kafka.Millis { return kafka.Millis(math.Round(max(-b.left, 0) / limit * 1000)) }
	if strict && b.left < 0 {
		return owed(), true
	}
	b.left -= float64(partitions)
	if strict {
		return 0, false
	}
	return owed(), false
}

// ErrThrottled refuses a change of topics for which a client has spent too much of its controller_mutation_rate.
var ErrThrottled error = &Error{Code: kafka.ThrottlingQuotaExceeded, Detail: "The throttling quota has been exceeded."}
