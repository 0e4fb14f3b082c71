package disk

import (
	"errors"
	"fmt"
	"testing"

	"github.com/gokasim/gokasim/storage"
)

func TestTheSizeOfATableOnDisk(t *testing.T) {
	s := open(t, t.TempDir())
	for i := range 1000 {
		if err := s.Set(fmt.Sprint(i), make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := s.SizeBytes(); err != nil || n < 500_000 {
		t.Errorf("1,000 rows of 1,000 bytes, not written out: %d bytes, %v", n, err)
	}
	if err := s.MarkRecovered(); err != nil {
		t.Fatal(err)
	}
	if n, err := s.SizeBytes(); err != nil || n <= 0 {
		t.Errorf("written out: %d bytes, %v", n, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SizeBytes(); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}
