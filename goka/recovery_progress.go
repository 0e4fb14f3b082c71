package goka

import "time"

// RecoveryProgress says how far the recovery of a table's partition is.
type RecoveryProgress struct {
	Topic         Table         // the table
	Partition     int32         // of the table
	Offset        int64         // the offset after the last record that was read
	HighWatermark int64         // where the recovery ends
	Rate          float64       // offsets per second so far
	Left          time.Duration // until the end, at this rate; 0 at the end
	Done          bool          // the recovery is over; told once, also when there was nothing to read
}

// RecoveryCallback is told about recoveries: every second while one goes on, and at its end. It is called by the
// goroutine that recovers the partition, which waits for it, and at the same time for different partitions.
type RecoveryCallback func(progress RecoveryProgress)

// WithRecoveryCallback sets what is told about the recovery of the group's table and of joined tables. Look-ups are not among them.
func WithRecoveryCallback(cb RecoveryCallback) ProcessorOption {
	return func(o *poptions, _ *GroupGraph) { o.recoveryCallback = cb }
}

// WithViewRecoveryCallback sets what is told about the recovery of the view's partitions.
func WithViewRecoveryCallback(cb RecoveryCallback) ViewOption {
	return func(o *voptions, _ Table, _ Codec) { o.recoveryCallback = cb }
}

const (
	progressInterval    = time.Second      // between calls of a callback
	progressLogInterval = 10 * time.Second // between lines of the log
)

// progress follows one recovery.
type progress struct {
	table             *PartitionTable
	start, end        int64
	began             time.Time
	nextCall, nextLog time.Time
}

func (p *PartitionTable) newProgress(start, end int64) *progress {
	now := time.Now()
	return &progress{table: p, start: start, end: end, began: now, nextCall: now.Add(progressInterval), nextLog: now.Add(progressLogInterval)}
}

// at tells how far the recovery is, now and then.
func (g *progress) at(position int64) {
	if g.end < 0 {
		return
	}
	now := time.Now()
	if now.Before(g.nextCall) {
		return
	}
	state := g.state(position, now)
	g.nextCall = now.Add(progressInterval)
	g.tell(state)
	if now.Before(g.nextLog) {
		return
	}
	g.nextLog = now.Add(progressLogInterval)
	g.table.log.Printf("recovering table %s/%d: at offset %d of %d, %.0f records/s, about %s left",
		g.table.topic, g.table.partition, position, g.end, state.Rate, state.Left.Round(time.Second))
}

// done tells that the recovery is over.
func (g *progress) done() {
	state := g.state(g.end, time.Now())
	state.Done, state.Left = true, 0
	g.tell(state)
}

func (g *progress) tell(state RecoveryProgress) {
	cb := g.table.told
	if cb == nil {
		return
	}
	if err := guarded("recovery callback", func() error { cb(state); return nil }); err != nil {
		g.table.log.Printf("%v", err) // whoever wants to know is broken, and not the recovery
	}
}

func (g *progress) state(position int64, now time.Time) RecoveryProgress {
	rate := 0.0
	if took := now.Sub(g.began).Seconds(); took > 0 {
		rate = float64(position-g.start) / took
	}
	return RecoveryProgress{
		Topic: Table(g.table.topic), Partition: g.table.partition, Offset: position, HighWatermark: g.end,
		Rate: rate, Left: time.Duration(float64(g.end-position) / max(rate, 1) * float64(time.Second)),
	}
}
