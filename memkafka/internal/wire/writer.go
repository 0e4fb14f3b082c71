package wire

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Body is the body of an answer.
type Body interface {
	Key() int16
	IsFlexible() bool
	// AppendTo appends the body to dst. Bodies that implement Parted are asked for that instead.
	AppendTo(dst []byte) []byte
}

// Parted is a body in which slices of others stand, which are written from where they are.
type Parted interface {
	WriteTo(w *Writer)
}

var _ Body = kmsg.Response(nil)

// Writer makes frames of answers. It may be used again and again, and the zero value is ready. It is not safe for
// concurrent use.
type Writer struct {
	// Own is what was written so far, without what Other put between. Bodies append to it.
	Own []byte

	cuts  []cut
	parts [][]byte
}

// cut says that other stands before Own[at].
type cut struct {
	at    int
	other []byte
}

// keptBytes is how large a buffer may be that a Writer keeps for the next frame: a connection at rest shall cost little.
const keptBytes = 16 << 10

// Frame makes the frame that answers the request with this correlation id, as slices that follow one another on the wire.
// They are valid until the next call; those of others must not change before they are written.
func (w *Writer) Frame(correlationID int32, body Body) [][]byte {
	w.reset()
	w.Own = append(w.Own, 0, 0, 0, 0)
	w.Own = binary.BigEndian.AppendUint32(w.Own, uint32(correlationID))
	if body.IsFlexible() && body.Key() != keyAPIVersions {
		w.Own = append(w.Own, 0) // no tagged fields
	}
	if p, ok := body.(Parted); ok {
		p.WriteTo(w)
	} else {
		w.Own = body.AppendTo(w.Own)
	}
	return w.frame()
}

// Opaque makes a frame without a header, as SASL tokens are exchanged after version 0 of SaslHandshake.
func (w *Writer) Opaque(token []byte) [][]byte {
	w.reset()
	w.Own = append(append(w.Own, 0, 0, 0, 0), token...)
	return w.frame()
}

// Bytes is all that was written, in one slice.
func (w *Writer) Bytes() []byte {
	var all []byte
	from := 0
	for _, c := range w.cuts {
		all = append(append(all, w.Own[from:c.at]...), c.other...)
		from = c.at
	}
	return append(all, w.Own[from:]...)
}

func (w *Writer) reset() {
	if cap(w.Own) > keptBytes {
		w.Own = nil
	}
	w.Own = w.Own[:0]
	clear(w.cuts)
	w.cuts = w.cuts[:0]
	clear(w.parts)
	w.parts = w.parts[:0]
}

func (w *Writer) frame() [][]byte {
	size, from := len(w.Own)-lengthBytes, 0
	for _, c := range w.cuts {
		if c.at > from {
			w.parts = append(w.parts, w.Own[from:c.at])
			from = c.at
		}
		w.parts = append(w.parts, c.other)
		size += len(c.other)
	}
	if from < len(w.Own) {
		w.parts = append(w.parts, w.Own[from:])
	}
	binary.BigEndian.PutUint32(w.Own, uint32(size))
	return w.parts
}

// Other appends a slice that is written from where it is.
func (w *Writer) Other(b []byte) {
	if len(b) > 0 {
		w.cuts = append(w.cuts, cut{len(w.Own), b})
	}
}
