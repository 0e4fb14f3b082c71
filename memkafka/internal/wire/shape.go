package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

//go:generate go run gen_shapes.go

// shape is how a struct of the protocol lies in bytes.
type shape struct {
	bytes  int // of memory, about, without what fields refer to
	fields []field
}

// field is one of its fields.
type field struct {
	kind         kind
	size         int16 // of what isFixed and isFixeds have
	since, until int16 // versions
	tag          int16 // -1 for none
	of           *shape
}

type kind int8

const (
	isFixed    kind = iota // so many bytes
	isString               // may be null
	isBytes                // may be null
	isStruct               // one of them
	isNullable             // none of them, or one
	isFixeds               // the rest are arrays
	isStrings
	isStructs
)

// tagBytes is about how much memory a tagged field takes that nobody knows.
const tagBytes = 64

// Weigh tells about how much memory a request takes once it is read, without what it shares with its body. It is an
// ErrMalformed when the body does not hold what it says it does. A body may say that it holds as many elements as it has
// bytes, and tagged fields without end: package kmsg makes room for, and counts, what it is told.
func Weigh(key, version int16, body []byte) (bytes int, err error) {
	s := shapes[key]
	if s == nil {
		return 0, fmt.Errorf("%w: key %d is unknown", ErrMalformed, key)
	}
	w := walker{rest: body, version: version, flexible: Flexible(key, version)}
	w.weight = s.bytes
	w.shape(s)
	if w.bad {
		return 0, fmt.Errorf("%w: %s version %d does not hold what it says", ErrMalformed, kmsg.NameForKey(key), version)
	}
	return w.weight, nil
}

// walker passes over a body. Once it is bad it stays so, and finds nothing more.
type walker struct {
	rest     []byte
	version  int16
	flexible bool
	weight   int
	bad      bool
}

func (w *walker) shape(s *shape) {
	for i := range s.fields {
		if f := &s.fields[i]; f.tag < 0 && f.since <= w.version && w.version <= f.until {
			w.field(f)
		}
	}
	if w.flexible {
		w.tags(s)
	}
}

func (w *walker) field(f *field) {
	switch f.kind {
	case isFixed:
		w.skip(int(f.size))
	case isString:
		w.string()
	case isBytes:
		w.skip(max(w.length(), 0))
	case isStruct:
		w.shape(f.of)
	case isNullable:
		if present := w.rest; len(present) > 0 && int8(present[0]) >= 0 {
			w.skip(1)
			w.weight += f.of.bytes
			w.shape(f.of)
			return
		}
		w.skip(1)
	case isFixeds:
		n := max(w.length(), 0)
		w.weight += n * int(f.size)
		w.skip(n * int(f.size))
	case isStrings:
		n := w.length()
		w.weight += max(n, 0) * 16
		for i := 0; i < n && !w.bad; i++ {
			w.string()
		}
	case isStructs:
		n := w.length()
		w.weight += max(n, 0) * f.of.bytes
		for i := 0; i < n && !w.bad; i++ {
			w.shape(f.of)
		}
	}
}

// tags are the tagged fields at the end of a struct.
func (w *walker) tags(s *shape) {
	for n := w.uvarint(); n > 0 && !w.bad; n-- {
		tag, size := w.uvarint(), w.uvarint()
		value := w.rest
		w.skip(size)
		if w.bad {
			return
		}
		known := false
		for i := range s.fields {
			if f := &s.fields[i]; int(f.tag) == tag && f.since <= w.version && w.version <= f.until {
				inner := walker{rest: value[:size], version: w.version, flexible: true}
				inner.field(f)
				w.weight += inner.weight
				w.bad, known = inner.bad, true
			}
		}
		if !known {
			w.weight += tagBytes
		}
	}
}

func (w *walker) skip(n int) {
	if w.bad || n < 0 || n > len(w.rest) {
		w.bad = true
		return
	}
	w.rest = w.rest[n:]
}

func (w *walker) uvarint() int {
	v, rest, ok := uvarint(w.rest)
	if w.bad || !ok {
		w.bad = true
		return 0
	}
	w.rest = rest
	return int(v)
}

func (w *walker) string() {
	n := 0
	switch {
	case w.flexible:
		n = w.uvarint() - 1
	case len(w.rest) < 2:
		w.bad = true
	default:
		n = int(int16(binary.BigEndian.Uint16(w.rest)))
		w.skip(2)
	}
	n = max(n, 0)
	w.weight += n
	w.skip(n)
}

// length is that of an array, or of bytes: less than 0 is null. What there are not as many bytes for is bad.
func (w *walker) length() int {
	n := 0
	switch {
	case w.flexible:
		n = w.uvarint() - 1
	case len(w.rest) < 4:
		w.bad = true
	default:
		n = int(int32(binary.BigEndian.Uint32(w.rest)))
		w.skip(4)
	}
	if w.bad || n > len(w.rest) {
		w.bad = true
		return 0
	}
	return n
}
