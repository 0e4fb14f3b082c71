package main

import (
	"sync"

	"github.com/gokasim/gokasim/goka/codec"
)

// tableCodec is the codec of tables of *T in JSON that are looked up far more often than they change: it decodes a row once for as
// long as its bytes stay the same. Whoever gets a value shares it with others and must not change it.
type tableCodec[T any] struct {
	codec.JSON[*T]

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
	decoded, err := c.JSON.Decode(data)
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
