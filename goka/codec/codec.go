// Package codec has codecs of bytes, strings and integers, and of any type as JSON or Protocol Buffers. An encoder that is given a
// value of another type, or nil, returns an error. The zero values are ready, for any number of goroutines:
//
//	goka.Input("clicks", new(codec.String), callback)
//
// A codec of one's own is any type with these two methods, see goka.Codec. Tombstones are not its business: goka passes them over,
// unless WithNilHandling says otherwise.
package codec

import (
	"fmt"
	"strconv"
)

// Bytes passes []byte on as they are: where they have to be copied, goka does so.
type Bytes struct{}

// Encode returns value itself, which has to be a []byte.
func (*Bytes) Encode(value interface{}) ([]byte, error) {
	b, ok := value.([]byte)
	if !ok {
		return nil, fmt.Errorf("DefaultCodec: value to encode is not of type []byte but %T", value)
	}
	return b, nil
}

// Decode returns data itself, nil too.
func (*Bytes) Decode(data []byte) (interface{}, error) { return data, nil }

// String codes strings as their bytes.
type String struct{}

// Encode returns the bytes of value, which has to be a string.
func (*String) Encode(value interface{}) ([]byte, error) {
	s, ok := value.(string)
	if !ok {
		return nil, fmt.Errorf("String: value to encode is not of type string but %T", value)
	}
	return []byte(s), nil
}

// Decode returns data as a string; nil is the empty one.
func (*String) Decode(data []byte) (interface{}, error) { return string(data), nil }

// Int64 codes an int64 as decimal text, as "-12". An int is another type: convert it.
type Int64 struct{}

// Encode returns the decimal text of value, which has to be an int64.
func (*Int64) Encode(value interface{}) ([]byte, error) {
	i, ok := value.(int64)
	if !ok {
		return nil, fmt.Errorf("Int64: value to encode is not of type int64 but %T", value)
	}
	return strconv.AppendInt(nil, i, 10), nil
}

// Decode parses decimal text. With an error, as for no data at all, it returns an int64 of 0.
func (*Int64) Decode(data []byte) (interface{}, error) {
	i, err := strconv.ParseInt(string(data), 10, 64)
	if err != nil {
		return int64(0), fmt.Errorf("Int64: %w", err)
	}
	return i, nil
}
