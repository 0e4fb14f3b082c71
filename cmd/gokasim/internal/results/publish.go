// Package results is what becomes of the tables and outputs that a replay left in a directory: they are published
// under their final names, compared with expected ones, or shown.
package results

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gokasim/gokasim/internal/replaywire"
)

// Spool is a directory that a replay writes to. Its files get their final names by Publish, and never before they are
// whole.
type Spool struct {
	Dir string
	out string // where Publish puts the files; empty when there is nothing to publish
}

// NewSpool makes a spool for results that are going to be published in out, which is made when it is missing; it lies
// inside out, so that publishing is a mere renaming. With an empty out it lies in the directory for temporary files.
func NewSpool(out string) (*Spool, error) {
	if out != "" {
		if err := os.MkdirAll(out, 0o777); err != nil {
			return nil, fmt.Errorf("making the directory of --out: %w; choose another one", err)
		}
	}
	dir, err := os.MkdirTemp(out, ".gokasim-*")
	if err != nil {
		return nil, fmt.Errorf("making room for the results: %w; choose another --out directory", err)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, errors.Join(fmt.Errorf("making room for the results: %w", err), os.RemoveAll(dir))
	}
	return &Spool{Dir: dir, out: out}, nil
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

// Publish gives the files of result their final names, each replacing the one of an earlier run at once.
func (s *Spool) Publish(result *replaywire.Result) error {
	for _, topics := range [][]replaywire.Topic{result.Tables, result.Outputs} {
		for _, t := range topics {
			if err := os.Rename(s.path(t), filepath.Join(s.out, t.File)); err != nil {
				return fmt.Errorf("publishing %s: %w", t.Name, err)
			}
		}
	}
	return nil
}

// Close removes what was not published.
func (s *Spool) Close() error {
	if err := os.RemoveAll(s.Dir); err != nil {
		return fmt.Errorf("removing temporary results: %w", err)
	}
	return nil
}

func (s *Spool) path(t replaywire.Topic) string { return filepath.Join(s.Dir, t.File) }
