package codec_test

import (
	"fmt"

	"github.com/gokasim/gokasim/goka/codec"
)

type order struct {
	Item  string
	Cents int64
}

// A codec of values of one's own: with a pointer as its type, it decodes to pointers.
func ExampleJSON() {
	c := new(codec.JSON[order])
	data, err := c.Encode(order{"tea", 300})
	fmt.Println(string(data), err)
	value, err := c.Decode(data)
	fmt.Println(value.(order).Cents, err)
	_, err = c.Encode("tea")
	fmt.Println(err)
	// Output:
	// {"Item":"tea","Cents":300} <nil>
	// 300 <nil>
	// JSON: value to encode is not of type codec_test.order but string
}

func ExampleInt64() {
	data, err := new(codec.Int64).Encode(int64(-12))
	fmt.Printf("%s %v\n", data, err)
	// Output: -12 <nil>
}
