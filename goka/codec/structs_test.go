package codec

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// trip has a field of every kind that JSON reads and writes by itself.
type trip struct {
	Carrier  string `json:"carrier"`
	Number   int    `json:"number,omitempty"`
	Delay    *int64 `json:"delay"`
	Note     string
	Late     bool     `json:"late"`
	Distance float64  `json:"distance,omitempty"`
	Gates    int8     `json:"gates"`
	Weather  *wind    `json:"weather,omitempty"`
	Plane    wind     `json:"plane,omitempty"`
	Twice    **string `json:"twice"`
	hidden   int
	Skipped  int `json:"-"`
}

type wind struct {
	Speed *float64 `json:"speed"`
	From  string   `json:"from,omitempty"`
}

// check compares what JSON makes of a text with what encoding/json does.
func check[T any](t *testing.T, text []byte) {
	t.Helper()
	var want T
	wantErr := json.Unmarshal(text, &want)
	got, err := new(JSON[T]).Decode(text)
	if (err == nil) != (wantErr == nil) || err != nil && err.Error() != "JSON: "+wantErr.Error() {
		t.Fatalf("%q: error %v, want %v", text, err, wantErr)
	}
	if err != nil {
		return
	}
	if !reflect.DeepEqual(want, got) {
		t.Fatalf("%q (-want +got):\n%s", text, cmp.Diff(want, got, cmp.AllowUnexported(trip{})))
	}
	encode(t, got.(T))
}

func encode[T any](t *testing.T, value T) {
	t.Helper()
	want, wantErr := json.Marshal(value)
	for _, v := range []any{value, &value} {
		got, err := new(JSON[T]).Encode(v)
		if !bytes.Equal(got, want) || (err == nil) != (wantErr == nil) {
			t.Fatalf("%+v is written as %s, %v; want %s, %v", v, got, err, want, wantErr)
		}
	}
}

var texts = []string{
	``, ` `, `null`, ` null `, `nul`, `{}`, ` { } `, `[]`, `1`, `"x"`, `{`, `{}}`, `{} x`, `{"carrier"}`, `{"carrier":}`, `{,}`,
	`{"carrier":"UA","number":1545,"delay":2,"late":true,"distance":1400,"weather":{"speed":10.357019999999999,"from":"EWR"}}`,
	` { "carrier" : "UA" , "delay" : null , "weather" : null } `, `{"carrier":"UA",}`, `{"carrier":"UA" "number":1}`,
	`{"CARRIER":"UA","Number":7}`, `{"carrier":"UA","carrier":"DL"}`, `{"delay":1,"delay":null}`, `{"delay":1,"delay":2}`,
	`{"weather":{"speed":1},"weather":{"from":"N"}}`, `{"twice":"x"}`, `{"twice":null}`, `{"Note":"häuser"}`, `{"Note":"a\"b\u00e4\n"}`, "{\"Note\":\"\xff\"}",
	"{\"Note\":\"a\nb\"}", `{"Note":"<&>"}`, "{\"Note\":\"\u2028\"}", "{\"Note\":\"\x7f\"}", `{"hidden":3,"Skipped":4,"-":5}`,
	`{"number":1.0}`, `{"number":1e3}`, `{"number":01}`, `{"number":-}`, `{"number":-0}`, `{"number":"1"}`, `{"number":true}`,
	`{"number":999999999999999999}`, `{"number":9223372036854775807}`, `{"number":9223372036854775808}`, `{"gates":127}`, `{"gates":128}`, `{"gates":-129}`,
	`{"distance":1e-7}`, `{"distance":1e21}`, `{"distance":0.000001}`, `{"distance":1.}`, `{"distance":.1}`, `{"distance":1e400}`, `{"distance":-0.0}`, `{"distance":+1}`,
	`{"late":1}`, `{"late":tru}`, `{"late":null,"number":null,"carrier":null,"plane":null}`,
	`{"other":[1,2,{"a":[[]],"b":{}},"x",true,false,null,-1.5e+7]}`, `{"other":[1,]}`, `{"other":{"a":1,}}`, `{"other":[1 2]}`, `{"other":nope}`, `{"":1}`,
	`{"other":"\q"}`, `{"other":"\n"}`, `{"weather":[]}`, `{"weather":{"speed":"x"}}`, `{"plane":{"from":"x","speed":0}}`,
}

func TestStructsAreReadAndWrittenAsByEncodingJSON(t *testing.T) {
	for _, text := range texts {
		check[trip](t, []byte(text))
		check[*trip](t, []byte(text))
		check[wind](t, []byte(text))
		check[int64](t, []byte(text))
		check[map[string]any](t, []byte(text))
	}
	deep := bytes.Repeat([]byte("["), 2*maxSkipped)
	deep = append(deep, bytes.Repeat([]byte("]"), 2*maxSkipped)...)
	check[trip](t, append(append([]byte(`{"other":`), deep...), '}'))
	for _, f := range []float64{0, math.Copysign(0, -1), 1e-6, 9e-7, 1e20, 1e21, 0.1, 1e100, math.NaN(), math.Inf(-1), math.MaxFloat64} {
		encode(t, trip{Distance: f, Weather: &wind{Speed: &f}})
	}
	encode(t, trip{hidden: 1, Skipped: 2})
	encode[*trip](t, nil)
}

func TestTypesOfTheirOwnAreLeftToEncodingJSON(t *testing.T) {
	type nested struct{ Next *nested }
	type embedding struct {
		wind
		Name string
	}
	type quoted struct {
		N int `json:",string"`
	}
	type zero struct {
		At time.Time `json:"at,omitzero"`
	}
	type clash struct {
		A int `json:"x"`
		B int `json:"X"`
	}
	check[nested](t, []byte(`{"Next":{"Next":null}}`))
	check[embedding](t, []byte(`{"speed":1,"Name":"x"}`))
	check[quoted](t, []byte(`{"N":"12"}`))
	check[zero](t, []byte(`{"at":"2013-01-01T00:00:00Z"}`))
	check[clash](t, []byte(`{"x":1,"X":2}`))
	check[json.Number](t, []byte(`12`))
	check[[]int](t, []byte(`[1,2]`))
	for _, typ := range []reflect.Type{reflect.TypeFor[nested](), reflect.TypeFor[zero](), reflect.TypeFor[json.Number](), reflect.TypeFor[func()]()} {
		if shapeOf(typ) != nil {
			t.Errorf("%v has a shape", typ)
		}
	}
	if shapeOf(reflect.TypeFor[trip]()) == nil {
		t.Error("trip has none")
	}
}

func FuzzJSON(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		check[trip](t, text)
		check[*wind](t, text)
	})
}

func BenchmarkJSON(b *testing.B) {
	text := []byte(`{"carrier":"UA","number":1545,"tail":"N14228","delay":2,"distance":1400,"weather":{"speed":10.35702}}`)
	var v trip
	if err := json.Unmarshal(text, &v); err != nil {
		b.Fatal(err)
	}
	c := new(JSON[*trip])
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Decode(text); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Encode(&v); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode/encoding-json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := json.Unmarshal(text, new(trip)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encode/encoding-json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := json.Marshal(&v); err != nil {
				b.Fatal(err)
			}
		}
	})
}
