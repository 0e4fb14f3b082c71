package codec

import (
	"encoding/json"
	"fmt"
)

// JSON codes values of type T as JSON, by encoding/json and so by its tags. Decode returns a T; with a pointer as T it returns a pointer.
type JSON[T any] struct{}

// Encode returns the JSON of value, which has to be a T or a *T.
func (*JSON[T]) Encode(value interface{}) ([]byte, error) {
	switch v := value.(type) {
	case T:
		return marshal(v)
	case *T:
		if v != nil {
			return marshal(*v)
		}
	}
	return nil, fmt.Errorf("JSON: value to encode is not of type %T but %T", *new(T), value)
}

func marshal(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("JSON: %w", err)
	}
	return data, nil
}

// Decode parses data into a new T. Fields that T does not have are passed over. No data at all is an error.
func (*JSON[T]) Decode(data []byte) (interface{}, error) {
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		return v, fmt.Errorf("JSON: %w", err)
	}
	return v, nil
}
