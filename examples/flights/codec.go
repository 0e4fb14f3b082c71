package main

import (
	"encoding/json"
	"fmt"
)

// jsonCodec is the codec of topics whose values are *T in Go and JSON objects in Kafka.
type jsonCodec[T any] struct{}

// Encode returns the JSON of value, which has to be a *T.
func (jsonCodec[T]) Encode(value any) ([]byte, error) {
	v, ok := value.(*T)
	if !ok {
		return nil, fmt.Errorf("value is a %T, this topic takes a %T", value, v)
	}
	return json.Marshal(v)
}

// Decode returns a new *T.
func (jsonCodec[T]) Decode(data []byte) (any, error) {
	v := new(T)
	if err := json.Unmarshal(data, v); err != nil {
		return nil, fmt.Errorf("not the JSON of a %T: %w", v, err)
	}
	return v, nil
}
