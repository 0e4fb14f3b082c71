package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrFrame reports a frame that no broker takes: its length is negative or above the limit.
var ErrFrame = errors.New("invalid frame length")

// lengthBytes is the size of the length before a frame.
const lengthBytes = 4

// trustedBytes is how much memory a frame's length alone is worth: a larger frame gets more only as its bytes arrive.
const trustedBytes = 1 << 20

// ReadFrame reads one frame and returns it without its length. The slice is the caller's own. At the end of the input
// before a frame begins the error is io.EOF, within a frame io.ErrUnexpectedEOF, and ErrFrame when the frame is longer
// than limit.
func ReadFrame(r io.Reader, limit int) ([]byte, error) {
	var length [lengthBytes]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	n := int(int32(binary.BigEndian.Uint32(length[:])))
	if n < 0 || n > limit {
		return nil, fmt.Errorf("%w: %d bytes, and socket.request.max.bytes allows 0 to %d", ErrFrame, n, limit)
	}
	frame := make([]byte, min(n, trustedBytes))
	for read := 0; ; {
		m, err := io.ReadFull(r, frame[read:])
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		read += m
		if read == n {
			return frame, nil
		}
		grown := make([]byte, min(n, 4*read))
		copy(grown, frame)
		frame = grown
	}
}
