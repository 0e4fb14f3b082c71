package dump

import (
	"bufio"
	"encoding/base64"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/gokasim/gokasim/internal/kafka"
)

// Writer writes records, one a line: to the byte as kcat -J does while keys, values and headers are UTF-8. Fields that
// are not go out as base64 and say so in a field beside them, so that every line is valid JSON.
type Writer struct {
	to   *bufio.Writer
	line []byte
	raw  bool
}

// WriterOption changes how a Writer writes.
type WriterOption func(*Writer)

// WithRawBytes writes bytes that are not UTF-8 raw, as kcat does: such lines are shorter than with base64, and no
// valid JSON any more. Reader reads both.
func WithRawBytes() WriterOption { return func(w *Writer) { w.raw = true } }

// NewWriter returns a writer to w. Call Flush in the end.
func NewWriter(w io.Writer, options ...WriterOption) *Writer {
	const bufferBytes = 64 << 10
	out := &Writer{to: bufio.NewWriterSize(w, bufferBytes)}
	for _, o := range options {
		o(out)
	}
	return out
}

// Write writes one record. It keeps nothing of it.
func (w *Writer) Write(rec *Record) error {
	w.line = appendRecord(w.line[:0], rec, w.raw)
	_, err := w.to.Write(w.line)
	return err
}

// WriteRow writes a row of a table: its key and its value alone.
func (w *Writer) WriteRow(key, value []byte) error {
	w.line = append(w.line[:0], '{')
	w.line = appendBytes(w.line, "key", key, w.raw)
	w.line = append(w.line, ',')
	w.line = appendBytes(w.line, "payload", value, w.raw)
	w.line = append(w.line, '}', '\n')
	_, err := w.to.Write(w.line)
	return err
}

// Flush hands what is still buffered to the underlying writer.
func (w *Writer) Flush() error { return w.to.Flush() }

// appendRecord appends rec and a line feed, in kcat's order of fields. Topic, partition and offset are left out when
// rec has none, which kcat's records never lack.
func appendRecord(b []byte, rec *Record, raw bool) []byte {
	b = append(b, '{')
	if rec.Topic != "" {
		b = append(b, `"topic":`...)
		b = appendString(b, rec.Topic)
		b = append(b, ',')
	}
	if rec.Partition >= 0 {
		b = append(b, `"partition":`...)
		b = strconv.AppendInt(b, int64(rec.Partition), 10)
		b = append(b, ',')
	}
	if rec.Offset >= 0 {
		b = append(b, `"offset":`...)
		b = strconv.AppendInt(b, int64(rec.Offset), 10)
		b = append(b, ',')
	}
	if rec.Timestamp >= 0 {
		b = append(b, `"tstype":"`...)
		b = append(b, rec.TimestampType.String()...)
		b = append(b, `","ts":`...)
		b = strconv.AppendInt(b, int64(rec.Timestamp), 10)
		b = append(b, ',')
	}
	b = append(b, `"broker":`...)
	b = strconv.AppendInt(b, int64(rec.Broker), 10)
	b = append(b, ',')
	b = appendHeaders(b, rec.Headers, raw)
	b = appendBytes(b, "key", rec.Key, raw)
	b = append(b, ',')
	b = appendBytes(b, "payload", rec.Value, raw)
	return append(b, '}', '\n')
}

// appendHeaders appends the flat array of names and values and a comma, or nothing when there are no headers.
func appendHeaders(b []byte, headers []kafka.Header, raw bool) []byte {
	if len(headers) == 0 {
		return b
	}
	var encodeNames, encodeValues bool
	for _, h := range headers {
		encodeNames = encodeNames || !raw && !utf8.ValidString(h.Key)
		encodeValues = encodeValues || !raw && !utf8.Valid(h.Value)
	}
	b = append(b, `"headers":[`...)
	for i, h := range headers {
		if i > 0 {
			b = append(b, ',')
		}
		if encodeNames {
			b = appendBase64(b, []byte(h.Key))
		} else {
			b = appendString(b, h.Key)
		}
		b = append(b, ',')
		switch {
		case h.Value == nil:
			b = append(b, "null"...)
		case encodeValues:
			b = appendBase64(b, h.Value)
		default:
			b = appendString(b, h.Value)
		}
	}
	b = append(b, `],`...)
	if encodeNames {
		b = append(b, `"header_names_encoding":"base64",`...)
	}
	if encodeValues {
		b = append(b, `"headers_encoding":"base64",`...)
	}
	return b
}

// appendBytes appends the field called name with value, and the field that tells its encoding where it needs one.
func appendBytes(b []byte, name string, value []byte, raw bool) []byte {
	b = append(b, '"')
	b = append(b, name...)
	b = append(b, `":`...)
	if value == nil {
		return append(b, "null"...)
	}
	if raw || utf8.Valid(value) {
		return appendString(b, value)
	}
	b = appendBase64(b, value)
	b = append(b, `,"`...)
	b = append(b, name...)
	return append(b, `_encoding":"base64"`...)
}

func appendBase64(b, value []byte) []byte {
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, value)
	return append(b, '"')
}

// appendString quotes s as kcat does: it escapes quote, backslash and the bytes below 0x20, and nothing else.
func appendString[T string | []byte](b []byte, s T) []byte {
	const hex = "0123456789ABCDEF"
	b = append(b, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, '\\', 'b')
		case '\f':
			b = append(b, '\\', 'f')
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		}
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
