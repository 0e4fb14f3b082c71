package dump

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/internal/kafka"
)

func TestWriter(t *testing.T) {
	full := Record{Topic: "t", Partition: 1, Offset: 2, TimestampType: TimestampCreate, Timestamp: 3, Broker: 4}
	for _, tc := range []struct {
		name      string
		change    func(*Record)
		want, raw string // raw is empty where it equals want
	}{
		{"nulls", func(*Record) {}, `{"topic":"t","partition":1,"offset":2,"tstype":"create","ts":3,"broker":4,"key":null,"payload":null}`, ""},
		{"no time", func(r *Record) { r.Timestamp = kafka.NoTimestamp }, `{"topic":"t","partition":1,"offset":2,"broker":4,"key":null,"payload":null}`, ""},
		{
			"no place", func(r *Record) { r.Topic, r.Partition, r.Offset, r.Broker = "", NoPartition, kafka.NoOffset, NoBroker },
			`{"tstype":"create","ts":3,"broker":-1,"key":null,"payload":null}`, "",
		},
		{
			"what kcat leaves raw", func(r *Record) { r.Key, r.Value = []byte("/<>&\x7f\u2028"), []byte{} },
			"{\"topic\":\"t\",\"partition\":1,\"offset\":2,\"tstype\":\"create\",\"ts\":3,\"broker\":4,\"key\":\"/<>&\x7f\u2028\",\"payload\":\"\"}", "",
		},
		{
			"what kcat escapes", func(r *Record) { r.Key = []byte("\"\\\b\f\n\r\t\x00\x1f\x0b") },
			`{"topic":"t","partition":1,"offset":2,"tstype":"create","ts":3,"broker":4,"key":"\"\\\b\f\n\r\t\u0000\u001F\u000B","payload":null}`, "",
		},
		{
			"binary", func(r *Record) { r.Key, r.Value = []byte{0xff}, []byte{0xfe, 0xfd} },
			`{"topic":"t","partition":1,"offset":2,"tstype":"create","ts":3,"broker":4,"key":"/w==","key_encoding":"base64","payload":"/v0=","payload_encoding":"base64"}`,
			"{\"topic\":\"t\",\"partition\":1,\"offset\":2,\"tstype\":\"create\",\"ts\":3,\"broker\":4,\"key\":\"\xff\",\"payload\":\"\xfe\xfd\"}",
		},
		{"headers", func(r *Record) {
			r.Headers = []kafka.Header{{Key: "a", Value: []byte("1")}, {Key: "a"}, {Key: "e", Value: []byte{}}}
		}, `{"topic":"t","partition":1,"offset":2,"tstype":"create","ts":3,"broker":4,"headers":["a","1","a",null,"e",""],"key":null,"payload":null}`, ""},
		{
			"binary headers", func(r *Record) {
				r.Headers = []kafka.Header{{Key: "\xff", Value: []byte("1")}, {Key: "b", Value: []byte{0xff}}}
			},
			`{"topic":"t","partition":1,"offset":2,"tstype":"create","ts":3,"broker":4,"headers":["/w==","MQ==","Yg==","/w=="],"header_names_encoding":"base64","headers_encoding":"base64","key":null,"payload":null}`,
			"{\"topic\":\"t\",\"partition\":1,\"offset\":2,\"tstype\":\"create\",\"ts\":3,\"broker\":4,\"headers\":[\"\xff\",\"1\",\"b\",\"\xff\"],\"key\":null,\"payload\":null}",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rec := full
			tc.change(&rec)
			if tc.raw == "" {
				tc.raw = tc.want
			}
			for _, mode := range []struct {
				want    string
				options []WriterOption
			}{{tc.want, nil}, {tc.raw, []WriterOption{WithRawBytes()}}} {
				var out strings.Builder
				w := NewWriter(&out, mode.options...)
				if err := w.Write(&rec); err != nil {
					t.Fatal(err)
				}
				if err := w.Flush(); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(mode.want+"\n", out.String()); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				got, bad := readAll(t, out.String())
				if tc.name == "no time" {
					rec.TimestampType = TimestampUnknown
				}
				if diff := cmp.Diff([]Record{rec}, got, ignorePlace); diff != "" || bad != nil {
					t.Errorf("read again (-want +got):\n%s\nmalformed: %q", diff, bad)
				}
			}
			if !json.Valid([]byte(tc.want)) {
				t.Errorf("%s is not valid JSON", tc.want)
			}
		})
	}
}

func TestWriteRow(t *testing.T) {
	var out strings.Builder
	w := NewWriter(&out)
	for _, row := range [][2]string{{"UA", `{"flights":1}`}, {"\xff", "\n"}} {
		if err := w.WriteRow([]byte(row[0]), []byte(row[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	const want = `{"key":"UA","payload":"{\"flights\":1}"}
{"key":"/w==","key_encoding":"base64","payload":"\n"}
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzRoundTrip(f *testing.F) {
	f.Add("orders", int32(3), int64(17), int64(1357035420000), []byte("k"), []byte("\xff\x00"), "h", []byte("v"), true)
	f.Add("", int32(-1), int64(-1), int64(-1), []byte(nil), []byte(nil), "\xff", []byte(nil), false)
	f.Fuzz(func(t *testing.T, topic string, partition int32, offset, ts int64, key, value []byte, header string, headerValue []byte, raw bool) {
		rec := Record{
			Topic: topic, Partition: max(partition, -1), Offset: kafka.Offset(max(offset, -1)),
			Timestamp: kafka.Millis(max(ts, -1)), Broker: 1, Key: key, Value: value,
			Headers: []kafka.Header{{Key: header, Value: headerValue}, {Key: "n"}, {Key: header}},
		}
		written := appendRecord(nil, &rec, raw)
		if strings.Count(string(written), "\n") != 1 {
			t.Fatalf("%q is not one line", written)
		}
		var again Record
		l := line{text: append([]byte{}, written...), names: &interner{known: map[string]string{}}}
		if err := l.record(&again); err != nil {
			t.Fatalf("%q: %v", written, err)
		}
		if diff := cmp.Diff(clone(rec), clone(again)); diff != "" {
			t.Fatalf("%q (-before +after):\n%s", written, diff)
		}
	})
}
