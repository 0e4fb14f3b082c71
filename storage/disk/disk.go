// Package disk keeps tables in folders on disk, with pebble as the engine. Importing it makes it the default of
// goka's processors and views:
//
//	import _ "github.com/gokasim/gokasim/storage/disk"
//
// # What survives
//
// Rows and the offset they belong to are one atomic write. There is no write-ahead log: Kafka's changelog is one
// already. Writes are in memory first and reach the disk together, in order and synced, when a buffer is full, when
// they are half a minute old, with MarkRecovered and with Close. After a crash, of the process or of the machine, a
// table is therefore as it was after some write of its past, complete and with that write's offset, and the rest is
// read again from the changelog.
//
// # Errors
//
// A full disk, a missing permission, damaged files and a table that is open elsewhere are errors that name the folder
// and the way out; storage.ErrFull, fs.ErrPermission, storage.ErrCorrupt and storage.ErrLocked tell them apart.
// While the disk is full writes fail, reads go on, and nothing that was written before is lost: it is written
// out as soon as there is room.
//
// # Build
//
// No C compiler is needed. pebble refuses to compile with Go versions younger than it; until its next release
// -tags untested_go_version lets it.
package disk

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/gokasim/gokasim/storage"
)

func init() {
	storage.RegisterDefault("disk", func(path string) storage.Builder { return Builder(path) })
}

// Builder returns a builder that keeps the table of each partition in the folder <path>/<topic>.<partition>, made when the table
// is opened. A path that is not absolute counts from the working directory at the time when the storage is built. Options that
// cannot be are errors of the builder. Two processors, or two views of one table, need a path each: the second that opens a folder fails
// with storage.ErrLocked.
func Builder(path string, options ...Option) storage.Builder {
	return func(topic string, partition int32) (storage.Storage, error) {
		if topic == "" || strings.ContainsAny(topic, `/\`) {
			return nil, fmt.Errorf("storage/disk: topic %q cannot name a folder in %s", topic, path)
		}
		return New(filepath.Join(path, topic+"."+strconv.Itoa(int(partition))), options...)
	}
}

// New returns a storage that keeps its table in the folder dir, which Open makes when it is missing. Nothing but a
// table may be in it. It fails for an empty dir and for options that cannot be; whether the folder can be used shows with Open. The
// storage implements storage.BatchWriter, storage.ContextOpener, storage.ContextCloser and storage.Sizer.
func New(dir string, options ...Option) (storage.Storage, error) {
	c := config{writeBuffer: 8 << 20, flushInterval: 30 * time.Second, shared: defaultShared, fs: vfs.Default}
	for _, option := range options {
		option(&c)
	}
	var errs []error
	if dir == "" {
		errs = append(errs, errors.New("no folder is named"))
	}
	if c.writeBuffer < minWriteBuffer || c.writeBuffer > maxWriteBuffer {
		errs = append(errs, fmt.Errorf("the write buffer has %d bytes; it must have %d to %d", c.writeBuffer, minWriteBuffer, maxWriteBuffer))
	}
	if c.flushInterval <= 0 {
		errs = append(errs, fmt.Errorf("the flush interval is %v; it must be positive", c.flushInterval))
	}
	if c.shared == nil {
		errs = append(errs, errors.New("WithShared needs a Shared"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("storage/disk: %s: %w", dir, err)
	}
	// The folder is known by one name to the lock, whatever the process does to its working directory.
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("storage/disk: %s: %w", dir, err)
	}
	return newStore(absolute, c), nil
}

const (
	minWriteBuffer = 64 << 10
	maxWriteBuffer = 1 << 30
)

type config struct {
	writeBuffer   int
	flushInterval time.Duration
	shared        *Shared
	logger        *slog.Logger
	fs            vfs.FS // another one in tests
}

// Option changes how tables are kept.
type Option func(*config)

// WithWriteBuffer sets how many bytes of rows are gathered in memory before they are written to disk: 8 MiB unless
// set, 64 KiB to 1 GiB; others are an error of New. A storage uses up to four times as much while the disk is slower than the writer, and much
// less when little is written. Bigger buffers make bulk loads faster.
func WithWriteBuffer(sizeBytes int) Option { return func(c *config) { c.writeBuffer = sizeBytes } }

// WithFlushInterval sets how old written rows become at most before they are written to disk: 30 seconds unless set.
// It bounds what is read again from Kafka after a crash. It has to be positive.
func WithFlushInterval(d time.Duration) Option { return func(c *config) { c.flushInterval = d } }

// WithShared names what the storage shares with others: one Shared for all storages of the process unless set. Storages
// that live in a testing/synctest bubble need one made in their bubble. Nil is an error of New.
func WithShared(s *Shared) Option { return func(c *config) { c.shared = s } }

// WithLogger sets where failures of background work, which is tried again, are told: nowhere unless set, or when it is nil.
func WithLogger(l *slog.Logger) Option { return func(c *config) { c.logger = l } }
