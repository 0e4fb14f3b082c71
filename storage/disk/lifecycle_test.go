package disk

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/gokasim/gokasim/storage"
)

var errTaken = errors.New("partition is taken away")

// gate holds up the operations on a disk in memory that match.
type gate struct {
	matches func(errorfs.Op) bool

	mu      sync.Mutex
	closed  chan struct{} // operations wait for it to be closed; nil lets them pass
	arrived chan struct{} // closed when the first operation waits
}

func newGate(matches func(errorfs.Op) bool) (*gate, vfs.FS) {
	g := &gate{matches: matches}
	return g, failingFS(func(op errorfs.Op) error {
		if !g.matches(op) {
			return nil
		}
		g.mu.Lock()
		closed := g.closed
		if closed != nil && g.arrived != nil {
			close(g.arrived)
			g.arrived = nil
		}
		g.mu.Unlock()
		if closed != nil {
			<-closed
		}
		return nil
	})
}

// shut holds up operations from now on. The first one closes arrived.
func (g *gate) shut() (arrived <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed, g.arrived = make(chan struct{}), make(chan struct{})
	return g.arrived
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.closed)
	g.closed = nil
}

func tables(kind errorfs.OpKind) func(errorfs.Op) bool {
	return func(op errorfs.Op) bool { return op.Kind == kind && isTable(op.Path) }
}

func TestOpenEndsWithItsContextAndTheNextOneWaits(t *testing.T) {
	g, fs := newGate(func(op errorfs.Op) bool { return op.Kind == errorfs.OpList })
	first, err := New("/tables/t.0", withFS(fs))
	if err != nil {
		t.Fatal(err)
	}
	arrived := g.shut()
	ctx, cancel := context.WithCancelCause(t.Context())
	opened := make(chan error)
	go func() { opened <- first.(storage.ContextOpener).OpenContext(ctx) }()
	<-arrived
	cancel(errTaken)
	if err := <-opened; !errors.Is(err, errTaken) || !strings.Contains(err.Error(), "/tables/t.0") {
		t.Errorf("Open ended with %v", err)
	}
	if _, err := first.Get("a"); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("Get after that: %v", err)
	}

	// The opening that was given up still holds the folder. Another storage waits for it, as long as it likes.
	second, err := New("/tables/t.0", withFS(fs))
	if err != nil {
		t.Fatal(err)
	}
	short, cancelShort := context.WithCancelCause(t.Context())
	cancelShort(errTaken)
	if err := second.(storage.ContextOpener).OpenContext(short); !errors.Is(err, errTaken) {
		t.Errorf("Open of a folder that is being left: %v", err)
	}
	go func() { opened <- second.Open() }()
	g.open()
	if err := <-opened; err != nil {
		t.Errorf("Open of a folder that was left: %v", err)
	}
	if err := errors.Join(first.Close(), second.Close()); err != nil {
		t.Error(err)
	}
}

func TestCloseInterruptsOpen(t *testing.T) {
	g, fs := newGate(func(op errorfs.Op) bool { return op.Kind == errorfs.OpList })
	st, err := New("/tables/t.0", withFS(fs))
	if err != nil {
		t.Fatal(err)
	}
	arrived := g.shut()
	opened := make(chan error)
	go func() { opened <- st.Open() }()
	<-arrived
	if err := st.Close(); err != nil {
		t.Errorf("Close beside Open: %v", err)
	}
	if err := <-opened; !errors.Is(err, storage.ErrClosed) {
		t.Errorf("Open beside Close: %v", err)
	}
	g.open()
	if err := errors.Join(st.Open(), st.Close()); err != nil {
		t.Error(err)
	}
}

func TestCloseEndsWithItsContext(t *testing.T) {
	g, fs := newGate(tables(errorfs.OpFileWrite))
	st := open(t, "/tables/t.0", withFS(fs))
	if err := errors.Join(write(st, 0, 10), st.MarkRecovered(), write(st, 11, 20)); err != nil {
		t.Fatal(err)
	}
	arrived := g.shut()
	ctx, cancel := context.WithCancelCause(t.Context())
	closed := make(chan error)
	go func() { closed <- st.CloseContext(ctx) }()
	<-arrived // the last rows are on their way to a disk that does not take them
	cancel(errTaken)
	if err := <-closed; !errors.Is(err, errTaken) {
		t.Errorf("Close ended with %v", err)
	}
	g.open()
	if err := st.Open(); err != nil { // waits for what Close left running
		t.Fatal(err)
	}
	if offset, err := st.GetOffset(-1); err != nil || offset != 10 && offset != 20 {
		t.Errorf("the offset is %d, %v, want 10, or 20 if the disk was quick", offset, err)
	} else {
		wantRows(t, st, offset)
	}
}

func TestWriterWaitsForASlowDiskAndNotForAClosedTable(t *testing.T) {
	g, fs := newGate(tables(errorfs.OpFileWrite))
	st := open(t, "/tables/t.0", withFS(fs), WithWriteBuffer(minWriteBuffer))
	arrived := g.shut()
	written := make(chan error)
	go func() { written <- write(st, 0, 1_000_000) }()
	<-arrived
	for st.engine.db.Metrics().MemTable.Size <= 4*minWriteBuffer {
		<-time.After(time.Millisecond)
	}
	closed := make(chan error)
	go func() { closed <- st.Close() }()
	if err := <-written; !errors.Is(err, storage.ErrClosed) {
		t.Errorf("the writer ended with %v", err)
	}
	g.open()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := st.Open(); err != nil {
		t.Fatal(err)
	}
	offset, err := st.GetOffset(-1)
	if err != nil {
		t.Fatal(err)
	}
	wantRows(t, st, offset)
	if size := st.engine.db.Metrics(); offset < 100 || offset > 10_000 {
		t.Errorf("%d batches were written while the disk took none: %v", offset, size)
	}
}

func TestRowsReachTheDiskWhenTheyAreOldEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := vfs.NewCrashableMem()
		st := open(t, "/tables/t.0", withFS(disk), WithShared(new(Shared)))
		if err := write(st, 0, 20); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			wait time.Duration
			want int64
		}{{29 * time.Second, -1}, {2 * time.Second, 20}} {
			time.Sleep(c.wait) // virtual
			synctest.Wait()
			if offset, err := inspect("/tables/t.0", disk.CrashClone(vfs.CrashCloneCfg{}), map[int64]*model{}); err != nil || offset != c.want {
				t.Errorf("a crash now leaves offset %d, %v, want %d", offset, err, c.want)
			}
		}
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestCompactionsWaitForTheEndOfABulkLoad(t *testing.T) {
	st := open(t, "/tables/t.0", withFS(vfs.NewMem()), WithWriteBuffer(minWriteBuffer))
	load := func() {
		for range 20 {
			if err := write(st, 0, 30); err != nil {
				t.Fatal(err)
			}
			if err := st.engine.flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	load()
	if m := st.engine.db.Metrics(); m.Compact.Count != 0 || m.Levels[0].Sublevels < 20 {
		t.Errorf("during a bulk load there were %d compactions; %d layers wait", m.Compact.Count, m.Levels[0].Sublevels)
	}
	if err := errors.Join(st.MarkRecovered(), st.MarkRecovered()); err != nil {
		t.Fatal(err)
	}
	for layers(st.engine.db) > 4 {
		<-time.After(time.Millisecond)
	}
	wantRows(t, st, 30)
}

func layers(db *pebble.DB) int32 { return db.Metrics().Levels[0].Sublevels }

func TestLongBulkLoadIsCompactedBeside(t *testing.T) {
	st := open(t, "/tables/t.0", withFS(vfs.NewMem()), WithWriteBuffer(minWriteBuffer))
	for range bulkFlushes + 1 {
		if err := errors.Join(write(st, 0, 5), st.engine.flush(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	for layers(st.engine.db) > 4 {
		<-time.After(time.Millisecond)
	}
	wantRows(t, st, 5)
}

func TestStoragesShareCompactionSlots(t *testing.T) {
	shared := &Shared{Compactions: 1}
	var stores []*store
	for i := range 4 {
		st := open(t, filepath.Join("/tables", string(rune('a'+i))), withFS(vfs.NewMem()), WithShared(shared))
		for range 8 {
			if err := errors.Join(write(st, 0, 30), st.engine.flush(t.Context())); err != nil {
				t.Fatal(err)
			}
		}
		stores = append(stores, st)
	}
	if !shared.takeSlot(stores[0].engine.compactions) { // a compaction that takes long
		t.Fatal("no slot is free")
	}
	for _, st := range stores {
		if err := st.MarkRecovered(); err != nil {
			t.Fatal(err)
		}
	}
	for waiting := 0; waiting < len(stores); {
		shared.mu.Lock()
		waiting = len(shared.waiting)
		shared.mu.Unlock()
		<-time.After(time.Millisecond)
	}
	for i, st := range stores {
		if n := layers(st.engine.db); n < 8 {
			t.Errorf("storage %d was compacted to %d layers while the only slot was taken", i, n)
		}
	}
	if err := stores[2].Close(); err != nil { // one that waits may leave
		t.Fatal(err)
	}
	shared.giveSlot()
	for _, i := range []int{0, 1, 3} {
		for layers(stores[i].engine.db) > 4 {
			<-time.After(time.Millisecond)
		}
		wantRows(t, stores[i], 30)
	}
}

func TestSharedHoldsNothingWhileNothingIsOpen(t *testing.T) {
	shared := new(Shared)
	a := open(t, "/a", withFS(vfs.NewMem()), WithShared(shared))
	b := open(t, "/b", withFS(vfs.NewMem()), WithShared(shared))
	if a.engine.config.shared.blocks != b.engine.config.shared.blocks || shared.blocks == nil {
		t.Error("two storages have two caches")
	}
	if err := errors.Join(a.Close(), b.Close()); err != nil {
		t.Fatal(err)
	}
	if shared.blocks != nil || shared.files != nil {
		t.Error("the caches outlive the storages")
	}
	if err := errors.Join(a.Open(), a.Close()); err != nil {
		t.Error(err)
	}
}

func TestImportMakesItTheDefault(t *testing.T) {
	engine, durable, notice := storage.DefaultEngine()
	if engine != "disk" || !durable || notice != "" {
		t.Errorf("DefaultEngine() = %q, %v, %q", engine, durable, notice)
	}
	path := t.TempDir()
	st, err := storage.DefaultBuilder(path)("clicks", 7)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(st.Open(), st.Set("a", []byte("1")), st.Close()); err != nil {
		t.Fatal(err)
	}
	if found, err := filepath.Glob(filepath.Join(path, "clicks.7", "*.sst")); err != nil || len(found) != 1 {
		t.Errorf("table files in %s: %v, %v", path, found, err)
	}
}
