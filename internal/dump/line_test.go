package dump

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gokasim/gokasim/internal/kafka"
)

// readAll reads what text holds: its records, and its malformed lines as text.
func readAll(t *testing.T, text string) (records []Record, bad []string) {
	t.Helper()
	r, err := NewReader("in", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for {
		var rec Record
		err := r.Next(&rec)
		var line *LineError
		switch {
		case err == io.EOF:
			return records, bad
		case errors.As(err, &line):
			bad = append(bad, err.Error())
		case err != nil:
			t.Fatal(err)
		default:
			records = append(records, clone(rec))
		}
	}
}

// clone copies what rec points to.
func clone(rec Record) Record {
	rec.Key = cloneBytes(rec.Key)
	rec.Value = cloneBytes(rec.Value)
	var headers []kafka.Header
	for _, h := range rec.Headers {
		headers = append(headers, kafka.Header{Key: h.Key, Value: cloneBytes(h.Value)})
	}
	rec.Headers = headers
	return rec
}

func cloneBytes(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append([]byte{}, b...)
}

var ignorePlace = cmpopts.IgnoreFields(Record{}, "File", "Line")

// plain is a record as a line with key and payload alone gives it.
func plain(key, value []byte) Record {
	return Record{Partition: NoPartition, Offset: kafka.NoOffset, Timestamp: kafka.NoTimestamp, Broker: NoBroker, Key: key, Value: value}
}

func TestKcatLines(t *testing.T) {
	// The lines of a real kcat 1.7.1, as it printed them from known bytes.
	const lines = `{"topic":"orders","partition":3,"offset":17,"tstype":"create","ts":1357035420000,"broker":1,"key":"k1","payload":"text"}
{"topic":"orders","partition":3,"offset":18,"tstype":"logappend","ts":1357035420001,"broker":1,"key":null,"payload":""}
{"topic":"orders","partition":3,"offset":19,"tstype":"create","ts":1357035420002,"broker":1,"headers":["a","1","a","2","nil",null,"empty",""],"key":"gone","payload":null}
{"topic":"orders","partition":3,"offset":20,"tstype":"create","ts":1357035420003,"broker":1,"key":"\u0000\u001F` + "\xfe" + `\"\\/","payload":"{\"n\":1}\n"}
`
	want := []Record{
		{Topic: "orders", Partition: 3, Offset: 17, TimestampType: TimestampCreate, Timestamp: 1357035420000, Broker: 1, Key: []byte("k1"), Value: []byte("text")},
		{Topic: "orders", Partition: 3, Offset: 18, TimestampType: TimestampLogAppend, Timestamp: 1357035420001, Broker: 1, Value: []byte{}},
		{Topic: "orders", Partition: 3, Offset: 19, TimestampType: TimestampCreate, Timestamp: 1357035420002, Broker: 1, Key: []byte("gone"), Headers: []kafka.Header{
			{Key: "a", Value: []byte("1")}, {Key: "a", Value: []byte("2")}, {Key: "nil"}, {Key: "empty", Value: []byte{}},
		}},
		{Topic: "orders", Partition: 3, Offset: 20, TimestampType: TimestampCreate, Timestamp: 1357035420003, Broker: 1, Key: []byte("\x00\x1f\xfe\"\\/"), Value: []byte("{\"n\":1}\n")},
	}
	got, bad := readAll(t, lines)
	if diff := cmp.Diff(want, got, ignorePlace); diff != "" || bad != nil {
		t.Fatalf("records (-want +got):\n%s\nmalformed: %q", diff, bad)
	}

	var out strings.Builder
	w := NewWriter(&out, WithRawBytes())
	for i := range got {
		if err := w.Write(&got[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(lines, out.String()); diff != "" {
		t.Errorf("written again (-want +got):\n%s", diff)
	}
}

func TestAcceptedLines(t *testing.T) {
	for _, tc := range []struct {
		name, line string
		want       Record
	}{
		{"nothing but a place", `{"partition":-1}`, plain(nil, nil)},
		{"null differs from empty", `{"key":"","payload":null}`, plain([]byte{}, nil)},
		{"fields in any order and with spaces", " {\"payload\" : \"v\" ,\t\"key\":\"k\" } ", plain([]byte("k"), []byte("v"))},
		{"unknown fields of every kind", `{"a":[1,{"b":[]},"]"],"b":{"c":{"key":"x"}},"c":-1.5e3,"d":true,"e":false,"f":null,"key":"k"}`, plain([]byte("k"), nil)},
		{"the last of two fields counts", `{"key":"a","key":"b"}`, plain([]byte("b"), nil)},
		{"every escape sequence", `{"key":"\"\\\/\b\f\n\r\t\u0041\u00e4\u20AC\ud83d\ude00"}`, plain([]byte("\"\\/\b\f\n\r\tAä€😀"), nil)},
		{"raw control bytes and DEL", "{\"key\":\"\x01\x7f\u2028\"}", plain([]byte("\x01\x7f\u2028"), nil)},
		{"base64, named before the field", `{"key_encoding":"base64","key":"/wA=","payload":"/v0=","payload_encoding":"base64"}`, plain([]byte{0xff, 0}, []byte{0xfe, 0xfd})},
		{"base64 of null stays null", `{"key":null,"key_encoding":"base64"}`, plain(nil, nil)},
		{"minus one is none", `{"partition":-1,"offset":-1,"ts":-1,"broker":-1}`, plain(nil, nil)},
		{"headers null", `{"headers":null}`, plain(nil, nil)},
		{"headers empty", `{"headers":[ ]}`, plain(nil, nil)},
		{"key_error null", `{"key":"k","key_error":null}`, plain([]byte("k"), nil)},
		{"headers as an object", `{"headers":{"a":"1","n":null}}`, withHeaders(kafka.Header{Key: "a", Value: []byte("1")}, kafka.Header{Key: "n"})},
		{"headers in base64", `{"headers":["a","/w==","n",null],"headers_encoding":"base64"}`, withHeaders(kafka.Header{Key: "a", Value: []byte{0xff}}, kafka.Header{Key: "n"})},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, bad := readAll(t, tc.line)
			if diff := cmp.Diff([]Record{tc.want}, got, ignorePlace); diff != "" || bad != nil {
				t.Errorf("(-want +got):\n%s\nmalformed: %q", diff, bad)
			}
		})
	}
}

func withHeaders(headers ...kafka.Header) Record {
	rec := plain(nil, nil)
	rec.Headers = headers
	return rec
}

func TestMalformedLines(t *testing.T) {
	for _, tc := range []struct{ name, line, want string }{
		{"no fields", `{}`, `in:1:1: the object is no record: it has none of the fields topic, partition, offset, headers, key, payload and value; a value alone is written {"payload":VALUE}, and read with the format json`},
		{"a value alone", `{"id":7,"timestamp":1,"amount":{"key":"k"}}`, `in:1:1: the object is no record: it has none of the fields topic, partition, offset, headers, key, payload and value; a value alone is written {"payload":VALUE}, and read with the format json`},
		{"no object", `hello`, `in:1:1: found "hello": a record begins with {`},
		{"an array", `[1]`, `in:1:1: found "[1]": a record begins with {`},
		{"cut off in a string", `{"key":"abc`, `in:1:12: the line ends inside a string`},
		{"cut off after a backslash", `{"key":"abc\`, `in:1:13: the line ends inside a string`},
		{"cut off before a value", `{"key":`, `in:1:8: the line ends where key should be`},
		{"cut off before a field", `{"key":"a",`, `in:1:12: the line ends where the name of a field should be`},
		{"cut off before the end", `{"key":"a"`, `in:1:11: the line ends too early: after a field comes , or }`},
		{"no colon", `{"key" "a"}`, `in:1:8: found "\"a\"}": after the name of a field comes :`},
		{"two records", `{"key":"a"}{"key":"b"}`, `in:1:12: text after the record: "{\"key\":\"b\"}"; put each record on a line of its own`},
		{"payload decoded by -s", `{"topic":"t","payload":{"n":1}}`, `in:1:24: payload is a JSON object, not a string or null; a recording made with kcat -s or edited by hand has lost the bytes: record the topic again without -s, or quote the value; the format json takes it as it stands`},
		{"key a number", `{"key":17}`, `in:1:8: key is a number, not a string or null; a recording made with kcat -s or edited by hand has lost the bytes: record the topic again without -s, or quote the value; the format json takes it as it stands`},
		{"payload undecodable", `{"payload":null,"payload_error":"no schema"}`, `in:1:33: the recording lost these bytes (payload_error: no schema); record the topic again without -s`},
		{"partition a string", `{"partition":"3"}`, `in:1:14: partition is a string, not a number`},
		{"partition too big", `{"partition":4294967296}`, `in:1:14: partition 4294967296 is out of range; it lies between 0 and 2147483647`},
		{"partition negative", `{"partition":-2}`, `in:1:14: partition -2 is out of range; it lies between 0 and 2147483647`},
		{"offset a fraction", `{"offset":1.5}`, `in:1:11: offset 1.5 is not a whole number of 64 bits`},
		{"offset too big", `{"offset":9223372036854775808}`, `in:1:11: offset 9223372036854775808 is not a whole number of 64 bits`},
		{"tstype unheard of", `{"tstype":"now"}`, `in:1:11: tstype "now" is none of create, logappend, unknown`},
		{"topic null", `{"topic":null}`, `in:1:10: topic is null, not a string`},
		{"odd headers", `{"headers":["a"]}`, `in:1:16: found "]}": the last header has a name and no value`},
		{"header a number", `{"headers":["a",1]}`, `in:1:17: the value of a header is a number, not a string or null; a recording made with kcat -s or edited by hand has lost the bytes: record the topic again without -s, or quote the value; the format json takes it as it stands`},
		{"headers a string", `{"headers":"a"}`, `in:1:12: headers is a string, not an array [name, value, ...]`},
		{"escape unheard of", `{"key":"\x41"}`, `in:1:9: unknown escape sequence "\\x" in a string`},
		{"short unicode escape", `{"key":"\u12"}`, `in:1:9: \u needs four hexadecimal digits`},
		{"half a surrogate pair", `{"key":"\ud83d!"}`, `in:1:9: half of a surrogate pair, \ud83d, stands for no character`},
		{"broken base64", `{"key":"a","key_encoding":"base64"}`, `in:1:8: key is not base64: illegal base64 data at input byte 0`},
		{"unknown encoding", `{"key":"a","key_encoding":"hex"}`, `in:1:27: key_encoding "hex" is unknown; it can be base64`},
		{"nonsense in an unknown field", `{"x":nul}`, `in:1:6: "nul}" is not a JSON value`},
		{"no number in an unknown field", `{"x":1-2}`, `in:1:6: 1-2 is not a number`},
		{"deep nesting", `{"x":` + strings.Repeat("[", maxDepth+2), `in:1:1007: values nest deeper than 1000`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, bad := readAll(t, tc.line+"\n"+`{"key":"next"}`)
			if diff := cmp.Diff([]string{tc.want}, bad); diff != "" {
				t.Errorf("malformed (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]Record{plain([]byte("next"), nil)}, got, ignorePlace); diff != "" {
				t.Errorf("the line below (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzLine(f *testing.F) {
	f.Add([]byte(`{"topic":"orders","partition":3,"offset":17,"tstype":"create","ts":1,"broker":1,"headers":["a",null],"key":"\u0000","payload":"x"}`))
	f.Add([]byte(`{"key":"/w==","key_encoding":"base64","x":[{"y":1e3}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var rec, again Record
		l := line{text: append([]byte{}, text...), names: &interner{known: map[string]string{}}}
		if l.record(&rec) != nil {
			return
		}
		for _, raw := range []bool{false, true} {
			written := appendRecord(nil, &rec, raw)
			l = line{text: append([]byte{}, written...), names: l.names}
			if err := l.record(&again); err != nil {
				t.Fatalf("%q was read, written as %q, and cannot be read again: %v", text, written, err)
			}
			if rec.Timestamp < 0 {
				rec.TimestampType = TimestampUnknown // without a time there is no type to write
			}
			if diff := cmp.Diff(clone(rec), clone(again)); diff != "" {
				t.Fatalf("%q was written as %q (-before +after):\n%s", text, written, diff)
			}
		}
	})
}
