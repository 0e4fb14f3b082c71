package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// ErrMalformed reports a request that does not say what its key and version promise.
var ErrMalformed = errors.New("malformed request")

// Header is what stands before the body of every request.
type Header struct {
	Key, Version  int16
	CorrelationID int32  // goes back with the answer
	ClientID      string // empty when there is none
}

// keyAPIVersions is the one request whose answer has the oldest header in every version: a client asks it to learn which
// headers the broker knows.
const keyAPIVersions = 18

// ParseHeader takes a frame apart into its header and its body, which is a part of the frame. Keys that nobody knows are
// taken to have the header that all requests had before KIP-482.
func ParseHeader(frame []byte) (h Header, body []byte, err error) {
	const fixed = 10 // key, version, correlation id, length of the client id
	if len(frame) < fixed {
		return h, nil, fmt.Errorf("%w: %d bytes hold no request header", ErrMalformed, len(frame))
	}
	h.Key = int16(binary.BigEndian.Uint16(frame))
	h.Version = int16(binary.BigEndian.Uint16(frame[2:]))
	h.CorrelationID = int32(binary.BigEndian.Uint32(frame[4:]))
	n := int(int16(binary.BigEndian.Uint16(frame[8:])))
	body = frame[fixed:]
	if n > len(body) {
		return h, nil, fmt.Errorf("%w: client id of %d bytes in a frame with %d more", ErrMalformed, n, len(body))
	}
	if n > 0 {
		h.ClientID, body = string(body[:n]), body[n:]
	}
	if Flexible(h.Key, h.Version) {
		if body, err = skipTags(body); err != nil {
			return h, nil, err
		}
	}
	return h, body, nil
}

// Flexible reports whether messages of this key and version carry tagged fields (KIP-482).
func Flexible(key, version int16) bool {
	return key >= 0 && int(key) < len(flexibleFrom) && version >= flexibleFrom[key]
}

// flexibleFrom is the first flexible version of each key.
var flexibleFrom = func() (from [kmsg.MaxKey + 1]int16) {
	for key := range from {
		const never = 1<<15 - 1
		from[key] = never
		r := kmsg.RequestForKey(int16(key))
		if r == nil {
			continue
		}
		for v := int16(0); v <= r.MaxVersion(); v++ {
			if r.SetVersion(v); r.IsFlexible() {
				from[key] = v
				break
			}
		}
	}
	return from
}()

// skipTags passes over the tagged fields of a header, of which Kafka has defined none that a broker needs.
func skipTags(b []byte) (rest []byte, err error) {
	count, b, ok := uvarint(b)
	for ; ok && count > 0; count-- {
		var size uint32
		if _, b, ok = uvarint(b); !ok {
			break
		}
		if size, b, ok = uvarint(b); !ok || uint64(size) > uint64(len(b)) {
			ok = false
			break
		}
		b = b[size:]
	}
	if !ok {
		return nil, fmt.Errorf("%w: tagged fields of the header are cut off", ErrMalformed)
	}
	return b, nil
}

func uvarint(b []byte) (v uint32, rest []byte, ok bool) {
	x, n := binary.Uvarint(b)
	if n <= 0 || x > 1<<32-1 {
		return 0, b, false
	}
	return uint32(x), b[n:], true
}
