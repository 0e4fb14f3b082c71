package goka

// Codec turns values into bytes and back. One codec is used by many goroutines at the same time.
type Codec interface {
	// Encode returns the bytes of a value. Nil bytes are sent as a tombstone, and are an empty value in a table. An error fails
	// the emit, or the callback.
	Encode(value interface{}) (data []byte, err error)
	// Decode returns the value that data encodes; it must not change data. An error fails the message, or the read.
	Decode(data []byte) (value interface{}, err error)
}
