package main

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/segmentio/encoding/json"

	"github.com/gokasim/gokasim/goka"
)

// jsonCodec is the codec of topics whose values are *T in Go and JSON objects in Kafka. The library reads and writes what encoding/json
// does, in a third of the time; fields have to have exactly the names of T's tags.
type jsonCodec[T any] struct{}

var _ goka.ApartCodec = jsonCodec[flight]{}

// Encode returns the JSON of value, which has to be a *T.
func (jsonCodec[T]) Encode(value any) ([]byte, error) {
	v, ok := value.(*T)
	if !ok {
		return nil, fmt.Errorf("value is a %T, this topic takes a %T", value, v)
	}
	return json.Marshal(v)
}

// Decode returns a new *T, whose strings are parts of data: nobody writes to what goka hands to a codec.
func (jsonCodec[T]) Decode(data []byte) (any, error) {
	v := new(T)
	rest, err := json.Parse(data, v, json.DontCopyString|json.DontMatchCaseInsensitiveStructFields)
	if err != nil {
		return nil, fmt.Errorf("not the JSON of a %T: %w", v, err)
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("not the JSON of a %T alone: %q comes after it", v, rest)
	}
	return v, nil
}

// Apart says that goka needs no copies of bytes: values have only strings of them.
func (jsonCodec[T]) Apart() {}

// tableCodec is a jsonCodec for tables of which the same few rows are looked up again and again: it decodes a row once for as
// long as its bytes stay the same. Of many rows that take turns, as planes do, one is decoded sooner than found. Whoever gets a value
// shares it with others and must not change it.
type tableCodec[T any] struct {
	jsonCodec[T]

	mu      sync.RWMutex // guards decoded
	decoded map[string]*T
}

// maxDecoded bounds what a tableCodec keeps; it begins anew when it is full.
const maxDecoded = 10_000

// Decode returns a *T, the same one for the same bytes.
func (c *tableCodec[T]) Decode(data []byte) (any, error) {
	c.mu.RLock()
	v := c.decoded[string(data)]
	c.mu.RUnlock()
	if v != nil {
		return v, nil
	}
	decoded, err := c.jsonCodec.Decode(bytes.Clone(data)) // which it keeps parts of
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.decoded == nil || len(c.decoded) == maxDecoded {
		c.decoded = map[string]*T{}
	}
	c.decoded[string(data)] = decoded.(*T)
	return decoded, nil
}
