package codec

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// JSON codes values of type T as JSON. Decode returns a T. Texts and errors are those of encoding/json; structs of numbers, strings,
// truth values, pointers and further structs take a fraction of its time.
type JSON[T any] struct{}

// Encode returns the JSON of value, which has to be a T or a *T.
func (*JSON[T]) Encode(value interface{}) ([]byte, error) {
	switch v := value.(type) {
	case T:
		return marshal[T](reflect.ValueOf(value), value)
	case *T:
		if v != nil {
			return marshal[T](reflect.ValueOf(v).Elem(), v)
		}
	}
	return nil, fmt.Errorf("JSON: value to encode is not of type %T but %T", *new(T), value)
}

// marshal returns the JSON of v, which is what value is or points to.
func marshal[T any](v reflect.Value, value any) ([]byte, error) {
	if s := shapeOf(reflect.TypeFor[T]()); s != nil {
		if data, ok := s.write(v); ok {
			return data, nil
		}
	}
	data, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("JSON: %w", err)
	}
	return data, nil
}

// Decode parses data into a T.
func (*JSON[T]) Decode(data []byte) (interface{}, error) {
	if s := shapeOf(reflect.TypeFor[T]()); s != nil {
		if v, ok := s.decode(data); ok {
			return v, nil
		}
	}
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		return v, fmt.Errorf("JSON: %w", err)
	}
	return v, nil
}

// decode parses data into a value of s.
func (s *shape) decode(data []byte) (any, bool) {
	if s.kind == reflect.Pointer && len(data) > 0 && data[0] == '{' {
		v := reflect.New(s.to.typ)
		return v.Interface(), s.to.read(data, v.Elem())
	}
	v := reflect.New(s.typ).Elem()
	ok := s.read(data, v)
	return v.Interface(), ok
}
