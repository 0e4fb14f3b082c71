package group

// reconcile leads a member towards the target assignment: it lets go of what it shall not have, and is then given what
// it shall have, as far as others have let go of that. owned is the partitions that the member said it owns, nil if it
// said nothing; unsubscribed says that its subscription has changed, so that partitions of topics which it left must
// be let go even without a new target (KIP-848, KIP-1251).
func (c *consumer) reconcile(m *consumerMember, owned []TopicPartitions, unsubscribed bool) *consumerMember {
	next := m.memberProgress
	target, targetEpoch := c.target[m.id], c.assignmentEpoch
	switch m.state {
	case memberStable:
		if m.epoch != targetEpoch {
			next = c.towards(m, target, targetEpoch, owned)
		} else if unsubscribed {
			next = c.withoutUnsubscribed(m, owned)
		}
	case memberRevoking:
		if owned == nil || m.revoking.holdsAny(owned) {
			if unsubscribed {
				next = c.withoutUnsubscribed(m, owned)
			}
		} else {
			next = c.towards(m, target, targetEpoch, owned)
		}
	case memberUnreleased:
		next = c.towards(m, target, targetEpoch, owned)
	}
	if sameProgress(next, m.memberProgress) {
		return m
	}
	c.put(progressRecord{memberID: m.id, progress: &next})
	m = c.members[m.id]
	if m.classic == nil {
		if m.state == memberRevoking {
			c.setTimer(timerRevoke+m.id, c.now+m.rebalanceTimeout)
		} else {
			c.stopTimer(timerRevoke + m.id)
		}
	}
	return m
}

// towards is one step to the target. First everything has to be let go that is not in it, and until the member says so
// it stays in its epoch. Then it moves to the target's epoch and gets all that is free.
func (c *consumer) towards(m *consumerMember, target parts, targetEpoch int32, owned []TopicPartitions) memberProgress {
	keep, revoke := parts{}, parts{}
	for p, since := range m.assigned {
		if _, stays := target[p]; stays && c.subscribes(m, p.topic) {
			keep[p] = since
		} else {
			revoke[p] = since
		}
	}
	if len(revoke) > 0 && (owned == nil || revoke.holdsAny(owned)) {
		next := m.advanced(m.epoch)
		next.state, next.assigned, next.revoking = memberRevoking, keep, revoke
		return next
	}
	next := m.advanced(targetEpoch)
	next.state, next.assigned, next.revoking = memberStable, keep, parts{}
	for p := range target {
		if _, has := keep[p]; has || !c.subscribes(m, p.topic) {
			continue
		}
		if owner, taken := c.owners[p]; taken && owner != m.id {
			next.state = memberUnreleased
			continue
		}
		keep[p] = targetEpoch
	}
	return next
}

// withoutUnsubscribed takes partitions of topics away that the member does not subscribe to any more.
func (c *consumer) withoutUnsubscribed(m *consumerMember, owned []TopicPartitions) memberProgress {
	keep, revoke := parts{}, parts{}
	for p, since := range m.revoking {
		revoke[p] = since
	}
	for p, since := range m.assigned {
		if c.subscribes(m, p.topic) {
			keep[p] = since
		} else {
			revoke[p] = since
		}
	}
	if len(keep) == len(m.assigned) {
		return m.memberProgress
	}
	next := m.advanced(m.epoch)
	next.assigned = keep
	if owned == nil || revoke.holdsAny(owned) {
		next.state, next.revoking = memberRevoking, revoke
	}
	return next
}

func sameProgress(a, b memberProgress) bool {
	same := func(x, y parts) bool {
		if len(x) != len(y) {
			return false
		}
		for p, since := range x {
			if other, has := y[p]; !has || other != since {
				return false
			}
		}
		return true
	}
	return a.epoch == b.epoch && a.previousEpoch == b.previousEpoch && a.state == b.state &&
		same(a.assigned, b.assigned) && same(a.revoking, b.revoking)
}
