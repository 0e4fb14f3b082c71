package disk

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gokasim/gokasim/storage"
)

// victimDir, when set, makes the test process a victim: it writes batches to the table in that folder until it is killed.
const victimDir = "GOKASIM_DISK_VICTIM"

// TestS2_KilledProcessLosesNoOffset kills a process that writes, writes out, compacts, closes and opens a table, at any
// moment, and opens what it leaves: the rows must be those of the offset found, and no offset may be behind one that
// was found or was told to be on disk before. It is done 20 times, or as often as GOKASIM_DISK_KILLS says.
func TestS2_KilledProcessLosesNoOffset(t *testing.T) {
	kills := 20
	if n, err := strconv.Atoi(os.Getenv("GOKASIM_DISK_KILLS")); err == nil {
		kills = n
	}
	dir := t.TempDir()
	chance := rand.New(rand.NewPCG(3, uint64(kills)))
	m := newModel()
	first, moved := int64(-1), 0
	for kill := range kills {
		told := runVictim(t, dir, time.Duration(chance.Int64N(int64(100*time.Millisecond))))
		st := open(t, dir)
		offset, err := st.GetOffset(-1)
		if err != nil {
			t.Fatal(err)
		}
		if offset < told || offset < m.offset {
			t.Fatalf("kill %d: the offset is %d; %d was found before and %d was on disk", kill, offset, m.offset, told)
		}
		if offset > m.offset {
			moved++
		}
		m.advance(offset)
		if err := m.compare(st); err != nil {
			t.Fatalf("kill %d: %v", kill, err)
		}
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
		if first < 0 {
			first = offset
		}
	}
	t.Logf("%d kills, %d of them after new rows had reached the disk, last offset %d", kills, moved, m.offset)
	if moved < kills/4 {
		t.Errorf("only %d of %d victims wrote rows out before they were killed", moved, kills)
	}
}

// runVictim starts a victim, kills it when it has written for a while, and returns the offset that it told last to be
// on disk, -1 for none.
func runVictim(t *testing.T, dir string, after time.Duration) (told int64) {
	t.Helper()
	victim := exec.Command(os.Args[0], "-test.run", "^TestVictim$")
	victim.Env = append(os.Environ(), victimDir+"="+dir)
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var trouble strings.Builder
	victim.Stderr = &trouble
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	told = -1
	var end *time.Timer
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if end == nil { // it has opened the table
			end = time.AfterFunc(after, func() { _ = victim.Process.Kill() })
			defer end.Stop()
		}
		if offset, ok := strings.CutPrefix(lines.Text(), "on disk "); ok {
			if told, err = strconv.ParseInt(offset, 10, 64); err != nil {
				t.Fatal(err)
			}
		}
	}
	err = victim.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Exited() {
		t.Fatalf("the victim ended before it was killed: %v\n%s", err, &trouble)
	}
	return told
}

// TestVictim is the process that TestS2_KilledProcessLosesNoOffset kills.
func TestVictim(t *testing.T) {
	dir := os.Getenv(victimDir)
	if dir == "" {
		t.Skip("runs in a process of its own")
	}
	fmt.Fprintln(os.Stderr, live(dir))
	os.Exit(3)
}

// live writes batches for ever. Each time it knows that rows are on disk it says so.
func live(dir string) error {
	chance := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 5))
	st, err := New(dir, hasty)
	if err != nil {
		return err
	}
	for {
		if err := st.Open(); err != nil {
			return err
		}
		offset, err := st.GetOffset(-1)
		if err != nil {
			return err
		}
		fmt.Println("opened at", offset)
		for range 2 {
			for range chance.IntN(400) {
				offset++
				if err := st.(storage.BatchWriter).WriteBatch(batch(offset), offset); err != nil {
					return err
				}
			}
			if chance.IntN(2) > 0 {
				if err := st.MarkRecovered(); err != nil {
					return err
				}
			}
		}
		if err := st.Close(); err != nil {
			return err
		}
		fmt.Println("on disk", offset)
	}
}
