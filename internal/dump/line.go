package dump

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/gokasim/gokasim/internal/kafka"
)

// A LineError reports a line that is no record. Reading goes on with the line after it.
type LineError struct {
	File   string
	Line   int // from 1
	Column int // in bytes, from 1
	Reason string
}

func (e *LineError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Reason)
}

// line takes one line apart. Strings are unescaped inside text itself, which they never outgrow, so that a record
// costs no allocation; what a record points to is therefore valid for as long as text is.
type line struct {
	text   []byte
	pos    int
	names  *interner
	keys   Encoding
	values Encoding
}

// syntaxError is a LineError that does not know yet in which line it is.
type syntaxError struct {
	pos    int
	reason string
}

func (e *syntaxError) Error() string { return e.reason }

func (l *line) failf(pos int, format string, args ...any) error {
	return &syntaxError{pos: pos, reason: fmt.Sprintf(format, args...)}
}

// record reads the one object that the line holds. Fields may come in any order; unknown ones are skipped; of a field
// that comes twice the last one counts. An object that has nothing a record is known by, as the value of one has, is none.
func (l *line) record(rec *Record) error {
	*rec = Record{
		Partition: NoPartition, Offset: kafka.NoOffset, Timestamp: kafka.NoTimestamp, Broker: NoBroker,
		Headers: rec.Headers[:0], File: rec.File, Line: rec.Line,
	}
	var enc encodings
	begun, known := l.pos, false
	if err := l.expect('{', "a record begins with {"); err != nil {
		return err
	}
	for first := true; ; first = false {
		l.space()
		if l.peek() == '}' && first {
			break
		}
		name, err := l.string("the name of a field")
		if err != nil {
			return err
		}
		if err := l.expect(':', "after the name of a field comes :"); err != nil {
			return err
		}
		l.space()
		known = known || tells(name)
		if err := l.field(name, rec, &enc); err != nil {
			return err
		}
		l.space()
		if l.peek() != ',' {
			break
		}
		l.pos++
	}
	if err := l.expect('}', "after a field comes , or }"); err != nil {
		return err
	}
	l.space()
	if l.pos < len(l.text) {
		return l.failf(l.pos, "text after the record: %s; put each record on a line of its own", l.excerpt(l.pos))
	}
	if !known {
		return l.failf(begun, "the object is no record: it has none of the fields topic, partition, offset, headers, key, payload and value; "+
			`a value alone is written {"payload":VALUE}, and read with the format json`)
	}
	return enc.apply(l, rec)
}

// tells reports whether the field called name tells a record from other objects. A time and what is unknown do not.
func tells(name []byte) bool {
	switch string(name) {
	case "topic", "Topic", "partition", "Partition", "partitionID", "offset", "Offset", "headers", "Headers", "key", "Key", "payload", "value", "Value":
		return true
	}
	return false
}

// field reads the value of the field called name.
func (l *line) field(name []byte, rec *Record, enc *encodings) (err error) {
	start := l.pos
	switch string(name) {
	case "topic", "Topic":
		var s []byte
		if s, err = l.string("topic"); err == nil {
			rec.Topic = l.names.of(s)
		}
	case "partition", "Partition", "partitionID":
		var n int64
		n, err = l.integer("partition", math.MaxInt32)
		rec.Partition = int32(n)
	case "offset", "Offset":
		var n int64
		n, err = l.integer("offset", math.MaxInt64)
		rec.Offset = kafka.Offset(n)
	case "broker":
		var n int64
		n, err = l.integer("broker", math.MaxInt32)
		rec.Broker = int32(n)
	case "ts", "timestamp", "Timestamp":
		rec.Timestamp, err = l.time(l.names.of(name))
	case "tstype":
		rec.TimestampType, err = l.timestampType()
	case "headers", "Headers":
		rec.Headers, err = l.headers(rec.Headers[:0])
		enc.headersAt = start
	case "key", "Key":
		rec.Key, err = l.content(l.names.of(name), l.keys)
		enc.keyAt = start
	case "payload", "value", "Value":
		rec.Value, err = l.content(l.names.of(name), l.values)
		enc.valueAt = start
	case "key_encoding":
		enc.key, err = l.encoding("key_encoding")
	case "payload_encoding":
		enc.value, err = l.encoding("payload_encoding")
	case "headers_encoding":
		enc.headers, err = l.encoding("headers_encoding")
	case "header_names_encoding":
		enc.headerNames, err = l.encoding("header_names_encoding")
	case "key_error", "payload_error":
		err = l.lost(string(name))
	default:
		err = l.skip(0)
	}
	return err
}

// lost refuses a record whose bytes kcat could not show: its null would pass for a null key or a tombstone.
func (l *line) lost(name string) error {
	start := l.pos
	if l.null() {
		return nil
	}
	reason, err := l.string(name)
	if err != nil {
		return err
	}
	return l.failf(start, "the recording lost these bytes (%s: %s); record the topic again without -s", name, reason)
}

func (l *line) timestampType() (TimestampType, error) {
	start := l.pos
	s, err := l.string("tstype")
	if err != nil {
		return 0, err
	}
	switch string(s) {
	case "create":
		return TimestampCreate, nil
	case "logappend":
		return TimestampLogAppend, nil
	case "unknown":
		return TimestampUnknown, nil
	}
	return 0, l.failf(start, "tstype %q is none of create, logappend, unknown", s)
}

// headers reads kcat's flat array of names and values, or an object of values by name.
func (l *line) headers(to []kafka.Header) ([]kafka.Header, error) {
	switch l.peek() {
	case 'n':
		if l.null() {
			return to, nil
		}
	case '[':
		return l.headerArray(to)
	case '{':
		return l.headerObject(to)
	}
	return nil, l.failf(l.pos, "headers is %s, not an array [name, value, ...]", l.what())
}

func (l *line) headerArray(to []kafka.Header) ([]kafka.Header, error) {
	l.pos++
	for l.space(); l.peek() != ']'; l.space() {
		if len(to) > 0 {
			if err := l.expect(',', "between headers comes ,"); err != nil {
				return nil, err
			}
			l.space()
		}
		if l.peek() == '{' {
			h, err := l.headerPair()
			if err != nil {
				return nil, err
			}
			to = append(to, h)
			continue
		}
		name, err := l.string("the name of a header")
		if err != nil {
			return nil, err
		}
		if err := l.expect(',', "the last header has a name and no value"); err != nil {
			return nil, err
		}
		l.space()
		value, err := l.bytes("the value of a header")
		if err != nil {
			return nil, err
		}
		to = append(to, kafka.Header{Key: l.names.of(name), Value: value})
	}
	l.pos++
	return to, nil
}

func (l *line) headerObject(to []kafka.Header) ([]kafka.Header, error) {
	l.pos++
	for l.space(); l.peek() != '}'; l.space() {
		if len(to) > 0 {
			if err := l.expect(',', "between headers comes ,"); err != nil {
				return nil, err
			}
			l.space()
		}
		name, err := l.string("the name of a header")
		if err != nil {
			return nil, err
		}
		if err := l.expect(':', "after the name of a header comes :"); err != nil {
			return nil, err
		}
		l.space()
		value, err := l.bytes("the value of a header")
		if err != nil {
			return nil, err
		}
		to = append(to, kafka.Header{Key: l.names.of(name), Value: value})
	}
	l.pos++
	return to, nil
}

// bytes reads a string, or null as nil. Anything else is refused: a payload that was decoded while it was recorded has
// lost its bytes.
func (l *line) bytes(name string) ([]byte, error) {
	if l.peek() == '"' {
		return l.string(name)
	}
	if l.null() {
		return nil, nil
	}
	if l.pos >= len(l.text) {
		return nil, l.failf(l.pos, "the line ends where %s should be", name)
	}
	return nil, l.failf(l.pos, "%s is %s, not a string or null; a recording made with kcat -s or edited by hand "+
		"has lost the bytes: record the topic again without -s, or quote the value; the format json takes it as it stands", name, l.what())
}

// string reads a JSON string of any bytes. It unescapes in place and returns a part of the line that nobody else has.
func (l *line) string(what string) ([]byte, error) {
	if l.peek() != '"' {
		if l.pos >= len(l.text) {
			return nil, l.failf(l.pos, "the line ends where %s should be", what)
		}
		return nil, l.failf(l.pos, "%s is %s, not a string", what, l.what())
	}
	text, start := l.text, l.pos+1
	r := start
	for r < len(text) && text[r] != '"' && text[r] != '\\' {
		r++
	}
	w := r
	for r < len(text) {
		switch c := text[r]; c {
		case '"':
			l.pos = r + 1
			return text[start:w:w], nil
		case '\\':
			n, size, err := l.escape(r, w)
			if err != nil {
				return nil, err
			}
			r, w = r+size, w+n
		default:
			text[w] = c
			r, w = r+1, w+1
		}
	}
	return nil, l.failf(len(text), "the line ends inside a string")
}

// escape writes what the escape sequence at r stands for to w, and returns how many bytes it wrote and read.
func (l *line) escape(r, w int) (wrote, read int, err error) {
	text := l.text
	if r+1 >= len(text) {
		return 0, 0, l.failf(len(text), "the line ends inside a string")
	}
	switch c := text[r+1]; c {
	case '"', '\\', '/':
		text[w] = c
	case 'b':
		text[w] = '\b'
	case 'f':
		text[w] = '\f'
	case 'n':
		text[w] = '\n'
	case 'r':
		text[w] = '\r'
	case 't':
		text[w] = '\t'
	case 'u':
		return l.unicodeEscape(r, w)
	default:
		return 0, 0, l.failf(r, "unknown escape sequence %q in a string", text[r:r+2])
	}
	return 1, 2, nil
}

func (l *line) unicodeEscape(r, w int) (wrote, read int, err error) {
	c, ok := l.hex4(r)
	if !ok {
		return 0, 0, l.failf(r, "\\u needs four hexadecimal digits")
	}
	read = 6
	if utf16.IsSurrogate(c) {
		low, ok := l.hex4(r + 6)
		pair := utf16.DecodeRune(c, low)
		if !ok || pair == utf8.RuneError {
			return 0, 0, l.failf(r, "half of a surrogate pair, %s, stands for no character", l.text[r:r+6])
		}
		c, read = pair, 12
	}
	return utf8.EncodeRune(l.text[w:w+utf8.RuneLen(c)], c), read, nil
}

// hex4 reads \uXXXX at r.
func (l *line) hex4(r int) (rune, bool) {
	if r+6 > len(l.text) || l.text[r] != '\\' || l.text[r+1] != 'u' {
		return 0, false
	}
	var n rune
	for _, c := range l.text[r+2 : r+6] {
		switch {
		case '0' <= c && c <= '9':
			n = n<<4 | rune(c-'0')
		case 'a' <= c && c <= 'f':
			n = n<<4 | rune(c-'a'+10)
		case 'A' <= c && c <= 'F':
			n = n<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return n, true
}

// integer reads a whole number from -1, Kafka's word for none, up to limit.
func (l *line) integer(name string, limit int64) (int64, error) {
	start := l.pos
	end := start
	for end < len(l.text) && isNumber(l.text[end]) {
		end++
	}
	if end == start {
		return 0, l.failf(start, "%s is %s, not a number", name, l.what())
	}
	n, ok := parseInteger(l.text[start:end])
	if !ok {
		return 0, l.failf(start, "%s %s is not a whole number of 64 bits", name, l.text[start:end])
	}
	if n < -1 || n > limit {
		return 0, l.failf(start, "%s %d is out of range; it lies between 0 and %d", name, n, limit)
	}
	l.pos = end
	return n, nil
}

func isNumber(c byte) bool {
	return '0' <= c && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}

func parseInteger(s []byte) (int64, bool) {
	digits := s
	if len(s) > 0 && s[0] == '-' {
		digits = s[1:]
	}
	if len(digits) == 0 || len(digits) > 18 {
		n, err := strconv.ParseInt(string(s), 10, 64)
		return n, err == nil
	}
	var n int64
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if len(digits) < len(s) {
		n = -n
	}
	return n, true
}

// maxDepth bounds how deep the values of unknown fields may nest.
const maxDepth = 1000

// skip passes over one JSON value.
func (l *line) skip(depth int) error {
	if depth > maxDepth {
		return l.failf(l.pos, "values nest deeper than %d", maxDepth)
	}
	switch c := l.peek(); {
	case c == '"':
		_, err := l.string("a value")
		return err
	case c == '{':
		return l.skipMembers('}', depth, func() error {
			if _, err := l.string("the name of a field"); err != nil {
				return err
			}
			return l.expect(':', "after the name of a field comes :")
		})
	case c == '[':
		return l.skipMembers(']', depth, func() error { return nil })
	case c == 't' && l.word("true"), c == 'f' && l.word("false"), c == 'n' && l.word("null"):
		return nil
	case isNumber(c):
		start := l.pos
		for l.pos < len(l.text) && isNumber(l.text[l.pos]) {
			l.pos++
		}
		if _, err := strconv.ParseFloat(string(l.text[start:l.pos]), 64); errors.Is(err, strconv.ErrSyntax) {
			return l.failf(start, "%s is not a number", l.text[start:l.pos])
		}
		return nil
	case l.pos >= len(l.text):
		return l.failf(l.pos, "the line ends where a value should be")
	}
	return l.failf(l.pos, "%s is not a JSON value", l.excerpt(l.pos))
}

func (l *line) skipMembers(end byte, depth int, name func() error) error {
	l.pos++
	for first := true; ; first = false {
		l.space()
		if l.peek() == end {
			l.pos++
			return nil
		}
		if !first {
			if err := l.expect(',', "between values comes ,"); err != nil {
				return err
			}
			l.space()
		}
		if err := name(); err != nil {
			return err
		}
		l.space()
		if err := l.skip(depth + 1); err != nil {
			return err
		}
	}
}

func (l *line) null() bool { return l.peek() == 'n' && l.word("null") }

func (l *line) word(w string) bool {
	end := l.pos + len(w)
	if end > len(l.text) || string(l.text[l.pos:end]) != w {
		return false
	}
	l.pos = end
	return true
}

// peek returns the next byte, 0 at the end.
func (l *line) peek() byte {
	if l.pos < len(l.text) {
		return l.text[l.pos]
	}
	return 0
}

func (l *line) space() {
	for l.pos < len(l.text) {
		switch l.text[l.pos] {
		case ' ', '\t', '\r', '\n':
			l.pos++
		default:
			return
		}
	}
}

func (l *line) expect(c byte, rule string) error {
	l.space()
	if l.peek() == c {
		l.pos++
		return nil
	}
	if l.pos >= len(l.text) {
		return l.failf(l.pos, "the line ends too early: %s", rule)
	}
	return l.failf(l.pos, "found %s: %s", l.excerpt(l.pos), rule)
}

// what names the kind of value that comes next.
func (l *line) what() string {
	switch c := l.peek(); {
	case c == '"':
		return "a string"
	case c == '{':
		return "a JSON object"
	case c == '[':
		return "a JSON array"
	case c == '-' || '0' <= c && c <= '9':
		return "a number"
	case c == 't', c == 'f':
		return "a truth value"
	case c == 'n':
		return "null"
	case l.pos >= len(l.text):
		return "missing"
	}
	return l.excerpt(l.pos)
}

// excerpt quotes the text from pos on, shortened.
func (l *line) excerpt(pos int) string {
	const limit = 20
	rest := l.text[pos:]
	if len(rest) > limit {
		return strconv.Quote(string(rest[:limit])) + "..."
	}
	return strconv.Quote(string(rest))
}

// encodings says which fields hold base64, and where they began in the line.
type encodings struct {
	key, value, headers, headerNames bool
	keyAt, valueAt, headersAt        int
}

// encoding reads the name of an encoding; base64 is the only one.
func (l *line) encoding(name string) (bool, error) {
	start := l.pos
	s, err := l.string(name)
	if err != nil {
		return false, err
	}
	if string(s) != "base64" {
		return false, l.failf(start, "%s %q is unknown; it can be base64", name, s)
	}
	return true, nil
}

// apply decodes the fields that hold base64, in place.
func (e encodings) apply(l *line, rec *Record) error {
	var err error
	if e.key {
		if rec.Key, err = decodeBase64(rec.Key); err != nil {
			return l.failf(e.keyAt, "key is not base64: %v", err)
		}
	}
	if e.value {
		if rec.Value, err = decodeBase64(rec.Value); err != nil {
			return l.failf(e.valueAt, "payload is not base64: %v", err)
		}
	}
	for i := range rec.Headers {
		h := &rec.Headers[i]
		if e.headers {
			if h.Value, err = decodeBase64(h.Value); err != nil {
				return l.failf(e.headersAt, "value of header %q is not base64: %v", h.Key, err)
			}
		}
		if e.headerNames {
			name, err := decodeBase64([]byte(h.Key))
			if err != nil {
				return l.failf(e.headersAt, "name of header %q is not base64: %v", h.Key, err)
			}
			h.Key = l.names.of(name)
		}
	}
	return nil
}

func decodeBase64(b []byte) ([]byte, error) {
	if b == nil {
		return nil, nil
	}
	n, err := base64.StdEncoding.Decode(b, b)
	return b[:n:n], err
}

// interner makes one string of equal byte slices, as topics and header names repeat on every line.
type interner struct {
	known map[string]string
}

// maxInterned bounds what an interner keeps, should the names not repeat after all.
const maxInterned = 4096

func (in *interner) of(b []byte) string {
	if s, ok := in.known[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(in.known) < maxInterned {
		in.known[s] = s
	}
	return s
}
