package codec

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// shape is a type whose values JSON reads and writes by itself, several times as fast as encoding/json does: structs of
// numbers, strings, truth values, pointers to such and further structs. Whatever else there is, in types as in texts, is
// left to encoding/json, so that results and errors are always its own.
type shape struct {
	kind   reflect.Kind
	typ    reflect.Type
	to     *shape  // what a pointer points to
	fields []field // of a struct, in its order
}

// field is a field of a struct.
type field struct {
	index     int
	name      string
	head      string // the name as it is written, with what stands around it
	omitEmpty bool
	*shape
}

var shapes sync.Map // of *shape by reflect.Type, nil for those left to encoding/json

// shapeOf returns the shape of t, nil for types left to encoding/json.
func shapeOf(t reflect.Type) *shape {
	if s, known := shapes.Load(t); known {
		return s.(*shape)
	}
	s, _ := newShape(t, nil)
	known, _ := shapes.LoadOrStore(t, s)
	return known.(*shape)
}

var (
	marshalers = []reflect.Type{
		reflect.TypeFor[json.Marshaler](), reflect.TypeFor[json.Unmarshaler](),
		reflect.TypeFor[encoding.TextMarshaler](), reflect.TypeFor[encoding.TextUnmarshaler](),
	}
	jsonNumber = reflect.TypeFor[json.Number]()
)

// newShape takes t apart; within are the types around it.
func newShape(t reflect.Type, within []reflect.Type) (*shape, bool) {
	special := func(i reflect.Type) bool { return t.Implements(i) || reflect.PointerTo(t).Implements(i) }
	if t == jsonNumber || slices.Contains(within, t) || slices.ContainsFunc(marshalers, special) {
		return nil, false
	}
	s := &shape{kind: t.Kind(), typ: t}
	within = append(within, t)
	ok := true
	switch s.kind {
	case reflect.Bool, reflect.String, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
	case reflect.Pointer:
		s.to, ok = newShape(t.Elem(), within)
	case reflect.Struct:
		s.fields, ok = newFields(t, within)
	default:
		ok = false
	}
	if !ok {
		return nil, false
	}
	return s, true
}

func newFields(t reflect.Type, within []reflect.Type) ([]field, bool) {
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		switch {
		case f.Anonymous:
			return nil, false
		case !f.IsExported() || tag == "-":
			continue
		case options != "" && options != "omitempty":
			return nil, false
		case name == "":
			name = f.Name
		}
		same := func(other field) bool { return strings.EqualFold(other.name, name) }
		if !plainName(name) || slices.ContainsFunc(fields, same) {
			return nil, false
		}
		s, ok := newShape(f.Type, within)
		if !ok {
			return nil, false
		}
		fields = append(fields, field{index: i, name: name, head: `"` + name + `":`, omitEmpty: options != "", shape: s})
	}
	return fields, true
}

// plainName reports whether a name is written as it is.
func plainName(name string) bool {
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
		default:
			return false
		}
	}
	return name != ""
}
