package codec

import (
	"math"
	"reflect"
	"strconv"
	"sync"
)

// buffers are for texts in the making.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// write returns the JSON of v, or false where encoding/json has to do it.
func (s *shape) write(v reflect.Value) ([]byte, bool) {
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	b, ok := s.append((*buffer)[:0], v)
	*buffer = b
	if !ok {
		return nil, false
	}
	return append(make([]byte, 0, len(b)), b...), true
}

func (s *shape) append(b []byte, v reflect.Value) (_ []byte, ok bool) {
	switch s.kind {
	case reflect.Pointer:
		if v.IsNil() {
			return append(b, "null"...), true
		}
		return s.to.append(b, v.Elem())
	case reflect.Struct:
		return s.appendFields(b, v)
	case reflect.String:
		return appendText(b, v.String())
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool()), true
	case reflect.Float64:
		f := v.Float()
		if abs := math.Abs(f); abs != 0 && !(1e-6 <= abs && abs < 1e21) { // exponents, infinities, what is no number
			return b, false
		}
		return strconv.AppendFloat(b, f, 'f', -1, 64), true
	default:
		return strconv.AppendInt(b, v.Int(), 10), true
	}
}

func (s *shape) appendFields(b []byte, v reflect.Value) (_ []byte, ok bool) {
	b = append(b, '{')
	first := true
	for i := range s.fields {
		f := &s.fields[i]
		value := v.Field(f.index)
		if f.omitEmpty && f.kind != reflect.Struct && value.IsZero() {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, f.head...)
		if b, ok = f.append(b, value); !ok {
			return b, false
		}
	}
	return append(b, '}'), true
}

// appendText quotes text that needs no escapes.
func appendText(b []byte, text string) ([]byte, bool) {
	for i := range len(text) {
		if !plain[text[i]] || text[i] == '<' || text[i] == '>' || text[i] == '&' {
			return b, false
		}
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"'), true
}

// plain has the bytes of ASCII that stand for themselves between quotes.
var plain = func() (p [256]bool) {
	for c := byte(' '); c < 0x7f; c++ {
		p[c] = c != '"' && c != '\\'
	}
	return p
}()
