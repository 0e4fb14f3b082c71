package batch

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"

	"github.com/gokasim/gokasim/internal/kafka"
)

// checkStream is checkPlain for records that are too many to be held at once.
func (b *Batch) checkStream(r io.Reader) (largest kafka.Millis, err error) {
	limited := io.LimitReader(r, maxPlainBytes+1)
	s := stream{in: bufio.NewReaderSize(limited, 64<<10)}
	c := b.checks()
	for i := range b.count {
		o, ok := s.scan()
		if s.err != nil {
			return 0, undecodable(s.err)
		}
		if s.read > maxPlainBytes {
			return 0, undecodable(errTooMuch)
		}
		if !ok {
			return 0, within("record %d of %d is malformed", i, b.count)
		}
		if err := c.take(i, &o); err != nil {
			return 0, err
		}
	}
	if _, err := s.in.ReadByte(); !errors.Is(err, io.EOF) {
		return 0, within("bytes follow the last of %d records", b.count)
	}
	return b.checked(&c), nil
}

// stream reads records without trusting a byte of them, and keeps none.
type stream struct {
	in   *bufio.Reader
	read int64 // bytes
	err  error // of the input, other than its end
}

// ReadByte is for binary.ReadVarint.
func (s *stream) ReadByte() (byte, error) {
	c, err := s.in.ReadByte()
	if err == nil {
		s.read++
	}
	return c, s.note(err)
}

func (s *stream) note(err error) error {
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return err
}

// scan reads one record, as the function of that name does.
func (s *stream) scan() (o outline, ok bool) {
	size, err := binary.ReadVarint(s)
	if err != nil || size < 1 {
		return o, false
	}
	r := bounded{s, s.read + size}
	if _, err := s.ReadByte(); err != nil { // attributes
		return o, false
	}
	var n int64
	if o.timeDelta, ok = r.varint(); !ok {
		return o, false
	}
	if o.offsetDelta, ok = r.varint(); !ok {
		return o, false
	}
	if n, ok = r.skip(); !ok {
		return o, false
	}
	o.nullKey = n < 0
	if _, ok = r.skip(); !ok {
		return o, false
	}
	headers, ok := r.varint()
	if !ok || headers < 0 || headers > (r.end-s.read)/2 {
		return o, false
	}
	o.headers = int32(headers)
	for range headers {
		if n, ok = r.skip(); !ok || n < 0 {
			return o, false
		}
		if _, ok = r.skip(); !ok {
			return o, false
		}
	}
	return o, s.read == r.end
}

// bounded is the part of a stream that is one record.
type bounded struct {
	s   *stream
	end int64
}

func (r bounded) varint() (int64, bool) {
	v, err := binary.ReadVarint(r.s)
	return v, err == nil && r.s.read <= r.end
}

// skip passes bytes that stand after their length, none if that is negative: null.
func (r bounded) skip() (n int64, ok bool) {
	if n, ok = r.varint(); !ok || n > r.end-r.s.read {
		return n, false
	}
	for left := max(n, 0); left > 0; {
		m, err := r.s.in.Discard(int(min(left, 1<<20)))
		r.s.read += int64(m)
		left -= int64(m)
		if r.s.note(err) != nil {
			return n, false
		}
	}
	return n, true
}
