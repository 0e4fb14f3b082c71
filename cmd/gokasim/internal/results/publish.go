// Package results is what becomes of the tables and outputs that a replay left in a directory: they are published
// under their final names, compared with expected ones, or shown.
package results

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gokasim/gokasim/internal/replaywire"
	"github.com/gokasim/gokasim/internal/whole"
)

// Spool is a directory that a replay writes to. Its files get their final names by Publish, and never before they are
// whole.
type Spool struct {
	Dir  string
	out  string   // where Publish puts the files; empty when there is nothing to publish
	made bool     // Publish makes out, with all the files at once
	lock *os.File // as long as this process has the spool

	step func() // called before each thing that Publish does to the disk; nil but in tests, which stop there
}

// Spools are called so, and so before their lock is there.
const (
	spools = ".gokasim-"
	unborn = ".gokasim.new-"
	lock   = ".lock" // the file in each that its process has locked
)

// NewSpool makes a spool for results that are going to be published in out. It lies inside out, or beside it when there is no out yet, so that
// publishing is a mere renaming. With an empty out it lies in the directory for temporary files. What processes that were killed left
// in and beside out is removed.
func NewSpool(out string) (*Spool, error) {
	if out == "" {
		return newSpool("")
	}
	out, err := filepath.Abs(out)
	if err != nil {
		return nil, fmt.Errorf("the directory of --out: %w", err)
	}
	parent := filepath.Dir(out)
	_, err = os.Lstat(out)
	made := errors.Is(err, fs.ErrNotExist)
	room := out
	if made {
		room = parent
	}
	if err := os.MkdirAll(room, 0o777); err != nil {
		return nil, fmt.Errorf("making the directory of --out: %w; choose another one", err)
	}
	s, err := newSpool(room)
	if err != nil {
		return nil, err
	}
	s.out, s.made = out, made
	sweep(out)
	sweep(parent)
	return s, nil
}

func newSpool(room string) (*Spool, error) {
	s, err := makeSpool(room)
	if err != nil {
		return nil, fmt.Errorf("making room for the results: %w; choose another --out directory", err)
	}
	return s, nil
}

// NewTemporary makes a spool for what is of no use after this process, as programs that are compiled, in the directory for temporary files.
// What processes that were killed left there is removed.
func NewTemporary() (*Spool, error) {
	s, err := makeSpool("")
	if err != nil {
		return nil, fmt.Errorf("making room for temporary files: %w", err)
	}
	sweep(os.TempDir())
	return s, nil
}

func makeSpool(room string) (*Spool, error) {
	dir, err := os.MkdirTemp(room, unborn+"*")
	if err != nil {
		return nil, err
	}
	s := &Spool{Dir: dir}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// open locks the spool and gives it its name.
func (s *Spool) open() (err error) {
	if s.Dir, err = filepath.Abs(s.Dir); err != nil {
		return err
	}
	if !whole.CanSweep {
		return nil
	}
	if s.lock, err = os.Create(filepath.Join(s.Dir, lock)); err != nil {
		return err
	}
	if err := whole.Lock(s.lock); err != nil {
		return err
	}
	parent, name := filepath.Split(s.Dir)
	named := filepath.Join(parent, spools+strings.TrimPrefix(name, unborn))
	if err := os.Rename(s.Dir, named); err != nil {
		return err
	}
	s.Dir = named
	return nil
}

// sweep removes the spools in room that nobody has any more. That it cannot is worth no error: it is asked again the next time.
func sweep(room string) {
	entries, _ := os.ReadDir(room)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), spools) {
			continue
		}
		dir := filepath.Join(room, e.Name())
		f, err := os.Open(filepath.Join(dir, lock))
		if err != nil {
			continue
		}
		if whole.Lock(f) == nil {
			away := dir + "-" // where the program that the killed one had started, and that is about to end, does not find it
			if os.Rename(dir, away) == nil {
				_ = os.RemoveAll(away) // see above
			}
		}
		_ = f.Close() // nothing was written
	}
}

// Rename gives the files of result their topics' names inside the spool, so that other results can be compared with them there.
func (s *Spool) Rename(result *replaywire.Result) error {
	for _, topics := range [][]replaywire.Topic{result.Tables, result.Outputs} {
		for _, t := range topics {
			if err := os.Rename(s.path(t), filepath.Join(s.Dir, t.Name+".jsonl")); err != nil {
				return fmt.Errorf("keeping %s: %w", t.Name, err)
			}
		}
	}
	return nil
}

// Publish gives the files of result their final names once all of them are on the disk: a directory that was not there appears with all of them
// at once; in one that was there each file replaces the one of an earlier run at once.
func (s *Spool) Publish(result *replaywire.Result) error {
	step := s.step
	if step == nil {
		step = func() {}
	}
	all := slices.Concat(result.Tables, result.Outputs)
	for _, t := range all {
		step()
		if err := sync(s.path(t)); err != nil {
			return fmt.Errorf("publishing %s: %w", t.Name, err)
		}
	}
	if !s.made {
		return move(all, s.Dir, s.out, step)
	}
	together := filepath.Join(s.Dir, "together")
	if err := os.Mkdir(together, 0o777); err != nil {
		return fmt.Errorf("publishing the results: %w", err)
	}
	if err := move(all, s.Dir, together, step); err != nil {
		return err
	}
	step()
	err := whole.Rename(together, s.out)
	if errors.Is(err, fs.ErrExist) { // somebody else has made it since
		return move(all, together, s.out, step)
	}
	if err != nil {
		return fmt.Errorf("publishing the results: %w", err)
	}
	return nil
}

// move moves the files of topics from one directory to another, and puts their names there on the disk.
func move(topics []replaywire.Topic, from, to string, step func()) error {
	for _, t := range topics {
		step()
		if err := os.Rename(filepath.Join(from, t.File), filepath.Join(to, t.File)); err != nil {
			return fmt.Errorf("publishing %s: %w", t.Name, err)
		}
	}
	step()
	if err := whole.SyncDir(to); err != nil {
		return fmt.Errorf("publishing the results: %w", err)
	}
	return nil
}

// sync puts a file on the disk.
func sync(name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Close removes what was not published.
func (s *Spool) Close() error {
	if s.lock != nil {
		_ = s.lock.Close() // nothing was written; a second call finds it closed
	}
	if err := os.RemoveAll(s.Dir); err != nil {
		return fmt.Errorf("removing temporary results: %w", err)
	}
	return nil
}

func (s *Spool) path(t replaywire.Topic) string { return filepath.Join(s.Dir, t.File) }
