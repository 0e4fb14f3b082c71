// Package keep keeps a cluster in a directory: a snapshot, and journals of all that changed since. What a client was told is
// in the journal before, so that it outlives the process however that ends.
package keep

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gokasim/gokasim/internal/whole"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
)

// Dir is a directory that a cluster is kept in. It belongs to one process at a time.
//
// Its files are NUMBER.snapshot, a cluster as it was before journal NUMBER began, and NUMBER.journal. A snapshot has its name
// only when it is complete. What counts is the newest snapshot and the journals from its number on, in order.
type Dir struct {
	path string
	sync bool
	fail func(error)
	lock *os.File

	mu      sync.Mutex // guards all below
	journal *os.File
	number  int64 // of the journal
	written int64 // bytes of journals since the newest snapshot
	due     int64 // a snapshot is due after so many
	head    []byte
	failed  error
	Full    chan struct{} // takes a value when a snapshot is due
}

// Entries of a journal: their length, CRC-32C of what follows, and the entry. Numbers are big-endian.
const (
	entryPrefix = 4 + 4
	maxEntry    = 1 << 30

	journalSuffix  = ".journal"
	snapshotSuffix = ".snapshot"
	leastDue       = 64 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Open takes a directory, which is made when it is missing, and reads what is in it: nil for nothing. With sync what is
// written is on the disk before anybody is answered, else it is with the operating system. fail is called when the directory
// cannot be written any more: it has to end the process, as the cluster goes on otherwise with what is lost afterwards.
func Open(path string, sync bool, fail func(error)) (d *Dir, s *cluster.Snapshot, err error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, nil, fmt.Errorf("keeping the cluster: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("keeping the cluster: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Close())
		}
	}()
	if err := whole.Lock(lock); err != nil {
		return nil, nil, fmt.Errorf("keeping the cluster: directory %s is in use by another process (%w); end that, or name another directory", path, err)
	}
	d = &Dir{path: path, sync: sync, fail: fail, lock: lock, due: leastDue, Full: make(chan struct{}, 1)}
	if s, err = d.read(); err != nil {
		return nil, nil, err
	}
	return d, s, nil
}

// Number counts how often the directory was opened, and how many snapshots were begun.
func (d *Dir) Number() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.number
}

// numbers lists the numbers of files by their suffix, in order, and removes what was never finished.
func (d *Dir) numbers(suffix string) ([]int64, error) {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return nil, fmt.Errorf("keeping the cluster: %w", err)
	}
	var list []int64
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".tmp") {
			if err := os.Remove(filepath.Join(d.path, e.Name())); err != nil {
				return nil, fmt.Errorf("keeping the cluster: %w", err)
			}
			continue
		}
		if text, ok := strings.CutSuffix(e.Name(), suffix); ok {
			if n, err := strconv.ParseInt(text, 10, 64); err == nil {
				list = append(list, n)
			}
		}
	}
	slices.Sort(list)
	return list, nil
}

func (d *Dir) file(number int64, suffix string) string {
	return filepath.Join(d.path, fmt.Sprintf("%08d%s", number, suffix))
}

// read reads the newest snapshot and what came after it.
func (d *Dir) read() (*cluster.Snapshot, error) {
	snapshots, err := d.numbers(snapshotSuffix)
	if err != nil {
		return nil, err
	}
	journals, err := d.numbers(journalSuffix)
	if err != nil {
		return nil, err
	}
	if len(snapshots) == 0 {
		return nil, d.removeEmpty(journals)
	}
	newest := snapshots[len(snapshots)-1]
	d.number = newest
	s, err := readSnapshot(d.file(newest, snapshotSuffix))
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(d.file(newest, snapshotSuffix)); err == nil {
		d.due = max(leastDue, info.Size())
	}
	for _, n := range journals {
		if n < newest {
			continue // a snapshot has it, and the process ended before it was removed
		}
		if err := d.apply(s, n); err != nil {
			return nil, err
		}
		d.number = n
	}
	if err := s.Settle(); err != nil {
		return nil, fmt.Errorf("directory %s: %w", d.path, err)
	}
	return s, nil
}

// removeEmpty removes journals of a process that ended before it had anything to keep.
func (d *Dir) removeEmpty(journals []int64) error {
	for _, n := range journals {
		path := d.file(n, journalSuffix)
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("keeping the cluster: %w", err)
		}
		if info.Size() > 0 {
			return fmt.Errorf("%w: directory %s has %s and no snapshot that it follows", cluster.ErrSnapshot, d.path, filepath.Base(path))
		}
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("keeping the cluster: %w", err)
		}
	}
	return nil
}

func readSnapshot(path string) (s *cluster.Snapshot, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("keeping the cluster: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if s, err = cluster.ReadSnapshot(f); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// apply brings a snapshot to the end of a journal. A last entry that is cut short was never answered for, and is left out.
func (d *Dir) apply(s *cluster.Snapshot, number int64) (err error) {
	path := d.file(number, journalSuffix)
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("keeping the cluster: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("keeping the cluster: %w", err)
	}
	in := bufio.NewReaderSize(f, 1<<20)
	var prefix [entryPrefix]byte
	for at := int64(0); ; {
		left := info.Size() - at
		if left < entryPrefix {
			return nil
		}
		if _, err := io.ReadFull(in, prefix[:]); err != nil {
			return fmt.Errorf("keeping the cluster: %s: %w", path, err)
		}
		size := int64(binary.BigEndian.Uint32(prefix[:]))
		if size == 0 || size > maxEntry || size > left-entryPrefix {
			if size > 0 && size <= maxEntry || allZero(prefix[:]) {
				return nil // cut short
			}
			return fmt.Errorf("%w: %s: an entry of %d bytes at byte %d; the file is damaged", cluster.ErrSnapshot, path, size, at)
		}
		entry := make([]byte, size)
		if _, err := io.ReadFull(in, entry); err != nil {
			return fmt.Errorf("keeping the cluster: %s: %w", path, err)
		}
		if got, want := crc32.Checksum(entry, castagnoli), binary.BigEndian.Uint32(prefix[4:]); got != want {
			if at+entryPrefix+size == info.Size() {
				return nil // written in part
			}
			return fmt.Errorf("%w: %s: the entry at byte %d has checksum %08x, and %08x is what fits it; the file is damaged", cluster.ErrSnapshot, path, at, want, got)
		}
		if err := s.Apply(entry); err != nil {
			return fmt.Errorf("%s: byte %d: %w", path, at, err)
		}
		at += entryPrefix + size
		d.written += entryPrefix + size
	}
}

func allZero(b []byte) bool {
	return !slices.ContainsFunc(b, func(c byte) bool { return c != 0 })
}

// Begin keeps a cluster from now on. Nothing may happen in it meanwhile. fresh says that it is not the one that was read.
func (d *Dir) Begin(c *cluster.Cluster, fresh bool) error {
	if err := d.next(); err != nil {
		return err
	}
	if fresh {
		if err := d.write(c.Snapshot()); err != nil {
			return err
		}
	}
	c.Keep(d.add)
	return d.Failed()
}

// next begins a new journal.
func (d *Dir) next() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, err := os.OpenFile(d.file(d.number+1, journalSuffix), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("keeping the cluster: %w", err)
	}
	if err := d.syncDir(); err != nil {
		return errors.Join(err, f.Close())
	}
	if d.journal != nil {
		if err := errors.Join(d.journal.Sync(), d.journal.Close()); err != nil {
			return errors.Join(fmt.Errorf("keeping the cluster: %w", err), f.Close())
		}
	}
	d.number++
	d.journal = f
	return nil
}

// add writes an entry.
func (d *Dir) add(parts ...[]byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failed != nil || d.journal == nil {
		return
	}
	sum, size := uint32(0), 0
	for _, p := range parts {
		sum = crc32.Update(sum, castagnoli, p)
		size += len(p)
	}
	entry := binary.BigEndian.AppendUint32(d.head[:0], uint32(size))
	entry = binary.BigEndian.AppendUint32(entry, sum)
	for _, p := range parts {
		entry = append(entry, p...)
	}
	d.head = entry[:0]
	_, err := d.journal.Write(entry)
	if err == nil && d.sync {
		err = d.journal.Sync()
	}
	if err != nil {
		d.failed = fmt.Errorf("keeping the cluster: %w", err)
		d.fail(d.failed)
		return
	}
	if d.written += int64(len(entry)); d.written >= d.due {
		select {
		case d.Full <- struct{}{}:
		default:
		}
	}
}

// Snapshot writes a snapshot in the place of all that is there. take has to return the cluster as it is when begin is called,
// with nothing happening in between.
func (d *Dir) Snapshot(take func(begin func() error) (*cluster.Snapshot, error)) error {
	s, err := take(d.next)
	if err != nil {
		return err
	}
	return d.write(s)
}

// write writes a snapshot that the present journal follows, and removes what is older.
func (d *Dir) write(s *cluster.Snapshot) (err error) {
	number := d.Number()
	path := d.file(number, snapshotSuffix)
	var size int64
	err = whole.Write(path, 0o600, func(w io.Writer) error {
		out := bufio.NewWriterSize(w, 1<<20)
		var err error
		size, err = s.WriteTo(out)
		return errors.Join(err, out.Flush())
	})
	if err != nil {
		return fmt.Errorf("keeping the cluster: %w", err)
	}
	for _, suffix := range []string{journalSuffix, snapshotSuffix} {
		old, err := d.numbers(suffix)
		if err != nil {
			return err
		}
		for _, n := range old {
			if n >= number {
				continue
			}
			if err := os.Remove(d.file(n, suffix)); err != nil {
				return fmt.Errorf("keeping the cluster: %w", err)
			}
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.written, d.due = 0, max(leastDue, size)
	return nil
}

// syncDir puts the names of files on the disk.
func (d *Dir) syncDir() error {
	if err := whole.SyncDir(d.path); err != nil {
		return fmt.Errorf("keeping the cluster: %w", err)
	}
	return nil
}

// Failed is why the directory cannot be written, nil while it can.
func (d *Dir) Failed() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

// Close lets go of the directory. What comes later is not kept.
func (d *Dir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.failed
	if d.journal != nil {
		err = errors.Join(err, d.journal.Sync(), d.journal.Close())
		d.journal = nil
	}
	if err := errors.Join(err, d.lock.Close()); err != nil {
		return fmt.Errorf("keeping the cluster: %w", err)
	}
	return nil
}
