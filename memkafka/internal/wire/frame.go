package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
)

// ErrFrame reports a frame that no broker takes: its length is negative or above the limit.
var ErrFrame = errors.New("invalid frame length")

// lengthBytes is the size of the length before a frame.
const lengthBytes = 4

// trustedBytes is how much memory a frame's length alone is worth: for a larger one there has to be trust, or else it gets
// more only as its bytes arrive.
const trustedBytes = 256 << 10

// Trust is how much memory all connections together may get on the word of their clients. The zero value trusts nobody.
type Trust struct {
	left atomic.Int64
}

// NewTrust returns a trust of so many bytes.
func NewTrust(bytes int64) *Trust {
	t := &Trust{}
	t.left.Store(bytes)
	return t
}

// take reports whether n bytes more can be trusted with; they are to be given back.
func (t *Trust) take(n int) bool {
	if t.left.Add(-int64(n)) >= 0 {
		return true
	}
	t.give(n)
	return false
}

func (t *Trust) give(n int) { t.left.Add(int64(n)) }

// ReadFrame reads one frame and returns it without its length. The slice is the caller's own. At the end of the input
// before a frame begins the error is io.EOF, within a frame io.ErrUnexpectedEOF, and ErrFrame when the frame is longer
// than limit.
func ReadFrame(r io.Reader, limit int, trust *Trust) ([]byte, error) {
	var length [lengthBytes]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	n := int(int32(binary.BigEndian.Uint32(length[:])))
	if n < 0 || n > limit {
		return nil, fmt.Errorf("%w: %d bytes, and socket.request.max.bytes allows 0 to %d", ErrFrame, n, limit)
	}
	if n > trustedBytes {
		if !trust.take(n) {
			return readGrowing(r, n)
		}
		defer trust.give(n)
	}
	frame := make([]byte, n)
	_, err := io.ReadFull(r, frame)
	return frame, within(err)
}

// readGrowing reads n bytes into memory that grows with them.
func readGrowing(r io.Reader, n int) ([]byte, error) {
	frame := make([]byte, trustedBytes)
	for read := 0; ; {
		m, err := io.ReadFull(r, frame[read:])
		if err != nil {
			return nil, within(err)
		}
		if read += m; read == n {
			return frame, nil
		}
		grown := make([]byte, min(n, 4*read))
		copy(grown, frame)
		frame = grown
	}
}

// within is an error met within a frame, where an end is none.
func within(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
