package group

import "github.com/gokasim/gokasim/internal/kafka"

// expiryOf is when an offset expires if nothing else happens. Offsets of an empty group do so a while after its last
// member went, those of a group that never had members a while after their commit, and so do those of topics to which
// no member of a stable group of consumers subscribes (KIP-211, KIP-496).
func (g *Group) expiryOf(o committedOffset) (at kafka.Millis, may bool) {
	since, idle := g.half().idleSince(o)
	switch {
	case !idle:
		return 0, false
	case o.expires >= 0:
		return o.expires, true
	case g.cfg.OffsetsRetention == 0:
		return 0, false
	default:
		return since + g.cfg.OffsetsRetention, true
	}
}

func (c *classic) idleSince(o committedOffset) (kafka.Millis, bool) {
	switch {
	case c.state == Empty && c.protocolType != "":
		return c.since, true
	case c.state == Empty:
		return o.at, true
	case c.state == Stable && c.subscribed.known && !c.subscribedTo(o.TP.Topic):
		return o.at, true
	default:
		return 0, false
	}
}

// check is the first look for expired offsets at or after t. Looks are OffsetsRetentionCheckInterval apart, counted
// from 1970.
func (g *Group) check(t kafka.Millis) kafka.Millis {
	interval := g.cfg.OffsetsRetentionCheckInterval
	if interval <= 0 {
		return t
	}
	return (t + interval - 1) / interval * interval
}

// checkedBy reports whether the timer is set to look no later than needed for an offset that expires at t.
func (g *Group) checkedBy(t kafka.Millis) bool {
	set, ok := g.timers[timerOffsets]
	return ok && set <= g.check(t)
}

// armExpiry sets the timer for the first check that may find something to do.
func (g *Group) armExpiry() {
	at, may := g.nextExpiry()
	if !may {
		g.stopTimer(timerOffsets)
		return
	}
	at = g.check(max(at, g.now+1))
	if set, ok := g.timers[timerOffsets]; !ok || set != at {
		g.setTimer(timerOffsets, at)
	}
}

func (g *Group) nextExpiry() (first kafka.Millis, may bool) {
	if g.removable() {
		return g.now, true
	}
	for tp, o := range g.offsets.committed {
		if at, expires := g.expiryOf(o); expires && !g.offsets.unstable(tp) && (!may || at < first) {
			first, may = at, true
		}
	}
	return first, may
}

// removable reports whether the group holds nothing any more: no members, nobody about to join, no offsets.
func (g *Group) removable() bool {
	return g.State() == Empty && g.half().vacant() && g.offsets.empty()
}

// expire drops the offsets that have expired, and the group itself once it holds nothing.
func (g *Group) expire() {
	for _, tp := range g.offsets.partitions() {
		if at, may := g.expiryOf(g.offsets.committed[tp]); may && at <= g.now && !g.offsets.unstable(tp) {
			g.offsets.remove(tp)
			g.append(kafka.Record{Key: encodeOffsetKey(g.id, tp)})
		}
	}
	if g.removable() {
		g.half().end()
	}
	g.expiryChanged = true
}
