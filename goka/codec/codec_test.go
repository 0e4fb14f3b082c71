package codec

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type coder interface {
	Encode(value interface{}) ([]byte, error)
	Decode(data []byte) (interface{}, error)
}

func TestK1_ValuesSurvive(t *testing.T) {
	for _, c := range []struct {
		codec coder
		value interface{}
		data  string
	}{
		{new(Bytes), []byte{0, 255}, "\x00\xff"},
		{new(String), "häuser", "häuser"},
		{new(String), "", ""},
		{new(Int64), int64(-42), "-42"},
		{new(Int64), int64(1) << 62, "4611686018427387904"},
	} {
		data, err := c.codec.Encode(c.value)
		if err != nil || string(data) != c.data {
			t.Errorf("%T encodes %v as %q, %v", c.codec, c.value, data, err)
		}
		got, err := c.codec.Decode(data)
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(c.value, got); diff != "" {
			t.Errorf("%T (-want +got):\n%s", c.codec, diff)
		}
	}
}

func TestK1_WrongValues(t *testing.T) {
	for _, c := range []struct {
		codec coder
		value interface{}
		err   string
	}{
		{new(Bytes), "s", "DefaultCodec: value to encode is not of type []byte"},
		{new(String), 1, "String: value to encode is not of type string but int"},
		{new(String), nil, "String: value to encode is not of type string but <nil>"},
		{new(Int64), 1, "Int64: value to encode is not of type int64 but int"},
		{new(Int64), int32(1), "not of type int64 but int32"},
	} {
		if _, err := c.codec.Encode(c.value); err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%T: got %v, want %q", c.codec, err, c.err)
		}
	}
}

func TestK1_NilDecodes(t *testing.T) {
	if v, err := new(String).Decode(nil); v != "" || err != nil {
		t.Errorf("String: %v, %v", v, err)
	}
	if v, err := new(Int64).Decode(nil); v != int64(0) || err == nil {
		t.Errorf("Int64: %v (%T), %v", v, v, err)
	}
}
