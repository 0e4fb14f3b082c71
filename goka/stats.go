package goka

import (
	"sync/atomic"
	"time"
)

// PPRunMode is what a partition processor is there for: to handle messages (0), to keep tables at hand for another
// generation (1, see WithHotStandby), or to recover tables in advance (2, see WithRecoverAhead).
type PPRunMode int

const (
	runModeActive PPRunMode = iota
	runModePassive
	runModeRecoverOnly
)

// InputStats are about messages or records that were read, since the partition was opened.
type InputStats struct {
	Count      uint          // how many
	Bytes      int           // of their values
	OffsetLag  int64         // how many offsets the partition has after the last one, as far as is known
	LastOffset int64         // of the last one; -1 before
	Delay      time.Duration // the age of the last one when it was read, by its timestamp
	LastRead   time.Time     // when it was read; zero before, for tables, and where it has no timestamp
}

// LagTime is how far a reader is behind in time: how old by now the last record is that was read, if there are more, and 0
// if there are none, or if it has no timestamp.
func (s *InputStats) LagTime(now time.Time) time.Duration {
	if s.OffsetLag == 0 || s.LastRead.IsZero() {
		return 0
	}
	return max(0, s.Delay+now.Sub(s.LastRead))
}

// OutputStats are about messages that were emitted, or rows that were written, since the partition was opened.
type OutputStats struct {
	Count uint // how many
	Bytes int  // of their values
}

// RecoveryStats are about the last recovery of a table.
type RecoveryStats struct {
	StartTime    time.Time // when it began; zero before
	RecoveryTime time.Time // when it ended; zero before
	Offset       int64     // last offset processed or recovered
	Hwm          int64     // next offset to be written
}

// TableStats are about a partition of a table.
type TableStats struct {
	Stalled  bool            // nothing came for two minutes, though the table follows its topic
	Status   PartitionStatus // what the partition is doing
	RunMode  PPRunMode       // what the partition is here for
	Recovery *RecoveryStats  // never nil
	Input    *InputStats     // what was read of the topic, in recovery too; never nil
	Writes   *OutputStats    // what callbacks wrote; never nil
	Size     int64           // of the storage in bytes; 0 while it is not open, and where it cannot tell (storage.Sizer)
}

// PartitionProcStats are about a partition of a processor.
type PartitionProcStats struct {
	Now        time.Time               // when they were taken
	State      State                   // one of the PPState constants
	RunMode    PPRunMode               // what the partition is here for
	TableStats *TableStats             // nil without a table
	Joined     map[string]*TableStats  // by topic
	Input      map[string]*InputStats  // by topic; the loop is among them
	Output     map[string]*OutputStats // by topic; table and loop are among them
}

// ProcessorStats are about a processor, as it was when it was asked.
type ProcessorStats struct {
	Group  map[int32]*PartitionProcStats // by partition, of those that the instance holds, on standby too
	Lookup map[string]*ViewStats         // by topic
}

// ViewStats are about a view.
type ViewStats struct {
	Partitions map[int32]*TableStats // by partition
}

// inputCounter counts what one goroutine reads; anybody may look.
type inputCounter struct {
	count, bytes, last, highWatermark atomic.Int64
	delay                             atomic.Int64 // nanoseconds
	at                                atomic.Int64 // Unix time in nanoseconds, 0 unless it is kept
}

func newInputCounter() *inputCounter {
	c := new(inputCounter)
	c.last.Store(-1)
	return c
}

func (c *inputCounter) add(offset int64, bytes int, delay time.Duration) {
	c.addAll(1, offset, bytes, delay)
}

// addAll adds n messages at once: their bytes, and offset and delay of the last one.
func (c *inputCounter) addAll(n int, offset int64, bytes int, delay time.Duration) {
	c.count.Add(int64(n))
	c.bytes.Add(int64(bytes))
	c.last.Store(offset)
	c.delay.Store(int64(delay))
}

func (c *inputCounter) stats() *InputStats {
	s := &InputStats{
		Count:      uint(c.count.Load()),
		Bytes:      int(c.bytes.Load()),
		LastOffset: c.last.Load(),
		Delay:      time.Duration(c.delay.Load()),
		LastRead:   unixNano(c.at.Load()),
	}
	if hwm := c.highWatermark.Load(); hwm > 0 {
		s.OffsetLag = max(0, hwm-1-s.LastOffset)
	}
	return s
}

// outputCounter counts what is written; anybody may look.
type outputCounter struct {
	count, bytes atomic.Int64
}

func (c *outputCounter) add(bytes int) {
	c.count.Add(1)
	c.bytes.Add(int64(bytes))
}

func (c *outputCounter) stats() *OutputStats {
	return &OutputStats{Count: uint(c.count.Load()), Bytes: int(c.bytes.Load())}
}
