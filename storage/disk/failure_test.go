package disk

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/gokasim/gokasim/storage"
)

// failingFS is a disk in memory whose operations fail while failure says so.
func failingFS(failure func(errorfs.Op) error) vfs.FS {
	return errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(failure))
}

// fullDisk takes a number of writes of table files and then has no room, until there is again.
type fullDisk struct {
	room     atomic.Int64 // writes that still fit
	refusals atomic.Int64
	pattern  string // of the files that take room
}

func (d *fullDisk) fail(op errorfs.Op) error {
	if op.Kind != errorfs.OpFileWrite {
		return nil
	}
	if ok, _ := filepath.Match(d.pattern, filepath.Base(op.Path)); !ok || d.room.Add(-1) >= 0 {
		return nil
	}
	d.refusals.Add(1)
	return &fs.PathError{Op: "write", Path: op.Path, Err: syscall.ENOSPC}
}

func TestFullDiskRefusesWritesUntilThereIsRoom(t *testing.T) {
	disk := &fullDisk{pattern: "*.sst"}
	disk.room.Store(20)
	st := open(t, "/tables/t.0", withFS(failingFS(disk.fail)), hasty)
	offset, err := int64(-1), error(nil)
	for err == nil {
		if offset > 1_000_000 {
			t.Fatal("a full disk takes everything")
		}
		if err = write(st, offset+1, offset+1); err == nil {
			offset++
		}
	}
	if !errors.Is(err, storage.ErrFull) || !errors.Is(err, syscall.ENOSPC) ||
		!strings.Contains(err.Error(), "/tables/t.0") || !strings.Contains(err.Error(), "make room") {
		t.Errorf("a write to a full disk: %v", err)
	}
	wantRows(t, st, offset) // what was written is there, and the batch that failed is not

	disk.room.Store(1 << 40)
	for now := st.engine.health.now(); now.failure != nil; now = st.engine.health.now() {
		<-now.changed // the flush that is tried again succeeds
	}
	if err := write(st, offset+1, offset+50); err != nil {
		t.Fatalf("there is room again: %v", err)
	}
	if err := errors.Join(st.Close(), st.Open()); err != nil {
		t.Fatal(err)
	}
	wantRows(t, st, offset+50)
	if disk.refusals.Load() == 0 {
		t.Error("no write was refused")
	}
}

func TestFullDiskAtCloseSaysSoAndKeepsWhatWasOnDisk(t *testing.T) {
	disk := &fullDisk{pattern: "*.sst"}
	disk.room.Store(1 << 40)
	st := open(t, "/tables/t.0", withFS(failingFS(disk.fail)))
	if err := errors.Join(write(st, 0, 30), st.MarkRecovered(), write(st, 31, 60)); err != nil {
		t.Fatal(err)
	}
	disk.room.Store(0)
	if err := st.Close(); !errors.Is(err, storage.ErrFull) {
		t.Errorf("Close on a full disk: %v", err)
	}
	disk.room.Store(1 << 40)
	if err := st.Open(); err != nil {
		t.Fatal(err)
	}
	wantRows(t, st, 30)
}

func TestCompactionsThatFailRestAndHoldUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &fullDisk{pattern: "*.sst"}
		disk.room.Store(1 << 40)
		st := open(t, "/tables/t.0", withFS(failingFS(disk.fail)), WithShared(new(Shared)))
		for range 8 {
			if err := errors.Join(write(st, 0, 30), st.engine.flush(t.Context())); err != nil {
				t.Fatal(err)
			}
		}
		disk.room.Store(0)
		if err := st.MarkRecovered(); err != nil { // it has nothing to write out
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second) // virtual
		synctest.Wait()
		if n := disk.refusals.Load(); n < 10 || n > 40 {
			t.Errorf("compactions were tried %d times in 20 seconds, want one a second", n)
		}
		if err := write(st, 31, 40); err != nil {
			t.Errorf("a write while compactions fail: %v", err)
		}
		disk.room.Store(1 << 40)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := layers(st.engine.db); n > 4 {
			t.Errorf("there is room again, and %d layers wait for a compaction", n)
		}
		wantRows(t, st, 40)
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestFullDiskUnderTheManifest is the one place where pebble wants the process to end: it cannot tell whether
// the list of files that it wrote is on disk.
func TestFullDiskUnderTheManifest(t *testing.T) {
	disk := &fullDisk{pattern: "MANIFEST-*"}
	disk.room.Store(1 << 40)
	st := open(t, "/tables/t.0", withFS(failingFS(disk.fail)))
	if err := errors.Join(write(st, 0, 30), st.MarkRecovered(), write(st, 31, 60)); err != nil {
		t.Fatal(err)
	}
	disk.room.Store(0)
	if _, err := st.engine.beginFlush(); err != nil {
		t.Fatal(err)
	}
	for now := st.engine.health.now(); now.failure == nil; now = st.engine.health.now() {
		<-now.changed
	}
	disk.room.Store(1 << 40)
	if err := write(st, 61, 61); !errors.Is(err, storage.ErrFull) {
		t.Errorf("a write after the manifest broke: %v", err)
	}
	wantRows(t, st, 60) // reads go on
	if err := st.Close(); !errors.Is(err, storage.ErrFull) {
		t.Errorf("Close: %v", err)
	}
	if err := st.Open(); err != nil {
		t.Fatal(err)
	}
	wantRows(t, st, 30)
	if err := errors.Join(write(st, 31, 70), st.Close(), st.Open()); err != nil {
		t.Fatal(err)
	}
	wantRows(t, st, 70)
}

func TestFullDiskAtOpen(t *testing.T) {
	disk := &fullDisk{pattern: "*"}
	for room := int64(0); ; room++ {
		disk.room.Store(room)
		st, err := New("/tables/t.0", withFS(failingFS(disk.fail)))
		if err != nil {
			t.Fatal(err)
		}
		err = st.Open()
		disk.room.Store(1 << 40)
		if err == nil {
			if err := st.Close(); err != nil {
				t.Error(err)
			}
			if room < 2 {
				t.Errorf("Open writes to %d files only; the test sees too little", room)
			}
			return
		}
		if !errors.Is(err, storage.ErrFull) {
			t.Errorf("Open with room for %d writes: %v", room, err)
		}
		if err := st.Open(); err != nil {
			t.Errorf("Open when there is room again, after %d writes: %v", room, err)
		}
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestFailingSyncIsAnErrorAndNotTheEndOfTheProcess(t *testing.T) {
	broken := errors.New("I/O error")
	var failing atomic.Bool
	for _, kind := range []errorfs.OpKind{errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpCreate} {
		failing.Store(false)
		st := open(t, fmt.Sprintf("/tables/t.%d", kind), withFS(failingFS(func(op errorfs.Op) error {
			if failing.Load() && op.Kind == kind {
				return broken
			}
			return nil
		})))
		if err := errors.Join(write(st, 0, 30), st.MarkRecovered(), write(st, 31, 60)); err != nil {
			t.Fatal(err)
		}
		failing.Store(true)
		err := st.Close()
		failing.Store(false)
		if err != nil && !errors.Is(err, broken) {
			t.Errorf("operation %d fails at Close: %v", kind, err)
		}
		want := int64(60)
		if err != nil {
			want = 30
		}
		if err := st.Open(); err != nil {
			t.Fatal(err)
		}
		if got, err := st.GetOffset(-1); err != nil || got < want {
			t.Errorf("operation %d failed: the offset is %d, %v, want %d at least", kind, got, err, want)
		} else {
			wantRows(t, st, got)
		}
	}
}

// TestDamagedFiles changes or cuts every file of a table, at several places, one at a time. Either the damage is
// reported, or the rows are those of the offset.
func TestDamagedFiles(t *testing.T) {
	intact := vfs.NewMem()
	const dir, last = "/tables/t.0", 800
	st := open(t, dir, withFS(intact), hasty)
	if err := errors.Join(write(st, 0, last), st.MarkRecovered(), st.Close()); err != nil {
		t.Fatal(err)
	}
	names, err := intact.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	damages := map[string]func([]byte) []byte{
		"cut short": func(b []byte) []byte { return b[:len(b)/2] },
		"emptied":   func([]byte) []byte { return nil },
		"first bit": func(b []byte) []byte { b[0] ^= 1; return b },
		"middle":    func(b []byte) []byte { b[len(b)/2] ^= 0x55; return b },
		"last byte": func(b []byte) []byte { b[len(b)-1] ^= 0xff; return b },
		"removed":   nil,
	}
	reported := 0
	models := map[int64]*model{}
	for _, name := range names {
		for what, damage := range damages {
			fs := vfs.NewMem()
			if ok, err := vfs.Clone(intact, fs, dir, dir); err != nil || !ok {
				t.Fatal(ok, err)
			}
			if !damageFile(t, fs, filepath.Join(dir, name), damage) {
				continue
			}
			err := readDamaged(dir, fs, last, models)
			switch {
			case err == nil: // the file did not matter
			case errors.Is(err, storage.ErrCorrupt) && strings.Contains(err.Error(), dir) && strings.Contains(err.Error(), "delete the folder"):
				reported++
			default:
				t.Errorf("%s %s: %v", name, what, err)
			}
		}
	}
	t.Logf("%d files, %d damages reported", len(names), reported)
	if reported < 10 {
		t.Errorf("only %d damages were reported", reported)
	}
}

// damageFile changes the file, and reports false when there is nothing to change.
func damageFile(t *testing.T, fs vfs.FS, name string, damage func([]byte) []byte) bool {
	t.Helper()
	if damage == nil {
		if err := fs.Remove(name); err != nil {
			t.Fatal(err)
		}
		return true
	}
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if len(content) == 0 {
		return false
	}
	out, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	_, err = out.Write(damage(content))
	if err := errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
	return true
}

// readDamaged reads all rows by an iterator and by Get. Rows of an earlier offset are right as well.
func readDamaged(dir string, fs vfs.FS, last int64, models map[int64]*model) (err error) {
	st, err := New(dir, withFS(fs))
	if err != nil {
		return err
	}
	if err := st.Open(); err != nil {
		return err
	}
	defer func() {
		if closeErr := st.Close(); err == nil {
			err = closeErr
		}
	}()
	offset, err := st.GetOffset(-1)
	if err != nil {
		return err
	}
	if offset > last {
		return fmt.Errorf("the offset is %d, and %d was written last", offset, last)
	}
	if models[offset] == nil {
		models[offset] = newModel()
		models[offset].advance(offset)
	}
	m := models[offset]
	for key, want := range m.rows {
		if got, err := st.Get(key); err != nil {
			return err
		} else if string(got) != string(want) {
			return fmt.Errorf("row %q is %q, want %q", key, got, want)
		}
	}
	return m.compare(st)
}

func TestTableThatIsOpenElsewhere(t *testing.T) {
	dir := t.TempDir()
	st := open(t, dir)
	if err := st.Set("a", []byte("1")); err != nil {
		t.Fatal(err)
	}
	second, err := New(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Open(); !errors.Is(err, storage.ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Errorf("Open beside another storage: %v", err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}

	holder := exec.Command(os.Args[0], "-test.run", "^TestVictim$")
	holder.Env = append(os.Environ(), victimDir+"="+dir)
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.HasPrefix(line, "opened") {
		t.Fatalf("the other process says %q, %v", line, err)
	}
	if err := second.Open(); !errors.Is(err, storage.ErrLocked) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "another process") {
		t.Errorf("Open beside another process: %v", err)
	}
	_ = holder.Process.Kill()
	_ = holder.Wait()
	if err := errors.Join(second.Open(), second.Close()); err != nil {
		t.Errorf("Open after the other process has ended: %v", err)
	}
}

func TestTableOfAnotherEngine(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"CURRENT": "MANIFEST-000001\n", "MANIFEST-000001": "x", "000002.ldb": "x", "LOCK": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	st, err := New(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Open(); err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "goleveldb") {
		t.Errorf("Open of goleveldb's folder: %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 4 {
		t.Errorf("the other table has %d files, %v; it had 4", len(entries), err)
	}
}

func TestSettingsOutOfRangeAreNamedTogether(t *testing.T) {
	_, err := New("", WithWriteBuffer(1), WithFlushInterval(0), WithShared(nil))
	for _, want := range []string{"no folder", "write buffer", "flush interval", "WithShared"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %q", err, want)
		}
	}
	if _, err := Builder(t.TempDir())("a/b", 1); err == nil || !strings.Contains(err.Error(), `"a/b"`) {
		t.Errorf("a topic with a slash: %v", err)
	}
}
