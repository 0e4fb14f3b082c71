package outbox

import (
	"slices"
	"time"
)

// partition is the records that are on their way to one partition. Outbox.mu guards it, but for the batch at current, which belongs to
// who has the partition in hand.
type partition struct {
	topic  *topic
	id     int32
	ledger ledger
	sender *sender // of the leader as it was last seen; nil until it was
	stale  bool    // what is known of the leader may be wrong

	inHand  bool     // a sender or a seeker has it in hand; without records nobody has
	current *batch   // is under way, or to be sent again
	queue   []*batch // behind it; the last one is being filled
}

func (o *Outbox) newPartition(t *topic, id int32) *partition {
	return &partition{topic: t, id: id, ledger: ledger{next: o.first}}
}

func (p *partition) add(l letter, maxBytes int) {
	if len(p.queue) == 0 || !p.queue[len(p.queue)-1].fits(l, maxBytes) {
		p.queue = append(p.queue, newBatch())
	}
	p.queue[len(p.queue)-1].add(l)
}

// head returns the batch that is to be sent, nil when there is none.
func (p *partition) head() *batch {
	if p.current == nil && len(p.queue) > 0 {
		p.current = p.queue[0]
		p.queue = slices.Delete(p.queue, 0, 1)
	}
	return p.current
}

// handOn gives a partition to who has to do something for it: its leader's sender, a seeker, or nobody.
func (o *Outbox) handOn(p *partition) {
	switch p.inHand = true; {
	case p.current == nil && len(p.queue) == 0:
		p.inHand = false
	case p.sender == nil || p.stale || p.ledger.used || p.current != nil:
		o.working.Go(func() { o.seek(p) })
	default:
		p.sender.push(p)
	}
}

// conclude draws the conclusions from the answer to the batch that is under way, and hands the partition on. When the batch is done, it
// returns true, and the batch is to be told.
func (o *Outbox) conclude(p *partition, err error, offset int64) (result, bool) {
	b, before := p.current, p.ledger
	what := p.ledger.resolve(b, err, o.config.Producer.Retry.Max)
	b.renewed = p.ledger.renewed(before)
	p.stale = err != nil && outcomes[kind(err)].retriable
	if (what == again || what == split) && o.isOver() {
		what, err = failed, o.ending
	}
	switch what {
	case again:
		b.retries++
		b.cause = err
		o.handOn(p)
		return result{}, false
	case split:
		p.current = nil
		halves := b.halves()
		p.queue = slices.Insert(p.queue, 0, halves[0], halves[1])
		o.handOn(p)
		return result{}, false
	case written:
		err = nil
	case failed:
	}
	p.current = nil
	o.handOn(p)
	return result{batch: b, err: err, offset: offset}, !b.taken
}

// seek finds the leader of a partition, after a pause when its batch has been tried before, and hands the partition to its sender.
func (o *Outbox) seek(p *partition) {
	for {
		o.mu.Lock()
		b, stale, needsID := p.head(), p.stale, p.ledger.used
		if b == nil {
			p.inHand = false
			o.mu.Unlock()
			return
		}
		o.mu.Unlock()
		if b.retries > 0 {
			logRetry(p, b)
			o.pause(o.backoff(b.retries))
		}
		if stale && !o.isOver() {
			_ = o.client.RefreshMetadata(p.topic.name) // what it leads to is seen next
		}
		leader, err := o.client.Leader(p.topic.name, p.id)
		var fresh stamp
		if err == nil && needsID {
			fresh, err = o.producerID()
		}
		o.mu.Lock()
		if err == nil {
			if needsID {
				p.ledger = ledger{next: fresh}
			}
			last := p.sender
			p.sender, p.stale = o.senderOf(leader), false
			moved := last != nil && last != p.sender
			p.sender.push(p)
			o.mu.Unlock()
			if moved {
				logLeader(p, leader)
			}
			return
		}
		failures := o.unfound(p, err)
		o.mu.Unlock()
		o.tell(failures)
	}
}

// unfound takes note that a partition's leader was not found. The batch that is to be sent fails when it has been tried often enough.
func (o *Outbox) unfound(p *partition, err error) []result {
	b := p.current
	p.stale = true
	if !o.isOver() && outcomes[kind(err)].retriable && b.retries < o.config.Producer.Retry.Max {
		b.retries++
		b.cause = err
		return nil
	}
	if o.isOver() {
		err = o.ending
	}
	before := p.ledger
	p.ledger.abandon(b)
	b.renewed = p.ledger.renewed(before)
	p.current = nil
	if b.taken {
		return nil
	}
	return []result{{batch: b, err: err}}
}

func (o *Outbox) backoff(retries int) time.Duration {
	r := &o.config.Producer.Retry
	if r.BackoffFunc != nil {
		return r.BackoffFunc(retries, r.Max)
	}
	return r.Backoff
}

// pause waits, until the end at most.
func (o *Outbox) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-o.over:
	}
}

func (o *Outbox) isOver() bool {
	select {
	case <-o.over:
		return true
	default:
		return false
	}
}
