package goka

// Codec turns values into bytes and back. One codec is used by many goroutines at the same time.
type Codec interface {
	Encode(value interface{}) (data []byte, err error)
	Decode(data []byte) (value interface{}, err error)
}
