package group

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// writer builds values in Kafka's primitive types, before the flexible versions.
type writer struct{ b []byte }

func (w *writer) int16(v int16) { w.b = binary.BigEndian.AppendUint16(w.b, uint16(v)) }
func (w *writer) int32(v int32) { w.b = binary.BigEndian.AppendUint32(w.b, uint32(v)) }
func (w *writer) int64(v int64) { w.b = binary.BigEndian.AppendUint64(w.b, uint64(v)) }

func (w *writer) string(v string) {
	w.int16(int16(len(v)))
	w.b = append(w.b, v...)
}

// nullable writes the empty string as null.
func (w *writer) nullable(v string) {
	if v == "" {
		w.int16(-1)
		return
	}
	w.string(v)
}

func (w *writer) bytes(v []byte) {
	w.int32(int32(len(v)))
	w.b = append(w.b, v...)
}

// errShort reports a value that ends too early.
var errShort = errors.New("value ends too early")

// reader takes values apart. After the first error it returns zeros, and err tells.
type reader struct {
	b   []byte
	err error
}

func (r *reader) take(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > len(r.b) {
		r.err = fmt.Errorf("%w: %d bytes wanted, %d left", errShort, n, len(r.b))
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) int16() int16 {
	if v := r.take(2); r.err == nil {
		return int16(binary.BigEndian.Uint16(v))
	}
	return 0
}

func (r *reader) int32() int32 {
	if v := r.take(4); r.err == nil {
		return int32(binary.BigEndian.Uint32(v))
	}
	return 0
}

func (r *reader) int64() int64 {
	if v := r.take(8); r.err == nil {
		return int64(binary.BigEndian.Uint64(v))
	}
	return 0
}

// string reads null as the empty string.
func (r *reader) string() string {
	n := r.int16()
	if n == -1 {
		return ""
	}
	return string(r.take(int(n)))
}

// bytes reads null as nil.
func (r *reader) bytes() []byte {
	n := r.int32()
	if n == -1 {
		return nil
	}
	return r.take(int(n))
}

// count reads an array's length, and refuses one that the rest of the value cannot hold.
func (r *reader) count() int {
	n := int(r.int32())
	if r.err == nil && (n < -1 || n > len(r.b)) {
		r.err = fmt.Errorf("%w: an array of %d elements in %d bytes", errShort, n, len(r.b))
	}
	if r.err != nil {
		return 0
	}
	return max(n, 0)
}
