package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
)

// NewFile returns a storage that appends every value, followed by a newline, to the file part-<part> in the folder
// path, and reads nothing back: Get finds no row, iterators are empty, and no offset is kept. A table in it is an
// export of its updates; after a restart the updates are read from Kafka and appended again.
//
// The folder and the file are made by NewFile, which fails when it cannot make or write them. Values reach the
// operating system with each Set, and the disk with Close. Open after Close appends to the same file. Deletions leave no trace.
func NewFile(path string, part int32) (Storage, error) {
	f := &file{path: filepath.Join(path, "part-"+strconv.Itoa(int(part)))}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fmt.Errorf("storage: append to %s: %w", f.path, err)
	}
	if err := f.Open(); err != nil {
		return nil, err
	}
	return f, nil
}

type file struct {
	Null
	path string

	mu   sync.Mutex // guards all below
	out  *os.File   // nil when closed
	line []byte     // the value in hand with its newline, written in one call so that lines stay whole
}

func (f *file) Open() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.out != nil {
		return nil
	}
	out, err := os.OpenFile(f.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("storage: append to %s: %w", f.path, err)
	}
	f.out = out
	return nil
}

func (f *file) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.out == nil {
		return nil
	}
	err := errors.Join(f.out.Sync(), f.out.Close())
	f.out = nil
	if err != nil {
		return fmt.Errorf("storage: close %s: %w", f.path, err)
	}
	return nil
}

func (f *file) Set(key string, value []byte) error {
	if value == nil {
		return fmt.Errorf("storage: append to %s: key %q: %w", f.path, key, ErrNilValue)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.line = append(append(f.line[:0], value...), '\n')
	return f.write()
}

// WriteBatch appends the values of rows in one write.
func (f *file) WriteBatch(rows []Row, _ int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.line = f.line[:0]
	for _, row := range rows {
		if row.Value != nil {
			f.line = append(append(f.line, row.Value...), '\n')
		}
	}
	return f.write()
}

func (f *file) write() error {
	if f.out == nil {
		return fmt.Errorf("storage: append to %s: %w", f.path, ErrClosed)
	}
	if _, err := f.out.Write(f.line); err != nil {
		return fmt.Errorf("storage: append to %s: %w", f.path, err)
	}
	return nil
}
