package codec

import (
	"fmt"

	"google.golang.org/protobuf/proto"
)

// Proto codes messages of type T, a pointer to a generated struct, in the binary format of Protocol Buffers. The same
// message always gives the same bytes. Decode returns a T, of no data the message without fields.
type Proto[T proto.Message] struct{}

// Encode returns the bytes of value, which has to be a T and not nil.
func (*Proto[T]) Encode(value interface{}) ([]byte, error) {
	m, ok := value.(T)
	if !ok || !m.ProtoReflect().IsValid() {
		return nil, fmt.Errorf("Proto: value to encode is not of type %T but %T, or nil", *new(T), value)
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("Proto: %w", err)
	}
	return data, nil
}

// Decode parses data into a new T.
func (*Proto[T]) Decode(data []byte) (interface{}, error) {
	var none T
	m, _ := none.ProtoReflect().Type().New().Interface().(T)
	if err := proto.Unmarshal(data, m); err != nil {
		return none, fmt.Errorf("Proto: %w", err)
	}
	return m, nil
}
