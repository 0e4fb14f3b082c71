package disk

import (
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// bulkFlushes is how many write buffers a bulk load writes out before compactions begin beside it. Up to there
// merging once, after the load, is less work; beyond it reads would have to look into too many files.
const bulkFlushes = 64

// retryCompaction is how long compactions rest when one has failed.
const retryCompaction = time.Second

// compactions lets the compactions of one storage run: none while a bulk load is young, and in all no more at a time
// than Shared allows. pebble asks TrySchedule, with its own lock held; what was refused then is started later by
// grant, on the goroutine that tends the storage.
type compactions struct {
	shared *Shared
	pokes  chan struct{} // capacity 1: something changed that may let a compaction start

	mu      sync.Mutex // guards all below; taken with pebble's lock held, so nothing of pebble is called under it
	db      pebble.DBForCompaction
	bulk    bool
	flushes int // since bulk loading began
	running int
	closed  bool
	rest    *time.Timer // after a compaction failed; nil when compactions may run
}

var (
	_ pebble.CompactionScheduler   = (*compactions)(nil)
	_ pebble.CompactionGrantHandle = (*compactions)(nil)
)

func newCompactions(shared *Shared) *compactions {
	return &compactions{shared: shared, pokes: make(chan struct{}, 1), bulk: true}
}

func (c *compactions) poke() {
	select {
	case c.pokes <- struct{}{}:
	default:
	}
}

// Register is called by pebble when it has opened.
func (c *compactions) Register(_ int, db pebble.DBForCompaction) {
	c.mu.Lock()
	c.db = db
	c.mu.Unlock()
}

// Unregister is called by pebble when it closes. grant is not running then: its goroutine has ended.
func (c *compactions) Unregister() { c.stop() }

func (c *compactions) stop() {
	c.mu.Lock()
	c.closed = true
	if c.rest != nil {
		c.rest.Stop()
	}
	c.mu.Unlock()
	c.shared.forget(c)
}

// TrySchedule is called by pebble when it has a compaction to run.
func (c *compactions) TrySchedule() (bool, pebble.CompactionGrantHandle) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.take() {
		return false, nil
	}
	return true, c
}

// take counts one more compaction, if it may run.
func (c *compactions) take() bool {
	if c.db == nil || c.closed || c.bulk || c.rest != nil || c.running >= c.db.GetAllowedWithoutPermission() || !c.shared.takeSlot(c) {
		return false
	}
	c.running++
	return true
}

// grant starts the compactions that wait and may run.
func (c *compactions) grant() {
	for {
		c.mu.Lock()
		db, ok := c.db, c.take()
		c.mu.Unlock()
		if !ok {
			return
		}
		if waiting, _ := db.GetWaitingCompaction(); !waiting || !db.Schedule(c) {
			c.untake()
			return
		}
	}
}

func (c *compactions) untake() {
	c.mu.Lock()
	c.running--
	c.mu.Unlock()
	c.shared.giveSlot()
}

// UpdateGetAllowedWithoutPermission is called by pebble after each flush, with its lock held.
func (c *compactions) UpdateGetAllowedWithoutPermission() { c.poke() }

// Started, MeasureCPU and CumulativeStats are told what a running compaction uses, which limits nothing here.
func (c *compactions) Started() {}

// MeasureCPU does nothing.
func (c *compactions) MeasureCPU(pebble.CompactionGoroutineKind) {}

// CumulativeStats does nothing.
func (c *compactions) CumulativeStats(pebble.CompactionGrantHandleStats) {}

// Done is called by pebble when a compaction has ended.
func (c *compactions) Done() {
	c.untake()
	c.poke()
}

// failed makes compactions rest before the one that failed is tried again: pebble would do so at once, and for ever
// while the disk is full.
func (c *compactions) failed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rest != nil || c.closed {
		return
	}
	c.rest = time.AfterFunc(retryCompaction, func() {
		c.mu.Lock()
		c.rest = nil
		c.mu.Unlock()
		c.poke()
	})
}

// flushed counts a flush of a bulk load.
func (c *compactions) flushed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flushes++; c.bulk && c.flushes >= bulkFlushes {
		c.bulk = false
		c.poke()
	}
}

// endBulk lets compactions run.
func (c *compactions) endBulk() {
	c.mu.Lock()
	c.bulk = false
	c.mu.Unlock()
	c.poke()
}
