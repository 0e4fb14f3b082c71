package codec

import (
	"reflect"
	"strconv"
	"strings"
)

// maxSkipped bounds how deep values nest that nobody asked for, before encoding/json sees to them.
const maxSkipped = 32

// reader reads a text of JSON. Where a method returns false, the text is wrong or not of the plain kind, and
// encoding/json has to see to it.
type reader struct {
	text []byte
	at   int
}

// read parses text into v. When it returns false, encoding/json has to do it, into a new value.
func (s *shape) read(text []byte, v reflect.Value) bool {
	r := reader{text: text}
	r.space()
	if !s.readValue(&r, v) {
		return false
	}
	r.space()
	return r.at == len(text)
}

func (s *shape) readValue(r *reader, v reflect.Value) bool {
	if r.peek() == 'n' {
		if !r.word("null") {
			return false
		}
		if s.kind == reflect.Pointer {
			v.SetZero()
		}
		return true
	}
	switch s.kind {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(s.to.typ))
		}
		return s.to.readValue(r, v.Elem())
	case reflect.Struct:
		return s.readFields(r, v)
	case reflect.String:
		text, ok := r.string()
		if ok {
			v.SetString(string(text))
		}
		return ok
	case reflect.Bool:
		switch {
		case r.word("true"):
			v.SetBool(true)
		case r.word("false"):
			v.SetBool(false)
		default:
			return false
		}
		return true
	case reflect.Float64:
		f, ok := r.float()
		if ok {
			v.SetFloat(f)
		}
		return ok
	default:
		n, ok := r.integer()
		if !ok || v.OverflowInt(n) {
			return false
		}
		v.SetInt(n)
		return true
	}
}

func (s *shape) readFields(r *reader, v reflect.Value) bool {
	next := 0 // most texts have the fields in their order
	return r.members(func(name []byte) bool {
		for range s.fields {
			if next >= len(s.fields) {
				next = 0
			}
			f := &s.fields[next]
			next++
			if string(name) == f.name {
				return f.readValue(r, v.Field(f.index))
			}
		}
		for i := range s.fields { // encoding/json cares little for small and capital letters
			if strings.EqualFold(s.fields[i].name, string(name)) {
				return false
			}
		}
		return r.skip(0)
	})
}

// members reads an object; each reads what stands behind a name.
func (r *reader) members(each func(name []byte) bool) bool {
	if !r.take('{') {
		return false
	}
	r.space()
	if r.take('}') {
		return true
	}
	for {
		r.space()
		name, ok := r.string()
		if !ok {
			return false
		}
		r.space()
		if !r.take(':') {
			return false
		}
		r.space()
		if !each(name) {
			return false
		}
		r.space()
		if !r.take(',') {
			return r.take('}')
		}
	}
}

// skip passes over a value.
func (r *reader) skip(depth int) bool {
	if depth > maxSkipped {
		return false
	}
	switch c := r.peek(); c {
	case '{':
		return r.members(func([]byte) bool { return r.skip(depth + 1) })
	case '[':
		r.at++
		r.space()
		if r.take(']') {
			return true
		}
		for {
			r.space()
			if !r.skip(depth + 1) {
				return false
			}
			r.space()
			if !r.take(',') {
				return r.take(']')
			}
		}
	case '"':
		_, ok := r.string()
		return ok
	case 't':
		return r.word("true")
	case 'f':
		return r.word("false")
	case 'n':
		return r.word("null")
	default:
		_, ok := r.number()
		return ok
	}
}

// string reads a string of plain ASCII.
func (r *reader) string() ([]byte, bool) {
	if !r.take('"') {
		return nil, false
	}
	start := r.at
	for r.at < len(r.text) && plain[r.text[r.at]] {
		r.at++
	}
	end := r.at
	return r.text[start:end], r.take('"')
}

// number reads a number.
func (r *reader) number() ([]byte, bool) {
	start := r.at
	r.take('-')
	if !r.take('0') && !r.digits() {
		return nil, false
	}
	if r.take('.') && !r.digits() {
		return nil, false
	}
	if c := r.peek(); c == 'e' || c == 'E' {
		r.at++
		if !r.take('-') {
			r.take('+')
		}
		if !r.digits() {
			return nil, false
		}
	}
	return r.text[start:r.at], true
}

// safeDigits is how many digits fit into an int64, whatever they are.
const safeDigits = 18

func (r *reader) integer() (n int64, ok bool) {
	negative := r.take('-')
	start := r.at
	if !r.take('0') && !r.digits() {
		return 0, false
	}
	digits := r.text[start:r.at]
	if c := r.peek(); c == '.' || c == 'e' || c == 'E' || len(digits) > safeDigits {
		return 0, false
	}
	for _, c := range digits {
		n = n*10 + int64(c-'0')
	}
	if negative {
		n = -n
	}
	return n, true
}

func (r *reader) float() (float64, bool) {
	text, ok := r.number()
	if !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(text), 64)
	return f, err == nil
}

// digits passes over digits and reports whether there were any.
func (r *reader) digits() bool {
	start := r.at
	for r.at < len(r.text) && '0' <= r.text[r.at] && r.text[r.at] <= '9' {
		r.at++
	}
	return r.at > start
}

// peek returns the next byte, 0 at the end.
func (r *reader) peek() byte {
	if r.at < len(r.text) {
		return r.text[r.at]
	}
	return 0
}

func (r *reader) take(c byte) bool {
	if r.at < len(r.text) && r.text[r.at] == c {
		r.at++
		return true
	}
	return false
}

func (r *reader) word(w string) bool {
	end := r.at + len(w)
	if end > len(r.text) || string(r.text[r.at:end]) != w {
		return false
	}
	r.at = end
	return true
}

func (r *reader) space() {
	for r.at < len(r.text) {
		switch r.text[r.at] {
		case ' ', '\t', '\r', '\n':
			r.at++
		default:
			return
		}
	}
}
