// Package whole writes files that are there whole or not at all, however the process ends, and keeps processes from writing the same one.
package whole

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
)

// temporary ends the names of files that are not complete yet: NAME.PID-N.tmp.
const temporary = ".tmp"

// written counts files, so that two goroutines that write one name do not share what is not complete.
var written atomic.Int64

// Write makes the file that write writes, with the permissions perm, or those of the file that it replaces. Until all of it is on the disk it has
// another name in the same directory; what had the name before stays until then, and for good when Write fails. A symbolic link
// stays one: what it leads to is replaced. Devices and pipes, which have nothing to replace, are written as they are.
//
// What a process that was killed left of the same name is removed.
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
	f, err := os.OpenFile(fmt.Sprintf("%s.%d-%d%s", target, os.Getpid(), written.Add(1), temporary), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, perm)
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
	if err = errors.Join(err, f.Close()); err == nil {
		err = Rename(f.Name(), target)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
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
	entries, err := os.ReadDir(filepath.Dir(name))
	if err != nil {
		return
	}
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), filepath.Base(name)+".")
		if !ok {
			continue
		}
		rest, ok = strings.CutSuffix(rest, temporary)
		process, _, numbered := strings.Cut(rest, "-")
		pid, err := strconv.Atoi(process)
		if ok && numbered && err == nil && !alive(pid) {
			_ = os.Remove(filepath.Join(filepath.Dir(name), e.Name())) // see above
		}
	}
}
