package dump

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/gokasim/gokasim/memkafka/logfile"
)

// MaxLine is the length in bytes, compression undone, from which a line is refused: far more than a broker accepts as
// a record, and little enough to survive a file that has no lines at all.
const MaxLine = 256 << 20

// Stdin is the name under which Open reads standard input.
const Stdin = "-"

// Once reports whether what Open(name) reads is there only once: standard input, another pipe or a device. Who reads it to look at it first
// takes it from who reads it then.
func Once(name string) bool {
	if name == Stdin {
		return true
	}
	info, err := os.Stat(name)
	return err == nil && !info.Mode().IsRegular() && !info.IsDir()
}

// Reader reads records from a dump, one at a time. It recognises gzip and zstd by their first bytes, whatever the
// file is called. It has one user at a time, except for BytesRead.
type Reader struct {
	name    string
	input   *countingReader
	lines   *bufio.Reader
	close   []func() error
	long    []byte // a line that did not fit into the buffer of lines
	names   interner
	line    int
	skipped int
	err     error // what ended the reading
	options Options
	packed  bool // it was compressed

	// What is not one record a line: one of these, or none.
	values  *values
	columns *columns
	segment *segment
}

// Open opens the file called name, or standard input for Stdin, as OpenWith does without options.
func Open(name string) (*Reader, error) { return OpenWith(name, Options{}) }

// OpenWith opens the file called name, or standard input for Stdin. Beside dumps of one record a line it reads the JSON of rpk, kaf, kafkactl and
// Redpanda Console, told apart by how they begin, files of columns by their names, *.csv and *.tsv, compressed or not, and segment files of a broker.
func OpenWith(name string, o Options) (*Reader, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if name == Stdin {
		return newReader("standard input", os.Stdin, o, false)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, errors.Join(fmt.Errorf("%s is a directory; name the files in it", name), f.Close())
	}
	r, err := newReader(name, f, o, true)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r.close = append(r.close, f.Close)
	return r, nil
}

// NewReader reads a dump from input; name stands for it in errors. It does not close input.
func NewReader(name string, input io.Reader) (*Reader, error) {
	return newReader(name, input, Options{}, false)
}

func newReader(name string, input io.Reader, o Options, isFile bool) (*Reader, error) {
	r := &Reader{name: name, input: &countingReader{from: input}, names: interner{known: map[string]string{}}, options: o}
	if err := r.unpack(); err != nil {
		return nil, err
	}
	return r, r.recognise(isFile)
}

// recognise finds out what the input holds.
func (r *Reader) recognise(isFile bool) (err error) {
	plain := strings.TrimSuffix(strings.TrimSuffix(r.name, ".gz"), ".zst")
	n := sniffBytes
	once := !isFile || Once(r.name)
	if once { // what comes little by little is not waited for
		if _, err := r.lines.Peek(1); err != nil {
			return nil // the first record says what is wrong
		}
		n = min(n, r.lines.Buffered())
	}
	head, _ := r.lines.Peek(n) // as above
	if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) && spansLines(head) {
		if _, err := r.lines.Discard(3); err != nil {
			return nil // as above
		}
		head = head[3:]
	}
	switch {
	case isFile && strings.HasSuffix(plain, ".csv"):
		r.columns, err = newColumns(r.name, r.lines, ',', r.options)
	case isFile && strings.HasSuffix(plain, ".tsv"):
		r.columns, err = newColumns(r.name, r.lines, '\t', r.options)
	case r.options.KeyColumn+r.options.ValueColumn+r.options.TimeColumn != "" && len(head) > 0 && head[0] != '{':
		r.columns, err = newColumns(r.name, r.lines, ',', r.options)
	case logfile.Looks(head) && once:
		return fmt.Errorf("%s is a segment of a broker; name its file, since the folder says topic and partition", r.name)
	case logfile.Looks(head) && r.packed:
		return fmt.Errorf("%s is a compressed segment of a broker; unpack it into a folder TOPIC-PARTITION first", r.name)
	case logfile.Looks(head), isFile && !once && strings.HasSuffix(r.name, ".log") && bytes.IndexByte(head, 0) >= 0: // binary: it says itself how it is damaged
		r.segment, err = newSegment(r.name, r.lines, r.options)
	case spansLines(head):
		r.values = &values{from: r.lines, line: 1}
	}
	return err
}

// sniffBytes is how much of an input tells what it is.
const sniffBytes = 4 << 10

// unpack undoes compression.
func (r *Reader) unpack() error {
	name := r.name
	const bufferBytes = 256 << 10
	compressed := bufio.NewReaderSize(r.input, bufferBytes)
	magic, err := compressed.Peek(4)
	if err != nil && err != io.EOF {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(compressed)
		if err != nil {
			return fmt.Errorf("reading %s as gzip: %w", name, truncated(err))
		}
		r.lines, r.packed = bufio.NewReaderSize(z, bufferBytes), true // z is not closed: that would only say again what a read has said
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(compressed, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return fmt.Errorf("reading %s as zstd: %w", name, err)
		}
		r.lines, r.packed = bufio.NewReaderSize(z, bufferBytes), true
		r.close = append(r.close, func() error { z.Close(); return nil })
	case bytes.HasPrefix(magic, []byte{0xff, 0xfe}), bytes.HasPrefix(magic, []byte{0xfe, 0xff}):
		return fmt.Errorf("%s is UTF-16, as > of an old PowerShell writes it, which destroys binary; "+
			"record again with cmd /c or -RedirectStandardOutput", name)
	default:
		r.lines = compressed
	}
	return nil
}

// Name returns the name that the reader was opened under.
func (r *Reader) Name() string { return r.name }

// Lines returns how many lines were read, blank, skipped and malformed ones included.
func (r *Reader) Lines() int { return r.line }

// Skipped returns how many lines beginning with % were passed over: kcat's notes, which come into a file by 2>&1.
func (r *Reader) Skipped() int { return r.skipped }

// BytesRead returns how much of the input was taken, compressed as it came. Any goroutine may ask at any time.
func (r *Reader) BytesRead() int64 { return r.input.n.Load() }

// Next reads the next record into rec, whose slices are valid until the following call. It returns io.EOF after the
// last one, and a *LineError for a malformed line, after which the next call goes on with the line below. Any other
// error ends the reading.
func (r *Reader) Next(rec *Record) error {
	err := r.nextRecord(rec)
	if err == nil && rec.Topic == "" {
		rec.Topic = r.options.Topic
	}
	return err
}

func (r *Reader) nextRecord(rec *Record) error {
	switch {
	case r.values != nil:
		return r.nextValue(rec)
	case r.columns != nil:
		return r.settle(r.columns.next(rec, r.options), rec)
	case r.segment != nil:
		return r.settle(r.segment.next(rec), rec)
	}
	for {
		text, err := r.next()
		if err != nil {
			return err
		}
		trimmed := bytes.TrimLeft(text, " \t\r\n")
		switch {
		case len(trimmed) == 0:
			continue
		case text[0] == '%':
			r.skipped++
			continue
		}
		rec.File, rec.Line = r.name, r.line
		l := r.options.line(text, &r.names)
		if err := l.record(rec); err != nil {
			return r.lineError(err)
		}
		return nil
	}
}

// nextValue reads a record that may go over several lines.
func (r *Reader) nextValue(rec *Record) error {
	if r.err != nil {
		return r.err
	}
	text, begun, err := r.values.next()
	if err != nil {
		rec.Line = begun
		return r.settle(err, rec)
	}
	rec.File, rec.Line, r.line = r.name, begun, r.values.line
	l := r.options.line(text, &r.names)
	err = l.record(rec)
	var bad *syntaxError
	if errors.As(err, &bad) {
		before := text[:min(bad.pos, len(text))]
		column := len(before) - bytes.LastIndexByte(before, '\n')
		return &LineError{File: r.name, Line: begun + bytes.Count(before, []byte("\n")), Column: column, Reason: bad.reason}
	}
	return err
}

// settle completes what came of reading what is not lines: places get the name of the file, and any other error ends the reading.
func (r *Reader) settle(err error, rec *Record) error {
	if r.err != nil {
		return r.err
	}
	var bad *LineError
	switch {
	case err == nil:
		rec.File, r.line = r.name, rec.Line
	case errors.As(err, &bad):
		bad.File = r.name
	case err == io.EOF:
		r.err = io.EOF
	default:
		r.err = fmt.Errorf("reading %s after line %d: %w", r.name, r.line, truncated(err))
		return r.err
	}
	return err
}

// lineError adds to err, from the line just read, where that line is.
func (r *Reader) lineError(err error) error {
	var bad *syntaxError
	if errors.As(err, &bad) {
		return &LineError{File: r.name, Line: r.line, Column: bad.pos + 1, Reason: bad.reason}
	}
	return err
}

// next returns the next line without its end, valid until the following call.
func (r *Reader) next() ([]byte, error) {
	if r.err != nil {
		return nil, r.err
	}
	text, err := r.lines.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		text, err = r.longLine(text)
	}
	if err != nil && err != io.EOF {
		var bad *LineError
		if !errors.As(err, &bad) {
			err = fmt.Errorf("reading %s after line %d: %w", r.name, r.line, truncated(err))
			r.err = err
		}
		return nil, err
	}
	if len(text) == 0 {
		r.err = io.EOF
		return nil, io.EOF
	}
	r.line++
	if r.line == 1 {
		text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	}
	text = bytes.TrimSuffix(text, []byte("\n"))
	text = bytes.TrimSuffix(text, []byte("\r"))
	return text, nil
}

// longLine gathers a line that begins with start and does not fit into the buffer.
func (r *Reader) longLine(start []byte) ([]byte, error) {
	r.long = append(r.long[:0], start...)
	for {
		more, err := r.lines.ReadSlice('\n')
		if len(r.long) <= MaxLine {
			r.long = append(r.long, more...)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if (err == nil || err == io.EOF) && len(r.long) > MaxLine {
			r.line++
			r.long = nil
			return nil, &LineError{
				File: r.name, Line: r.line, Column: MaxLine + 1,
				Reason: fmt.Sprintf("the line is longer than %d MiB; is this a dump of one record a line?", MaxLine>>20),
			}
		}
		return r.long, err
	}
}

// truncated says in words what the decompressors mean by an unexpected end.
func truncated(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the compressed data ends too early, the rest is missing: %w", err)
	}
	return err
}

// Close lets go of the file. It may be called twice.
func (r *Reader) Close() error {
	var errs []error
	for _, c := range r.close {
		errs = append(errs, c())
	}
	r.close = nil
	if r.err == nil {
		r.err = fmt.Errorf("reading %s: %w", r.name, os.ErrClosed)
	}
	return errors.Join(errs...)
}

// countingReader counts what it hands on.
type countingReader struct {
	from io.Reader
	n    atomic.Int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n.Add(int64(n))
	return n, err
}
