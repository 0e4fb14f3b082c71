package codec

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

type user struct {
	Name   string `json:"name"`
	Clicks int    `json:"clicks,omitempty"`
}

func TestJSONOfAType(t *testing.T) {
	c := new(JSON[user])
	for _, value := range []interface{}{user{"anna", 2}, &user{"anna", 2}} {
		data, err := c.Encode(value)
		if err != nil || string(data) != `{"name":"anna","clicks":2}` {
			t.Errorf("%T encodes as %s, %v", value, data, err)
		}
		got, err := c.Decode(data)
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(user{"anna", 2}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	for _, value := range []interface{}{nil, "anna", (*user)(nil), map[string]int{}} {
		if data, err := c.Encode(value); err == nil {
			t.Errorf("%T encodes as %s", value, data)
		}
	}
	for _, data := range []string{"", "{", `{"name":1}`} {
		if v, err := c.Decode([]byte(data)); err == nil {
			t.Errorf("%q decodes as %v", data, v)
		}
	}
	if _, err := new(JSON[func()]).Encode(func() {}); err == nil {
		t.Error("a function has become JSON")
	}
}
