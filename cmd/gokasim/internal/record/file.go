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
)

// While a recording is under way it is in NAME.part, and what it reads is in NAME.part.json; NAME appears when it is complete.
func partOf(name string) string { return name + ".part" }
func planOf(name string) string { return name + ".part.json" }

// file records into o.Out, from the beginning or from where an interrupted recording ended.
func (o Options) file(ctx context.Context, client *kgo.Client, asked plan) (*Recorded, error) {
	unlock, err := lock(partOf(o.Out) + ".lock")
	if err != nil {
		return nil, err
	}
	defer unlock()
	parts, f, err := o.resume(asked)
	if err != nil {
		return nil, err
	}
	if f == nil {
		return sum(parts), nil
	}
	if err := o.fill(ctx, client, parts, f); err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%w; the same command goes on from here", err)
		}
		return nil, err
	}
	if err := publish(o.Out); err != nil {
		return nil, err
	}
	return sum(parts), nil
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
func (o Options) resume(asked plan) ([]*part, *os.File, error) {
	text, err := os.ReadFile(planOf(o.Out))
	if errors.Is(err, fs.ErrNotExist) || err == nil && o.Fresh {
		return o.fresh(asked)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("looking for an interrupted recording: %w", err)
	}
	var old plan
	if err := json.Unmarshal(text, &old); err != nil || !asked.same(old) {
		return nil, nil, fmt.Errorf("%s is what another recording left, of other topics, partitions, offsets or settings; "+
			"run that one again to complete it, or give --fresh to throw it away", partOf(o.Out))
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
	if err := os.Remove(planOf(o.Out)); err != nil {
		return nil, nil, fmt.Errorf("completing %s: %w", o.Out, err)
	}
	o.Say("%s was complete", o.Out)
	return parts, nil, nil
}

// fresh begins a recording. The plan comes after the empty part, so that a plan without one is of a recording that was completed.
func (o Options) fresh(asked plan) ([]*part, *os.File, error) {
	if _, err := os.Stat(o.Out); err == nil && !o.Force {
		return nil, nil, fmt.Errorf("%s exists; --force replaces it", o.Out)
	}
	text, err := asked.text()
	if err != nil {
		return nil, nil, err
	}
	if err := os.Remove(planOf(o.Out)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("beginning a recording: %w", err)
	}
	f, err := os.Create(partOf(o.Out))
	if err != nil {
		return nil, nil, fmt.Errorf("beginning a recording: %w", err)
	}
	if err := writeWhole(planOf(o.Out), text); err != nil {
		return nil, nil, errors.Join(err, f.Close())
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
		err = os.Rename(partOf(name), name)
	}
	if err == nil {
		err = os.Remove(planOf(name))
	}
	if err != nil {
		return fmt.Errorf("completing %s: %w", name, err)
	}
	return nil
}

func compressed(name string, compressor func(io.Writer) (io.WriteCloser, error)) (err error) {
	from, err := os.Open(partOf(name))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := os.Create(partOf(name) + ".tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, to.Close(), os.Remove(to.Name()))
		}
	}()
	z, err := compressor(to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(z, from); err != nil {
		return err
	}
	if err := errors.Join(z.Close(), to.Sync()); err != nil {
		return err
	}
	if err := os.Rename(to.Name(), name); err != nil {
		return err
	}
	return errors.Join(to.Close(), os.Remove(partOf(name)))
}

// writeWhole writes a file that is there whole or not at all.
func writeWhole(name string, text []byte) error {
	f, err := os.Create(name + ".tmp")
	if err != nil {
		return fmt.Errorf("beginning a recording: %w", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("beginning a recording: %w", err), os.Remove(f.Name()))
	}
	return nil
}
