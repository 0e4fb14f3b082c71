package api

import (
	"encoding/binary"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// A request may say that it holds as many elements as it has bytes, and an element takes up to some hundred bytes of memory
// before it is looked at. Kafka has no bound but socket.request.max.bytes; here a few hostile clients shall not take all
// memory, so that requests without records have a bound of their own, large ones are read one at a time, and those with
// records are counted before they are read.
const (
	maxPlainRequest  = 4 << 20   // bytes of a request without records
	maxGroupRequest  = 32 << 20  // bytes of one with the metadata, or assignments, of members
	maxProduceParts  = 100_000   // partitions in a Produce
	largeRequest     = 256 << 10 // bytes of a request that is read while no other large one is
	flexibleProduces = 9
	idProduces       = 13
)

// read makes a request of its body.
func (d *Door) read(key, version int16, body []byte) (kmsg.Request, error) {
	switch key {
	case produce.key:
		if err := countParts(version, body); err != nil {
			return nil, err
		}
	case joinGroup.key, syncGroup.key:
		if len(body) > maxGroupRequest {
			return nil, tooLong(key, len(body), maxGroupRequest)
		}
	default:
		if len(body) > maxPlainRequest {
			return nil, tooLong(key, len(body), maxPlainRequest)
		}
	}
	if key != produce.key && len(body) > largeRequest {
		d.readingLarge.Lock()
		defer d.readingLarge.Unlock()
	}
	request := kmsg.RequestForKey(key)
	request.SetVersion(version)
	if err := request.ReadFrom(body); err != nil {
		return nil, fmt.Errorf("%w: %s version %d: %w", wire.ErrMalformed, kmsg.NameForKey(key), version, err)
	}
	return request, nil
}

func tooLong(key int16, bytes, most int) error {
	return fmt.Errorf("%w: %s of %d bytes, and %d are taken", ErrRefused, kmsg.NameForKey(key), bytes, most)
}

// countParts finds out whether a Produce holds the partitions that it says, and not too many.
func countParts(version int16, body []byte) error {
	s := scanner{rest: body, flexible: version >= flexibleProduces}
	s.string()    // transactional id
	s.skip(2 + 4) // acks, time-out
	topics := s.length()
	parts := 0
	for range topics {
		if version >= idProduces {
			s.skip(16)
		} else {
			s.string()
		}
		n := s.length()
		if parts += max(n, 0); parts > maxProduceParts {
			return fmt.Errorf("%w: Produce with more than %d partitions", ErrRefused, maxProduceParts)
		}
		for range n {
			s.skip(4)
			s.bytes()
			s.tags()
		}
		s.tags()
		if s.bad {
			break
		}
	}
	if s.bad {
		return fmt.Errorf("%w: Produce version %d is cut off", wire.ErrMalformed, version)
	}
	return nil
}

// scanner passes over the fields of a request. Once it is bad it stays so, and finds nothing more.
type scanner struct {
	rest     []byte
	flexible bool
	bad      bool
}

func (s *scanner) skip(n int) {
	if s.bad || n < 0 || n > len(s.rest) {
		s.bad = true
		return
	}
	s.rest = s.rest[n:]
}

func (s *scanner) uvarint() int {
	v, n := binary.Uvarint(s.rest)
	if s.bad || n <= 0 || v > 1<<32-1 {
		s.bad = true
		return 0
	}
	s.rest = s.rest[n:]
	return int(v)
}

func (s *scanner) fixed(n int) int {
	b := s.rest
	if s.skip(n); s.bad {
		return 0
	}
	if n == 2 {
		return int(int16(binary.BigEndian.Uint16(b)))
	}
	return int(int32(binary.BigEndian.Uint32(b)))
}

// length is that of an array, or of bytes; null is less than 0. One that cannot be is bad.
func (s *scanner) length() int {
	var n int
	if s.flexible {
		n = s.uvarint() - 1
	} else {
		n = s.fixed(4)
	}
	if s.bad || n > len(s.rest) {
		s.bad = true
		return 0
	}
	return n
}

func (s *scanner) bytes() { s.skip(max(s.length(), 0)) }

func (s *scanner) string() {
	if s.flexible {
		s.skip(max(s.length(), 0))
		return
	}
	s.skip(max(s.fixed(2), 0))
}

func (s *scanner) tags() {
	if !s.flexible {
		return
	}
	for range s.uvarint() {
		if s.bad {
			return
		}
		s.uvarint()
		s.skip(s.uvarint())
	}
}
