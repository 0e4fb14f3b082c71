package dump

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gokasim/gokasim/internal/kafka"
)

// columns reads files of columns, each line of which is a record.
type columns struct {
	from  rows
	names []string
	key   int // the column of the keys, -1 for none
	value int
	time  int
	line  int

	quoted *quoted // what a csv.Reader reads from
}

// maxQuoted is how many bytes a quoted field may have over several lines, before the end of its quote is taken to be missing.
const maxQuoted = 1 << 20

// errOpenQuote reports a quote that does not end.
var errOpenQuote = errors.New("the quote that begins here does not end")

// quoted hands a file on to a csv.Reader, which has no bound of its own: it ends when a quote goes on for too long, in which the rest of
// the file would otherwise be lost and held in memory.
type quoted struct {
	from      *bufio.Reader
	separator byte
	state     quoteState
	line      int // the present one, from 0
	begun     int // the line in which the quote began
	bytes     int // since then
	failed    error
}

// quoteState is where in a field a file of columns is.
type quoteState int

const (
	fieldBegins quoteState = iota
	unquotedField
	insideQuote
	quoteInside // behind a quote in a quoted field: it ends, or is one of two
)

func (q *quoted) Read(b []byte) (int, error) {
	if q.failed != nil {
		return 0, q.failed
	}
	n, err := q.from.Read(b)
	for i, c := range b[:n] {
		q.step(c)
		if q.state == insideQuote && q.bytes > maxQuoted {
			q.failed = q.open(fmt.Sprintf("within %d KiB", maxQuoted>>10))
			return i, q.failed
		}
	}
	if err == io.EOF && q.state == insideQuote {
		q.failed = q.open("before the file does")
		return n, q.failed
	}
	return n, err
}

func (q *quoted) open(where string) error {
	return &LineError{Line: q.begun, Column: 1, Reason: fmt.Sprintf("%v %s; close it, or double quotes that are text", errOpenQuote, where)}
}

func (q *quoted) step(c byte) {
	if c == '\n' {
		q.line++
	}
	if q.state == insideQuote {
		q.bytes++
		if c == '"' {
			q.state = quoteInside
		}
		return
	}
	switch {
	case c == '"' && q.state == quoteInside:
		q.state = insideQuote
	case c == '"' && q.state == fieldBegins:
		q.state, q.begun, q.bytes = insideQuote, q.line+1, 0
	case c == q.separator || c == '\n':
		q.state = fieldBegins
	default:
		q.state = unquotedField
	}
}

// rows are the lines of a file of columns, taken apart; csv.Reader has them.
type rows interface {
	Read() (fields []string, err error)
	FieldPos(field int) (line, column int)
}

// tabs reads lines whose fields are separated by tabs. A field that is quoted from its first to its last character, quotes inside it doubled, is
// unquoted, as spreadsheets write it; in all others quotes are text. A line ends a record whatever stands in it.
type tabs struct {
	lines  *bufio.Reader
	line   int
	starts []int // of the fields, in bytes
	want   int   // fields, as the first line has
}

func (t *tabs) Read() ([]string, error) {
	for {
		text, err := t.lines.ReadString('\n')
		if text == "" {
			return nil, err
		}
		if err != nil && err != io.EOF {
			return nil, err
		}
		t.line++
		text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
		if text == "" {
			continue
		}
		fields := strings.Split(text, "\t")
		t.starts = t.starts[:0]
		at := 0
		for i, f := range fields {
			t.starts = append(t.starts, at)
			at += len(f) + 1
			fields[i] = unquoted(f)
		}
		if t.want == 0 {
			t.want = len(fields)
		}
		if len(fields) != t.want {
			return fields, &csv.ParseError{StartLine: t.line, Line: t.line, Column: 1, Err: csv.ErrFieldCount}
		}
		return fields, nil
	}
}

func (t *tabs) FieldPos(field int) (line, column int) { return t.line, t.starts[field] + 1 }

func unquoted(field string) string {
	if len(field) < 2 || field[0] != '"' || field[len(field)-1] != '"' {
		return field
	}
	inner := field[1 : len(field)-1]
	if strings.Contains(strings.ReplaceAll(inner, `""`, ""), `"`) {
		return field
	}
	return strings.ReplaceAll(inner, `""`, `"`)
}

// newColumns reads the first line, which names the columns.
func newColumns(name string, from io.Reader, separator rune, o Options) (*columns, error) {
	c := &columns{from: &tabs{lines: bufio.NewReader(from)}}
	if separator != '\t' {
		bounded := &quoted{from: bufio.NewReader(from), separator: byte(separator)}
		commas := csv.NewReader(bounded)
		commas.Comma = separator
		commas.ReuseRecord = true
		c.from, c.quoted = commas, bounded
	}
	first, err := c.from.Read()
	if err == io.EOF {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the names of columns in %s: %w", name, err)
	}
	c.names = slices.Clone(first)
	if len(c.names) > 0 {
		c.names[0] = strings.TrimPrefix(c.names[0], "\xef\xbb\xbf")
	}
	find := func(column, flag string) (int, error) {
		if column == "" {
			return -1, nil
		}
		i := slices.Index(c.names, column)
		if i < 0 {
			return 0, fmt.Errorf("%s has no column %q for %s; it has %s", name, column, flag, strings.Join(c.names, ", "))
		}
		return i, nil
	}
	var errs [3]error
	c.key, errs[0] = find(o.KeyColumn, "keys")
	c.value, errs[1] = find(o.ValueColumn, "values")
	c.time, errs[2] = find(o.TimeColumn, "times")
	for i, column := range c.names {
		object := o.ValueColumn == "" // which has a field of each
		if slices.Contains(c.names[:i], column) && (object || column == o.KeyColumn || column == o.ValueColumn || column == o.TimeColumn) {
			return nil, fmt.Errorf("%s has two columns called %q; rename one of them", name, column)
		}
	}
	return c, errors.Join(errs[:]...)
}

// next reads a line into rec.
func (c *columns) next(rec *Record, o Options) error {
	if c.names == nil {
		return io.EOF
	}
	if c.quoted != nil && c.quoted.failed != nil { // all behind it would be taken for text
		return io.EOF
	}
	fields, err := c.from.Read()
	var wrong *csv.ParseError
	var open *LineError
	switch {
	case errors.As(err, &open):
		return open
	case errors.As(err, &wrong) && errors.Is(err, csv.ErrFieldCount):
		return &LineError{Line: wrong.Line, Column: 1, Reason: fmt.Sprintf("the line has %d columns, and the first line names %d", len(fields), len(c.names))}
	case errors.As(err, &wrong):
		return &LineError{Line: wrong.Line, Column: wrong.Column, Reason: wrong.Err.Error()}
	case err != nil:
		return err
	}
	c.line, _ = c.from.FieldPos(0)
	*rec = Record{Partition: NoPartition, Offset: kafka.NoOffset, Timestamp: kafka.NoTimestamp, Broker: NoBroker, Headers: rec.Headers[:0], Line: c.line}
	if c.key >= 0 {
		rec.Key = []byte(fields[c.key])
	}
	if c.time >= 0 && fields[c.time] != "" {
		if rec.Timestamp, err = parseTime(fields[c.time], o.TimeLayout); err != nil {
			line, column := c.from.FieldPos(c.time)
			return &LineError{Line: line, Column: column, Reason: err.Error()}
		}
	}
	if c.value >= 0 {
		rec.Value = []byte(fields[c.value])
		return nil
	}
	rec.Value = c.object(fields)
	return nil
}

// object is a line as JSON: numbers and truth values as such, empty fields as null, all else as text.
func (c *columns) object(fields []string) []byte {
	b := []byte{'{'}
	for i, name := range c.names {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, name)
		b = append(b, ':')
		f := fields[i]
		switch {
		case f == "":
			b = append(b, "null"...)
		case f == "true" || f == "false" || isJSONNumber(f):
			b = append(b, f...)
		default:
			b = appendString(b, strings.ToValidUTF8(f, "\uFFFD"))
		}
	}
	return append(b, '}')
}

func isJSONNumber(s string) bool {
	return (s[0] == '-' || '0' <= s[0] && s[0] <= '9') && json.Valid([]byte(s))
}

// parseTime reads a time of a column.
func parseTime(text, layout string) (kafka.Millis, error) {
	if layout != "" {
		t, err := time.Parse(layout, text)
		if err != nil {
			return 0, fmt.Errorf("%q is no time of the form %q", text, layout)
		}
		return kafka.Millis(t.UnixMilli()), nil
	}
	t, err := ParseTime(text)
	if err != nil {
		return 0, fmt.Errorf("%w; --time-layout names another form", err)
	}
	return t, nil
}

// ParseTime reads a time as people and programs write it: RFC 3339, with a blank or without a zone (UTC) too, a date, or a number of seconds
// or milliseconds since 1970, of which those under 100,000,000,000 are seconds.
func ParseTime(text string) (kafka.Millis, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= 0 {
		const lastSecond = 100_000_000_000 // in the year 5138; as milliseconds it is in 1973
		if n < lastSecond {
			n *= 1000
		}
		return kafka.Millis(n), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return kafka.Millis(t.UnixMilli()), nil
		}
	}
	return 0, fmt.Errorf("%q is no time; a time is RFC 3339, a date, or a number of seconds or milliseconds since 1970", text)
}
