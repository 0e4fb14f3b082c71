package codec_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/gokasim/gokasim/goka/codec"
)

func TestProtoOfAType(t *testing.T) {
	c := new(codec.Proto[*structpb.Struct])
	in, err := structpb.NewStruct(map[string]any{"a": 1.0, "b": "text", "c": true})
	if err != nil {
		t.Fatal(err)
	}
	first, err := c.Encode(in)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if again, err := c.Encode(in); err != nil || string(again) != string(first) {
			t.Fatalf("other bytes of the same message, %v", err)
		}
	}
	out, err := c.Decode(first)
	if err != nil || !proto.Equal(out.(*structpb.Struct), in) {
		t.Errorf("decoded %v, %v", out, err)
	}
	var none *structpb.Struct
	for _, wrong := range []any{wrapperspb.String("x"), nil, none, "text"} {
		if _, err := c.Encode(wrong); err == nil || !strings.Contains(err.Error(), "*structpb.Struct") {
			t.Errorf("%T was encoded: %v", wrong, err)
		}
	}
	if _, err := c.Decode([]byte{0xff}); err == nil || !strings.Contains(err.Error(), "Proto: ") {
		t.Errorf("bytes of no message: %v", err)
	}
}
