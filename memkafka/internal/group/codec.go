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

// The flexible versions write lengths as unsigned varints of n+1, with 0 for null, and end each structure with tagged
// fields (KIP-482).

func (w *writer) uvarint(v uint64) { w.b = binary.AppendUvarint(w.b, v) }
func (w *writer) int8(v int8)      { w.b = append(w.b, byte(v)) }
func (w *writer) id(v TopicID)     { w.b = append(w.b, v[:]...) }
func (w *writer) compactLen(n int) { w.uvarint(uint64(n) + 1) }

func (w *writer) compact(v string) {
	w.compactLen(len(v))
	w.b = append(w.b, v...)
}

// compactNullable writes the empty string as null.
func (w *writer) compactNullable(v string) {
	if v == "" {
		w.uvarint(0)
		return
	}
	w.compact(v)
}

func (w *writer) compactStrings(list []string) {
	w.compactLen(len(list))
	for _, v := range list {
		w.compact(v)
	}
}

func (w *writer) compactBytes(v []byte) {
	w.compactLen(len(v))
	w.b = append(w.b, v...)
}

// tags writes tagged fields, which must come in the order of their numbers.
func (w *writer) tags(fields ...tagged) {
	w.uvarint(uint64(len(fields)))
	for _, f := range fields {
		w.uvarint(f.tag)
		w.uvarint(uint64(len(f.value)))
		w.b = append(w.b, f.value...)
	}
}

// tagged is one tagged field.
type tagged struct {
	tag   uint64
	value []byte
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

func (r *reader) int8() int8 {
	if v := r.take(1); r.err == nil {
		return int8(v[0])
	}
	return 0
}

func (r *reader) id() TopicID {
	var id TopicID
	copy(id[:], r.take(len(id)))
	return id
}

func (r *reader) uvarint() uint64 {
	if r.err != nil {
		return 0
	}
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.err = fmt.Errorf("%w: in the middle of a number", errShort)
		return 0
	}
	r.b = r.b[n:]
	return v
}

// compactLen reads a length, null as 0, and refuses one that the rest of the value cannot hold.
func (r *reader) compactLen() int {
	n := r.uvarint()
	if n > uint64(len(r.b))+1 {
		r.err = fmt.Errorf("%w: a length of %d in %d bytes", errShort, n-1, len(r.b))
	}
	if r.err != nil || n == 0 {
		return 0
	}
	return int(n - 1)
}

func (r *reader) compact() string { return string(r.take(r.compactLen())) }

func (r *reader) compactStrings() []string {
	list := make([]string, r.compactLen())
	for i := range list {
		list[i] = r.compact()
	}
	return list
}

// tags hands out the tagged fields; those that read passes over are skipped.
func (r *reader) tags(read func(tag uint64, value *reader)) {
	for range r.uvarint() {
		tag := r.uvarint()
		n := r.uvarint()
		if n > uint64(len(r.b)) {
			r.err = fmt.Errorf("%w: a field of %d bytes in %d", errShort, n, len(r.b))
		}
		value := reader{b: r.take(int(n))}
		if r.err != nil {
			return
		}
		read(tag, &value)
		if value.err != nil {
			r.err = value.err
			return
		}
	}
}

func noTags(uint64, *reader) {}
