package disk

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/gokasim/gokasim/storage"
	"github.com/gokasim/gokasim/storage/storagetest"
)

// withFS keeps the table in fs.
func withFS(fs vfs.FS) Option { return func(c *config) { c.fs = fs } }

// hasty makes a storage write out much more often than a sensible one.
func hasty(c *config) {
	c.writeBuffer = minWriteBuffer
	c.flushInterval = time.Millisecond
}

// computers are file systems that can lose power, and the folder of one table in each.
type computers struct {
	sync.Mutex
	chance *rand.Rand
	byName map[string]computer
}

type computer struct {
	fs  *vfs.MemFS
	dir string
}

func (c *computers) open(place string) (storage.Storage, error) {
	c.Lock()
	defer c.Unlock()
	at, ok := c.byName[place]
	if !ok {
		at = computer{vfs.NewCrashableMem(), place}
		c.byName[place] = at
	}
	return New(at.dir, withFS(at.fs), hasty)
}

// crash loses power in a copy: each block that was written and not synced is there or not, as chance has it.
func (c *computers) crash(_ storage.Storage, place string) (string, error) {
	c.Lock()
	defer c.Unlock()
	at := c.byName[place]
	after := fmt.Sprintf("%s+%d", place, len(c.byName))
	survive := []int{0, 10, 50, 90, 100}[c.chance.IntN(5)]
	c.byName[after] = computer{at.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: survive, RNG: c.chance}), at.dir}
	return after, nil
}

func TestDiskKeepsTheContractThroughPowerFailures(t *testing.T) {
	c := &computers{byName: map[string]computer{}, chance: rand.New(rand.NewPCG(1, 1))}
	storagetest.Run(t, c.open, storagetest.WithCrash(c.crash))
}

// TestPowerFailureAtAnyWrite copies the disk before each operation that changes it, while batches are written, written
// out, compacted, and the table is closed and opened. Each copy must hold exactly the rows of the offset in it.
func TestPowerFailureAtAnyWrite(t *testing.T) {
	const dir, batches, rounds = "/tables/t.0", 80, 3
	disk := vfs.NewCrashableMem()
	chance := rand.New(rand.NewPCG(2, 2))

	type wreck struct {
		fs                *vfs.MemFS
		durable, begun    int64 // offsets: at least what was durable, at most what was begun
		before            errorfs.Op
		surviving, number int
	}
	var (
		mu             sync.Mutex
		wrecks         []wreck
		durable, begun atomic.Int64
	)
	durable.Store(-1)
	begun.Store(-1)
	watched := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() != errorfs.OpIsWrite || op.Kind == errorfs.OpFileClose || op.Kind == errorfs.OpMkdirAll {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		known := durable.Load() // before the copy is made
		for _, survive := range []int{0, 50, 100} {
			fs := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: survive, RNG: chance})
			wrecks = append(wrecks, wreck{fs, known, begun.Load(), op, survive, len(wrecks)})
		}
		return nil
	}))

	for round := range int64(rounds) {
		st := open(t, dir, withFS(watched), hasty)
		for offset := round * batches; offset < (round+1)*batches; offset++ {
			begun.Store(offset)
			if err := write(st, offset, offset); err != nil {
				t.Fatal(err)
			}
			if offset%batches == batches/2 {
				if err := st.MarkRecovered(); err != nil {
					t.Fatal(err)
				}
				durable.Store(offset)
			}
		}
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
		durable.Store((round+1)*batches - 1)
	}

	if len(wrecks) < 200 {
		t.Errorf("only %d copies were made", len(wrecks))
	}
	offsets := map[int64]bool{}
	models := map[int64]*model{}
	for _, w := range wrecks {
		offset, err := inspect(dir, w.fs, models)
		if err == nil && (offset < w.durable || offset > w.begun) {
			err = fmt.Errorf("the offset is %d, want %d to %d", offset, w.durable, w.begun)
		}
		if err != nil {
			t.Fatalf("copy %d of %d, before %v %s, %d%% of what was not synced: %v",
				w.number, len(wrecks), w.before.Kind, w.before.Path, w.surviving, err)
		}
		offsets[offset] = true
	}
	t.Logf("%d copies with %d different offsets", len(wrecks), len(offsets))
	if len(offsets) < 2*rounds {
		t.Errorf("the copies have %d different offsets only", len(offsets))
	}
}

// inspect opens what is left in fs, compares the rows with those of its offset, and returns the offset.
func inspect(dir string, fs vfs.FS, models map[int64]*model) (offset int64, err error) {
	st, err := New(dir, withFS(fs))
	if err != nil {
		return 0, err
	}
	if err := st.Open(); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	if offset, err = st.GetOffset(-1); err != nil {
		return 0, err
	}
	if models[offset] == nil {
		models[offset] = newModel()
		models[offset].advance(offset)
	}
	return offset, models[offset].compare(st)
}
