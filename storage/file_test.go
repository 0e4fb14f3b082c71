package storage_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/gokasim/gokasim/storage"
)

func TestFileAppendsValues(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "on", "demand")
	for run := range 2 {
		st, err := storage.NewFile(path, 7)
		if err != nil {
			t.Fatal(err)
		}
		err = errors.Join(
			st.Open(),
			st.Set("a", []byte("one")),
			st.Set("b", []byte("")),
			st.Delete("a"),
			st.(storage.BatchWriter).WriteBatch([]storage.Row{{Key: "a", Value: []byte("two")}, {Key: "b"}, {Key: "c", Value: []byte("three")}}, 5),
			st.Close(), st.Close(),
		)
		if err != nil {
			t.Fatalf("run %d: %v", run, err)
		}
		if err := st.Set("a", []byte("late")); !errors.Is(err, storage.ErrClosed) {
			t.Errorf("Set after Close: %v", err)
		}
	}
	got, err := os.ReadFile(filepath.Join(path, "part-7"))
	if want := "one\n\ntwo\nthree\none\n\ntwo\nthree\n"; err != nil || string(got) != want {
		t.Errorf("the file has %q (%v), want %q", got, err, want)
	}
}

func TestFileNamesThePlaceItCannotWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "taken")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := storage.NewFile(path, 1)
	var at *fs.PathError
	if !errors.As(err, &at) || at.Path != path {
		t.Errorf("NewFile in a file: %v", err)
	}
}
