// Package whole writes files that are there whole or not at all, however the process ends, and keeps processes from writing the same one.
package whole

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Files that are not complete yet are called NAME.X.tmp, where X are so many hexadecimal digits that nobody can guess. Whoever writes one has
// it locked.
const (
	temporary = ".tmp"
	digits    = 16
)

// ErrLocked reports a file that another process has locked.
var ErrLocked = errors.New("another process has it")

// Write makes the file that write writes, with the permissions perm, or those of the file that it replaces. Until all of it is on the disk it has
// another name in the same directory; what had the name before stays until then, and for good when Write fails. A symbolic link
// stays one: what it leads to is replaced. Devices and pipes, which have nothing to replace, are written as they are.
//
// What a process that was killed left of the same name is removed, where the system has locks to tell by.
func Write(name string, perm fs.FileMode, write func(io.Writer) error) (err error) {
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("%s is a directory; name a file", name)
	case err == nil && !info.Mode().IsRegular():
		return through(name, write)
	case err == nil:
		perm = info.Mode().Perm()
	}
	target, err := Target(name)
	if err != nil {
		return err
	}
	sweep(target)
	f, err := begin(target, perm)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil && info != nil {
		err = f.Chmod(perm) // the process's mask took some
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil && !CanSweep {
		err = f.Close()
	}
	if err == nil {
		err = Rename(f.Name(), target)
	}
	if err != nil {
		_ = f.Close() // it goes
		return errors.Join(err, os.Remove(f.Name()))
	}
	if CanSweep { // locked until it has its name
		return f.Close()
	}
	return nil
}

// begin makes the file that is going to be name, and locks it.
func begin(name string, perm fs.FileMode) (*os.File, error) {
	for {
		f, err := os.OpenFile(incomplete(name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, perm)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if locked := Lock(f); !errors.Is(locked, ErrLocked) && there(f) { // a file system without locks has none to sweep by either
			return f, nil
		}
		_ = f.Close() // somebody swept before it was locked
		_ = os.Remove(f.Name())
	}
}

func incomplete(name string) string {
	var b [digits / 2]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("%s.%x%s", name, b, temporary)
}

// there reports whether an open file has its name still.
func there(f *os.File) bool {
	is, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(f.Name())
	return err == nil && os.SameFile(is, named)
}

// through writes to what is no file.
func through(name string, write func(io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

// Rename gives a file that is on the disk its name, in the place of what has that name, and puts the name on the disk. Both are in one directory.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(to))
}

// Target is the file that name stands for: name, or where it leads when it is a symbolic link, which may be to nothing yet.
func Target(name string) (string, error) {
	const most = 40 // as systems have it
	at := name
	for range most {
		to, err := os.Readlink(at)
		if err != nil {
			return at, nil // it is no link, or is not there
		}
		if !filepath.IsAbs(to) {
			dir, err := filepath.EvalSymlinks(filepath.Dir(at))
			if err != nil {
				return "", err
			}
			to = filepath.Join(dir, to)
		}
		at = to
	}
	return "", fmt.Errorf("%s: there are more than %d symbolic links, one after the other", name, most)
}

// sweep removes what processes that are gone left of a file. That it cannot is worth no error: it is asked again the next time.
func sweep(name string) {
	if !CanSweep {
		return
	}
	entries, err := os.ReadDir(filepath.Dir(name))
	if err != nil {
		return
	}
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), filepath.Base(name)+".")
		rest, also := strings.CutSuffix(rest, temporary)
		if _, err := hex.DecodeString(rest); !ok || !also || err != nil || len(rest) != digits || !e.Type().IsRegular() {
			continue
		}
		left := filepath.Join(filepath.Dir(name), e.Name())
		f, err := os.OpenFile(left, os.O_WRONLY, 0)
		if err != nil {
			continue
		}
		if Lock(f) == nil {
			_ = os.Remove(left) // see above
		}
		_ = f.Close() // nothing was written
	}
}
