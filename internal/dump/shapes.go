package dump

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"time"

	"github.com/gokasim/gokasim/internal/kafka"
)

// Encoding says how keys or values stand in the JSON of an input.
type Encoding string

// The encodings. Text is a string that holds the bytes, as kcat writes them; JSON is any JSON value, whose compact text is what is meant; Base64 is a
// string in standard base64. Null is null in all of them.
const (
	Text   Encoding = "text"
	JSON   Encoding = "json"
	Base64 Encoding = "base64"
)

// time reads a time: milliseconds since 1970, or RFC 3339 as kaf and kafkactl write it.
func (l *line) time(name string) (kafka.Millis, error) {
	start := l.pos
	switch l.peek() {
	case '"':
		text, err := l.string(name)
		if err != nil {
			return 0, err
		}
		t, err := time.Parse(time.RFC3339Nano, string(text))
		if err != nil {
			return 0, l.failf(start, "%s %q is no time; a time is milliseconds since 1970, or RFC 3339 as 2013-01-01T10:17:00Z", name, text)
		}
		return kafka.Millis(t.UnixMilli()), nil
	case 'n':
		if l.null() {
			return kafka.NoTimestamp, nil
		}
	}
	n, err := l.integer(name, math.MaxInt64)
	return kafka.Millis(n), err
}

// content reads a key or a value.
func (l *line) content(name string, encoding Encoding) ([]byte, error) {
	start := l.pos
	if l.peek() == 'n' && l.null() {
		return nil, nil
	}
	switch encoding {
	case JSON:
		if err := l.skipValue(); err != nil {
			return nil, err
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, l.text[start:l.pos]); err != nil {
			return nil, l.failf(start, "%s is not JSON: %v", name, err)
		}
		return compact.Bytes(), nil
	case Base64:
		text, err := l.string(name)
		if err != nil {
			return nil, err
		}
		if text, err = decodeBase64(text); err != nil {
			return nil, l.failf(start, "%s is not base64: %v", name, err)
		}
		return text, nil
	case Text:
	}
	if l.peek() == '{' {
		if b, ok, err := l.console(); ok || err != nil {
			return b, err
		}
		l.pos = start
	}
	return l.bytes(name)
}

// skipValue passes over a value and leaves its text as it is: strings are not unescaped in place.
func (l *line) skipValue() error {
	aside := *l
	aside.text = bytes.Clone(l.text)
	err := aside.skip(0)
	l.pos = aside.pos
	return err
}

// console reads the object in which Redpanda Console exports a key or a value, whose rawPayload has the bytes. It reports whether it is one.
func (l *line) console() (content []byte, ok bool, err error) {
	start := l.pos
	if err := l.skipValue(); err != nil {
		return nil, false, err
	}
	var o struct {
		Payload    json.RawMessage `json:"payload"`
		Raw        *string         `json:"rawPayload"`
		Null       bool            `json:"isPayloadNull"`
		HasNothing bool            `json:"isPayloadTooLarge"`
	}
	if json.Unmarshal(l.text[start:l.pos], &o) != nil || o.Payload == nil && o.Raw == nil && !o.Null {
		return nil, false, nil
	}
	switch {
	case o.Null:
		return nil, true, nil
	case o.HasNothing:
		return nil, true, l.failf(start, "Redpanda Console left this payload out because it is large; export it with raw payloads")
	case o.Raw != nil:
		content, err = base64.StdEncoding.DecodeString(*o.Raw)
		if err != nil {
			return nil, true, l.failf(start, "rawPayload is not base64: %v", err)
		}
		return append([]byte{}, content...), true, nil
	}
	var text string
	if json.Unmarshal(o.Payload, &text) == nil {
		return []byte(text), true, nil
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, o.Payload); err != nil {
		return nil, true, l.failf(start, "payload is not JSON: %v", err)
	}
	return compact.Bytes(), true, nil
}

// headerPair reads {"key":…,"value":…}, as rpk, kaf -o json-each-row and Redpanda Console write a header; and {"Key":…,"Value":…} in base64, as kaf -o json does.
func (l *line) headerPair() (h kafka.Header, err error) {
	named := false
	l.pos++
	for first := true; ; first = false {
		l.space()
		if l.peek() == '}' {
			l.pos++
			break
		}
		if !first {
			if err := l.expect(',', "between the fields of a header comes ,"); err != nil {
				return h, err
			}
			l.space()
		}
		field, err := l.string("the name of a field")
		if err != nil {
			return h, err
		}
		if err := l.expect(':', "after the name of a field comes :"); err != nil {
			return h, err
		}
		l.space()
		switch string(field) {
		case "key":
			name, err := l.string("the name of a header")
			if err != nil {
				return h, err
			}
			h.Key, named = l.names.of(name), true
		case "Key":
			name, err := l.content("the name of a header", Base64)
			if err != nil {
				return h, err
			}
			h.Key, named = l.names.of(name), true
		case "Value":
			if h.Value, err = l.content("the value of a header", Base64); err != nil {
				return h, err
			}
		case "value":
			if h.Value, err = l.content("the value of a header", Text); err != nil {
				return h, err
			}
		default:
			if err := l.skip(0); err != nil {
				return h, err
			}
		}
	}
	if !named {
		return h, l.failf(l.pos, "a header has no key")
	}
	return h, nil
}
