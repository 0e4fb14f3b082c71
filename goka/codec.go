package goka

import (
	"bytes"
	"reflect"
)

// Codec turns values into bytes and back. One codec is used by many goroutines at the same time.
//
// Neither way has to copy: bytes may be part of the value, as those of codec.Bytes are. goka sees to it that what a program does to a
// value changes neither tables nor messages on their way, and the other way round.
type Codec interface {
	// Encode returns the bytes of a value. Nil bytes are sent as a tombstone, and are an empty value in a table. An error fails
	// the emit, or the callback.
	Encode(value interface{}) (data []byte, err error)
	// Decode returns the value that data encodes; it must not change data, the value may hold it. An error fails the message, or the
	// read.
	Decode(data []byte) (value interface{}, err error)
}

// ApartCodec is a Codec whose values share no memory with their bytes that a program could write to: those of encoding/json do not. goka
// spares it the copies that it makes for others of each row that is read, and of all that is sent. The codecs of package codec need not say so.
type ApartCodec interface {
	Codec
	Apart() // says it; it is never called
}

// apart returns a codec whose values share no memory with their bytes: c itself where it is known to be one. Rows and what is sent
// need that, since others see the same bytes. Messages that come in do not: their bytes belong to their callback alone.
func apart(c Codec) Codec {
	if _, ok := c.(ApartCodec); ok {
		return c
	}
	t := reflect.TypeOf(c)
	if t.Kind() == reflect.Pointer && t.Elem().PkgPath() == ownCodecs && t.Elem().Name() != "Bytes" {
		return c
	}
	return copyingCodec{c}
}

// ownCodecs is the package whose codecs copy, but for Bytes. A codec that embeds one of them is another type.
const ownCodecs = "github.com/gokasim/gokasim/goka/codec"

// copyingCodec is a codec with copies at both ends.
type copyingCodec struct{ Codec }

func (c copyingCodec) Encode(value interface{}) ([]byte, error) {
	data, err := c.Codec.Encode(value)
	return bytes.Clone(data), err
}

func (c copyingCodec) Decode(data []byte) (interface{}, error) {
	return c.Codec.Decode(bytes.Clone(data))
}
