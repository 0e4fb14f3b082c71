package codec_test

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/types/known/wrapperspb"

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

// csv is a codec of one's own: any type with these two methods.
type csv struct{}

func (csv) Encode(value any) ([]byte, error) {
	fields, ok := value.([]string)
	if !ok {
		return nil, fmt.Errorf("csv: %T is not []string", value)
	}
	return []byte(strings.Join(fields, ",")), nil
}

func (csv) Decode(data []byte) (any, error) { return strings.Split(string(data), ","), nil }

func Example() {
	data, err := csv{}.Encode([]string{"tea", "300"})
	fmt.Println(string(data), err)
	fields, err := csv{}.Decode(data)
	fmt.Println(len(fields.([]string)), err)
	_, err = csv{}.Encode("tea")
	fmt.Println(err)
	// Output:
	// tea,300 <nil>
	// 2 <nil>
	// csv: string is not []string
}

func ExampleProto() {
	c := new(codec.Proto[*wrapperspb.StringValue])
	data, err := c.Encode(wrapperspb.String("tea"))
	fmt.Println(len(data), err)
	value, err := c.Decode(data)
	fmt.Println(value.(*wrapperspb.StringValue).GetValue(), err)
	// Output:
	// 5 <nil>
	// tea <nil>
}
