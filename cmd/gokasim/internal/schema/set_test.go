package schema

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hamba/avro/v2"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const order = `{"type":"record","name":"shop.Order","fields":[
	{"name":"id","type":"long"},{"name":"note","type":["null","string"]},{"name":"ok","type":"boolean"},{"name":"f","type":"float"},{"name":"d","type":"double"},
	{"name":"b","type":"bytes"},{"name":"kind","type":{"type":"enum","name":"Kind","symbols":["A","B"]}},{"name":"tags","type":{"type":"array","items":"string"}},
	{"name":"m","type":{"type":"map","values":"int"}},{"name":"fx","type":{"type":"fixed","name":"Fx","size":2}},{"name":"u","type":["null","int","string"]},
	{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"day","type":{"type":"int","logicalType":"date"}},
	{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},{"name":"next","type":["null","Order"]}]}`

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func encoded(t *testing.T, schema string, v any) []byte {
	t.Helper()
	s, err := avro.ParseWithCache(schema, "", &avro.SchemaCache{})
	check(t, err)
	b, err := avro.Marshal(s, v)
	check(t, err)
	return b
}

func TestAvroIsDecodedInTheSchemasOrder(t *testing.T) {
	var s Set
	check(t, s.Add("orders", "order.avsc", "", []byte(order)))
	plain := []byte{14, 2, 6}
	plain = append(plain, "<b>"...)
	plain = append(plain, 1, 0, 0, 0xc0, 0x3f, 0, 0, 0, 0, 0, 0, 2, 0x40, 4, 0, 0xff, 2, 4, 2, 'x', 2, 'y', 0, 2, 2, 'k', 5, 0, 1, 'a', 4, 2, 's')
	plain = append(plain, encoded(t, `"long"`, 1500)...)
	plain = append(plain, encoded(t, `"int"`, 20484)...)
	plain = append(plain, 4, 0xff, 0x85, 0)
	want := `{"id":7,"note":"\u003cb\u003e","ok":true,"f":1.5,"d":2.25,"b":"\u0000ÿ","kind":"B","tags":["x","y"],"m":{"k":-3},"fx":"\u0001a",` +
		`"u":{"string":"s"},"at":"1970-01-01T00:00:01.5Z","day":"2026-01-31","price":"-1.23","next":null}`
	for name, c := range map[string]struct {
		b  []byte
		id int64
	}{"plain": {plain, -1}, "behind Confluent's header": {append([]byte{0, 0, 0, 1, 2}, plain...), 258}} {
		t.Run(name, func(t *testing.T) {
			d, err := s.Decode("orders", "value", c.b)
			check(t, err)
			if string(d.JSON) != want || d.Kind != "avro" || d.Schema != "shop.Order" || d.ID != c.id || !json.Valid(d.JSON) {
				t.Errorf("got %+v\n%s\nwant\n%s", d, d.JSON, want)
			}
		})
	}
	for name, b := range map[string][]byte{"cut": plain[:len(plain)-1], "too long": append(plain[:len(plain):len(plain)], 0), "nothing of it": {0xff, 0xff, 0xff}} {
		if d, err := s.Decode("orders", "value", b); err == nil {
			t.Errorf("%s: got %s", name, d.JSON)
		}
	}
}

func TestAvroThatWouldNeverEndIsRefused(t *testing.T) {
	var s Set
	check(t, s.Add("self", "", "", []byte(`{"type":"record","name":"Self","fields":[{"name":"again","type":"Self"}]}`)))
	check(t, s.Add("nulls", "", "", []byte(`{"type":"array","items":"null"}`)))
	check(t, s.Add("fixed", "", "", []byte(`{"type":"fixed","name":"Great","size":2000000000}`)))
	for topic, b := range map[string][]byte{"self": {}, "nulls": encoded(t, `"long"`, int64(1)<<50), "fixed": {1}} {
		if d, err := s.Decode(topic, "value", b); err == nil {
			t.Errorf("%s: got %d bytes", topic, len(d.JSON))
		}
	}
}

const shop = `syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
message Customer { string name = 1; }
message Order {
  message Line { int32 n = 1; }
  int64 id = 1;
  string note = 2;
  google.protobuf.Timestamp at = 3;
  repeated Line lines = 4;
}`

// shopOrder is an Order with the id 7, a note, a time and a line.
func shopOrder(t *testing.T) []byte {
	t.Helper()
	at, err := proto.Marshal(timestamppb.New(time.Unix(1, 0)))
	check(t, err)
	b := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 7)
	b = protowire.AppendString(protowire.AppendTag(b, 2, protowire.BytesType), "<b>")
	b = protowire.AppendBytes(protowire.AppendTag(b, 3, protowire.BytesType), at)
	return protowire.AppendBytes(protowire.AppendTag(b, 4, protowire.BytesType), []byte{8, 5})
}

const shown = `{"id":"7","note":"\u003cb\u003e","at":"1970-01-01T00:00:01Z","lines":[{"n":5}]}`

func same(t *testing.T, got []byte, want string) {
	t.Helper()
	var a, b any
	check(t, json.Unmarshal(got, &a))
	check(t, json.Unmarshal([]byte(want), &b))
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	if string(x) != string(y) {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestProtobufByTextAndByDescriptors(t *testing.T) {
	var s Set
	check(t, s.Add("orders", "", "Order", []byte(shop)))
	check(t, s.Add("id:3", "", "", []byte(shop)))
	set := &descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{
		protodesc.ToFileDescriptorProto(timestamppb.File_google_protobuf_timestamp_proto),
	}}
	order := s.schemas["orders:value"].codec.(protoType).message
	set.File = append(set.File, protodesc.ToFileDescriptorProto(order.ParentFile()))
	compiled, err := proto.Marshal(set)
	check(t, err)
	check(t, s.Add("compiled:key", "", "shop.Order", compiled))
	b := shopOrder(t)
	for name, c := range map[string]struct {
		topic, part string
		b           []byte
		name        string
	}{
		"plain":                        {"orders", "value", b, "shop.Order"},
		"plain, compiled":              {"compiled", "key", b, "shop.Order"},
		"second message of the header": {"other", "value", append([]byte{0, 0, 0, 0, 3, 2, 2}, b...), "shop.Order"},
		"nested, in a topic's schema":  {"orders", "value", []byte{0, 0, 0, 0, 9, 4, 2, 0, 8, 5}, "shop.Order.Line"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := s.Decode(c.topic, c.part, c.b)
			check(t, err)
			if d.Kind != "protobuf" || d.Schema != c.name {
				t.Errorf("got %+v", d)
			}
			if c.name == "shop.Order" {
				same(t, d.JSON, shown)
			} else {
				same(t, d.JSON, `{"n":5}`)
			}
		})
	}
	d, err := s.Decode("other", "value", append([]byte{0, 0, 0, 0, 3, 0}, protowire.AppendString([]byte{10}, "Ann")...))
	check(t, err)
	same(t, d.JSON, `{"name":"Ann"}`) // the first message
	for name, c := range map[string]string{"no Protobuf": "ffffff", "none of its fields": "9a0701", "no such message": "00000000030212", "no indexes": "0000000003ff"} {
		b, err := hex.DecodeString(c)
		check(t, err)
		if d, err := s.Decode("orders", "value", b); err == nil {
			t.Errorf("%s: got %s", name, d.JSON)
		}
	}
}

func TestSchemasFromFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, filepath.FromSlash(name))
		check(t, os.MkdirAll(filepath.Dir(name), 0o755))
		check(t, os.WriteFile(name, []byte(text), 0o600))
		return name
	}
	write("common/money.proto", `syntax = "proto3"; message Money { int64 cents = 1; }`)
	bill := write("shop/bill.proto", `syntax = "proto3"; import "common/money.proto"; message Bill { Money due = 1; }`)
	word := write("word.avsc", `"string"`)
	var s Set
	check(t, s.Load("bills="+bill+"#Bill"))
	check(t, s.Load("*:key="+word))
	d, err := s.Decode("bills", "value", []byte{10, 2, 8, 5})
	check(t, err)
	same(t, d.JSON, `{"due":{"cents":"5"}}`)
	d, err = s.Decode("anything", "key", []byte("\x04hi"))
	check(t, err)
	same(t, d.JSON, `"hi"`)
	if list := s.List(); len(list) != 2 || list[0].Target != "*:key" || list[0].Kind != "avro" || list[1].Name != "Bill" || list[1].File != "bill.proto" {
		t.Errorf("the list is %+v", list)
	}
	if !s.Remove("*:key") || s.Remove("*:key") || s.Empty() {
		t.Error("a schema is not removed once")
	}
	if _, err := s.Decode("anything", "key", []byte("\x04hi")); !errors.Is(err, ErrNoSchema) {
		t.Errorf("without a schema: %v", err)
	}
	d, err = s.Decode("anything", "value", []byte("\x00\x00\x00\x00\x07{\"a\":1}"))
	check(t, err)
	if d.Kind != "json" || d.ID != 7 || string(d.JSON) != `{"a":1}` {
		t.Errorf("JSON behind a header is %+v", d)
	}
}

func TestWhatIsNoSchema(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret.proto")
	check(t, os.WriteFile(secret, []byte(`syntax = "proto3"; message Secret { int32 a = 1; }`), 0o600))
	var s Set
	for _, c := range []struct{ target, name, message, data, want string }{
		{"", "", "", `"int"`, "not for"},
		{"a:b", "", "", `"int"`, "not for"},
		{"id:-1", "", "", `"int"`, "not for"},
		{"t", "x.avsc", "", `{"type":"nobody"}`, "unknown type"},
		{"t", "x.proto", "", `message`, "x.proto"},
		{"t", "", "", shop, "shop.Order.Line"},
		{"t", "", "Nobody", shop, "no message Nobody"},
		{"t", "", "", `syntax = "proto3"; import "` + secret + `"; message A { int32 a = 1; }`, "is not here"},
		{"t", "x.proto", "", `syntax = "proto3";`, "no message"},
		{"t", "", "", "\x00\x01", "no FileDescriptorSet"},
		{"t", "x.desc", "", "", "no FileDescriptorSet"},
	} {
		if err := s.Add(c.target, c.name, c.message, []byte(c.data)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for _, given := range []string{"", "t", "t=", "t=/nowhere/x.avsc"} {
		if err := s.Load(given); err == nil {
			t.Errorf("%q is taken", given)
		}
	}
	if !s.Empty() {
		t.Errorf("there are %+v", s.List())
	}
	check(t, s.Add("t", "", "", []byte(`"int"`)))
	if _, err := s.Decode("t", "value", make([]byte, mostBytes+1)); err == nil || !strings.Contains(err.Error(), "too many") {
		t.Errorf("a long value: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	var s Set
	if err := errors.Join(s.Add("a", "", "", []byte(order)), s.Add("p", "", "Order", []byte(shop))); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{0, 0, 0, 0, 1, 0, 8, 5})
	f.Add([]byte{14, 2, 6, '<', 'b', '>', 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, topic := range []string{"a", "p"} {
			if d, err := s.Decode(topic, "value", b); err == nil && !json.Valid(d.JSON) {
				t.Errorf("%q of %s is no JSON: %q", b, topic, d.JSON)
			}
		}
	})
}
