package record

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gokasim/gokasim/internal/dump"
	"github.com/gokasim/gokasim/internal/whole"
)

// While a recording is under way it is in NAME.part, and what it reads is in NAME.part.json, which keeps other recordings from it; NAME
// appears when it is complete.
func partOf(name string) string { return name + ".part" }
func planOf(name string) string { return name + ".part.json" }

// file records into o.Out, from the beginning or from where an interrupted recording ended.
func (o Options) file(ctx context.Context, client *kgo.Client, asked plan) (*Recorded, error) {
	if info, err := os.Stat(o.Out); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file, and a recording into it could not be resumed; leave --out out, and send standard output there", o.Out)
	}
	name, err := whole.Target(o.Out)
	if err != nil {
		return nil, fmt.Errorf("beginning a recording: %w", err)
	}
	o.Out = name // o is a copy
	held, err := hold(planOf(o.Out))
	if err != nil {
		return nil, err
	}
	defer func() { _ = held.Close() }() // what was written to it is on the disk
	parts, f, err := o.resume(held, asked)
	if err != nil {
		return nil, errors.Join(err, leave(held))
	}
	if f != nil {
		if err := o.fill(ctx, client, parts, f); err != nil {
			if ctx.Err() != nil {
				return nil, fmt.Errorf("%w; the same command goes on from here", err)
			}
			return nil, err
		}
		if err := publish(o.Out); err != nil {
			return nil, err
		}
	}
	if err := drop(held); err != nil {
		return nil, fmt.Errorf("completing %s: %w", o.Out, err)
	}
	return sum(parts), nil
}

// hold opens the file that has the plan, which may be empty, for this process alone: two recordings that go on with one would write over each
// other. The system lets go of it however the process ends, so that what a killed one leaves locks nobody out.
func hold(name string) (*os.File, error) {
	for {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o666)
		if err != nil {
			return nil, fmt.Errorf("beginning a recording: %w", err)
		}
		err = whole.Lock(f)
		switch {
		case errors.Is(err, whole.ErrLocked):
			return nil, errors.Join(fmt.Errorf("locking %s: another recording into the same file is under way; give another --out, or wait until that one has ended", name), f.Close())
		case err != nil:
			return nil, errors.Join(fmt.Errorf("locking %s: %w", name, err), f.Close())
		}
		ours, errOurs := f.Stat()
		named, errNamed := os.Stat(name)
		if errOurs == nil && errNamed == nil && os.SameFile(ours, named) {
			return f, nil
		}
		_ = f.Close() // the one that had it before was complete, and removed it: what we locked is nothing any more
	}
}

// leave removes the file of a plan if it has none: nothing was begun.
func leave(held *os.File) error {
	if info, err := held.Stat(); err != nil || info.Size() > 0 {
		return nil
	}
	return drop(held)
}

// drop removes an open file.
func drop(f *os.File) error {
	if os.Remove(f.Name()) == nil {
		return nil
	}
	_ = f.Close() // some systems remove no file that is open
	return os.Remove(f.Name())
}

func (o Options) fill(ctx context.Context, client *kgo.Client, parts []*part, f *os.File) (err error) {
	defer func() { err = errors.Join(err, f.Close()) }()
	w := dump.NewWriter(f, o.writer()...)
	err = o.copy(ctx, client, parts, w)
	if flushed := w.Flush(); flushed != nil {
		return fmt.Errorf("writing %s: %w", f.Name(), flushed)
	}
	if err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("writing %s: %w", f.Name(), err)
	}
	return nil
}

// resume opens the file to write into, and says where each partition goes on. The file is nil when an earlier recording was complete, and was
// interrupted while it told so.
func (o Options) resume(held *os.File, asked plan) ([]*part, *os.File, error) {
	text, err := io.ReadAll(held)
	if err != nil {
		return nil, nil, fmt.Errorf("looking for an interrupted recording: %w", err)
	}
	if o.Fresh || len(text) == 0 {
		return o.fresh(held, asked)
	}
	var old plan
	err = json.Unmarshal(text, &old)
	if info, errPart := os.Stat(partOf(o.Out)); err != nil && (errors.Is(errPart, fs.ErrNotExist) || errPart == nil && info.Size() == 0) {
		return o.fresh(held, asked) // it was interrupted while it wrote its plan
	}
	if err != nil || !asked.same(old) {
		return nil, nil, fmt.Errorf("%s is what another recording left, of other topics, partitions, offsets or settings; "+
			"run that one again to complete it, or give --fresh to throw it away", partOf(o.Out))
	}
	for i := range old.Parts {
		old.Parts[i].Now = asked.Parts[i].Now
	}
	parts := begin(old)
	f, err := os.OpenFile(partOf(o.Out), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return o.alreadyComplete(parts)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("going on with an interrupted recording: %w", err)
	}
	if err := catchUp(f, parts); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("going on with an interrupted recording: %w", err), f.Close())
	}
	o.Say("going on after the %d records that %s has", sum(parts).Records, partOf(o.Out))
	return parts, f, nil
}

// alreadyComplete ends a recording that had its name already when it was interrupted.
func (o Options) alreadyComplete(parts []*part) ([]*part, *os.File, error) {
	lines, err := dump.Open(o.Out)
	if err != nil {
		return nil, nil, fmt.Errorf("%s is missing; --fresh begins anew: %w", partOf(o.Out), err)
	}
	err = count(lines, parts)
	if err = errors.Join(err, lines.Close()); err != nil {
		return nil, nil, err
	}
	o.Say("%s was complete", o.Out)
	return parts, nil, nil
}

// fresh begins a recording. The plan comes after the empty part, so that a plan without one is of a recording that was completed.
func (o Options) fresh(held *os.File, asked plan) ([]*part, *os.File, error) {
	if _, err := os.Stat(o.Out); err == nil && !o.Force {
		return nil, nil, fmt.Errorf("%s exists; --force replaces it", o.Out)
	}
	text, err := asked.text()
	if err != nil {
		return nil, nil, err
	}
	if err := held.Truncate(0); err != nil {
		return nil, nil, fmt.Errorf("beginning a recording: %w", err)
	}
	f, err := os.Create(partOf(o.Out))
	if err != nil {
		return nil, nil, fmt.Errorf("beginning a recording: %w", err)
	}
	_, err = held.WriteAt(text, 0)
	if err := errors.Join(err, held.Sync()); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("beginning a recording: %w", err), f.Close())
	}
	return begin(asked), f, nil
}

// catchUp cuts off a line that was not finished, and moves parts behind the records that are in f.
func catchUp(f *os.File, parts []*part) error {
	whole, err := lastLine(f)
	if err != nil {
		return err
	}
	if err := f.Truncate(whole); err != nil {
		return err
	}
	lines, err := dump.NewReader(f.Name(), io.NewSectionReader(f, 0, whole))
	if err != nil {
		return err
	}
	if err := count(lines, parts); err != nil {
		return err
	}
	_, err = f.Seek(whole, io.SeekStart)
	return err
}

// count moves parts behind the records that lines has.
func count(lines *dump.Reader, parts []*part) error {
	index := map[string]map[int32]*part{}
	for _, p := range parts {
		if index[p.Topic] == nil {
			index[p.Topic] = map[int32]*part{}
		}
		index[p.Topic][p.Partition] = p
	}
	var rec dump.Record
	for {
		err := lines.Next(&rec)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w; give --fresh to begin anew", err)
		}
		p := index[rec.Topic][rec.Partition]
		if p == nil || int64(rec.Offset) < p.next {
			return fmt.Errorf("%s:%d: topic %s partition %d offset %d does not belong here; give --fresh to begin anew",
				lines.Name(), rec.Line, rec.Topic, rec.Partition, rec.Offset)
		}
		p.next = int64(rec.Offset) + 1
		p.time = max(p.time, int64(rec.Timestamp))
		p.count++
	}
}

// lastLine returns the size of f up to the end of its last whole line.
func lastLine(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	buffer := make([]byte, 64<<10)
	for size := info.Size(); size > 0; {
		n := min(size, int64(len(buffer)))
		if _, err := f.ReadAt(buffer[:n], size-n); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(buffer[:n], '\n'); i >= 0 {
			return size - n + int64(i) + 1, nil
		}
		size -= n
	}
	return 0, nil
}

// publish gives the finished recording its name, compressed when the name says so.
func publish(name string) error {
	var err error
	switch {
	case strings.HasSuffix(name, ".gz"):
		err = compressed(name, func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil })
	case strings.HasSuffix(name, ".zst"):
		err = compressed(name, func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) })
	default:
		err = whole.Rename(partOf(name), name)
	}
	if err != nil {
		return fmt.Errorf("completing %s: %w", name, err)
	}
	return nil
}

func compressed(name string, compressor func(io.Writer) (io.WriteCloser, error)) error {
	from, err := os.Open(partOf(name))
	if err != nil {
		return err
	}
	err = whole.Write(name, 0o666, func(w io.Writer) error {
		z, err := compressor(w)
		if err != nil {
			return err
		}
		_, err = io.Copy(z, from)
		return errors.Join(err, z.Close())
	})
	if err = errors.Join(err, from.Close()); err != nil {
		return err
	}
	return os.Remove(partOf(name))
}
