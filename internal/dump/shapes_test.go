package dump

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/internal/kafka"
)

// readFile reads a file of the given name and text, as OpenWith does.
func readFile(t *testing.T, name, text string, o Options) (records []Record, bad []string, failed error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return readWith(t, file, o)
}

func readWith(t *testing.T, file string, o Options) (records []Record, bad []string, failed error) {
	t.Helper()
	r, err := OpenWith(file, o)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	for {
		var rec Record
		err := r.Next(&rec)
		var line *LineError
		switch {
		case err == io.EOF:
			return records, bad, nil
		case errors.As(err, &line):
			bad = append(bad, strings.ReplaceAll(err.Error(), file, "in"))
		case err != nil:
			return records, bad, err
		default:
			records = append(records, clone(rec))
		}
	}
}

const at = kafka.Millis(1357035420000)

// same is what each tool's way of writing this record gives.
func same(topic string, headers ...kafka.Header) Record {
	return Record{Topic: topic, Partition: 3, Offset: 17, Timestamp: at, Broker: NoBroker, Key: []byte("k1"), Value: []byte("v"), Headers: headers}
}

func TestShapesOfOtherTools(t *testing.T) {
	a := kafka.Header{Key: "a", Value: []byte("1")}
	b := kafka.Header{Key: "b", Value: []byte("2")}
	rpk := `{
  "topic": "orders",
  "key": "k1",
  "value": "v",
  "headers": [
    {
      "key": "a",
      "value": "1"
    },
    {"key": "b", "value": "2"}
  ],
  "timestamp": 1357035420000,
  "partition": 3,
  "offset": 17
}
`
	console := `[{"partitionID":3,"offset":17,"timestamp":1357035420000,"headers":[{"key":"a","value":{"payload":"1","encoding":"text","rawPayload":"MQ=="}}],` +
		`"key":{"payload":"k1","encoding":"text","isPayloadNull":false,"rawPayload":"azE="},"value":{"payload":{"odd":1},"encoding":"json","isPayloadNull":false,"rawPayload":"dg=="}},
 {"partitionID":3,"offset":18,"timestamp":1357035420000,"key":{"payload":"","isPayloadNull":true},"value":{"payload":"","isPayloadNull":false,"rawPayload":""}}]`
	for _, tc := range []struct {
		name, text string
		options    Options
		want       []Record
	}{
		{"rpk, over lines", rpk + rpk, Options{}, []Record{same("orders", a, b), same("orders", a, b)}},
		{"rpk, a line each", `{"topic":"orders","key":"k1","value":"v","headers":[{"key":"a","value":"1"}],"timestamp":1357035420000,"partition":3,"offset":17}`, Options{}, []Record{same("orders", a)}},
		{"kaf", `{"topic":"orders","partition":3,"offset":17,"timestamp":"2013-01-01T10:17:00Z","headers":[{"key":"a","value":"1"}],"key":"k1","payload":"v"}`, Options{}, []Record{same("orders", a)}},
		{"kaf, as JSON", `{"partition":3,"offset":17,"timestamp":"2013-01-01T10:17:00Z","headers":[{"Key":"YQ==","Value":"MQ=="},{"Key":"Yg==","Value":null}],"key":"k1","payload":"v"}`, Options{Topic: "given"}, []Record{same("given", a, kafka.Header{Key: "b"})}},
		{"kafkactl", `{"Partition":3,"Offset":17,"Headers":{"a":"1"},"Key":"k1","Value":"v","Timestamp":"2013-01-01T10:17:00Z"}`, Options{Topic: "given"}, []Record{same("given", a)}},
		{"kafkactl's input", `{"key":"k1","value":"v","headers":{"a":"1"}}`, Options{}, []Record{{Partition: -1, Offset: -1, Timestamp: -1, Broker: -1, Key: []byte("k1"), Value: []byte("v"), Headers: []kafka.Header{a}}}},
		{"Redpanda Console", console, Options{Topic: "given"}, []Record{same("given", a), {Topic: "given", Partition: 3, Offset: 18, Timestamp: at, Broker: NoBroker, Value: []byte{}}}},
		{"Redpanda Console, of nothing", " [ ]\n", Options{}, nil},
		{"values as JSON", `{"key":{"id": 1},"payload":{"n": [1, 2]}}` + "\n" + `{"key":null,"payload":"text"}`, Options{Keys: JSON, Values: JSON}, []Record{plain([]byte(`{"id":1}`), []byte(`{"n":[1,2]}`)), plain(nil, []byte(`"text"`))}},
		{"values in base64", `{"key":"azE=","payload":"/v8="}`, Options{Keys: Base64, Values: Base64}, []Record{plain([]byte("k1"), []byte{0xfe, 0xff})}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, bad, err := readFile(t, "in.json", tc.text, tc.options)
			if diff := cmp.Diff(tc.want, got, ignorePlace); diff != "" || bad != nil || err != nil {
				t.Errorf("malformed: %q, %v, records (-want +got):\n%s", bad, err, diff)
			}
		})
	}
}

func TestMalformedShapes(t *testing.T) {
	for _, tc := range []struct {
		name, file, text string
		options          Options
		want             string
	}{
		{"value in the middle", "in", "{\n \"key\": 7,\n \"value\": \"v\"\n}\n", Options{}, "in:2:9: key is a number, not a string or null"},
		{"end inside", "in", "{\n \"key\": \"k\",\n", Options{}, "in:1:1: the file ends inside the record that begins here"},
		{"between records", "in", "{\n\"key\":null}\nwhat\n{\n\"key\":null}\n", Options{}, `in:3:1: found "what" where a record should begin with {`},
		{"an array that is not closed", "in", "[{\"key\":\"k\"},\n{\"key\":\"l\"}\n", Options{}, "in:3:1: the file ends inside the array that begins in line 1: records are missing, or just the ] behind them"},
		{"time", "in", `{"timestamp":"yesterday"}`, Options{}, `in:1:14: timestamp "yesterday" is no time`},
		{"header without key", "in", `{"headers":[{"value":"1"}]}`, Options{}, "in:1:26: a header has no key"},
		{"header not in base64", "in", `{"headers":[{"Key":"?","Value":"1"}]}`, Options{}, "in:1:20: the name of a header is not base64"},
		{"too large for Console", "in", `{"value":{"payload":"","isPayloadTooLarge":true}}`, Options{}, "in:1:10: Redpanda Console left this payload out"},
		{"not base64", "in", `{"payload":"?"}`, Options{Values: Base64}, "in:1:12: payload is not base64"},
		{"not JSON", "in", `{"payload":{x}}`, Options{Values: JSON}, "in:1:13: the name of a field is"},
		{"columns missing", "in.csv", "a,b\n1,2\n3\n", Options{}, "in:3:1: the line has 1 columns, and the first line names 2"},
		{"quotes", "in.csv", "a,b\n1,\"2\n", Options{}, `in:`},
		{"no time", "in.csv", "a,t\n1,then\n", Options{TimeColumn: "t"}, `in:2:3: "then" is no time; a time is RFC 3339`},
		{"no time of that form", "in.csv", "a,t\n1,then\n", Options{TimeColumn: "t", TimeLayout: "02.01.2006"}, `in:2:3: "then" is no time of the form "02.01.2006"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, bad, err := readFile(t, tc.file, tc.text, tc.options)
			if err != nil || len(bad) != 1 || !strings.HasPrefix(bad[0], tc.want) {
				t.Errorf("got %q, %v, want %s", bad, err, tc.want)
			}
		})
	}
	if _, _, err := readFile(t, "in.csv", "a,b\n1,2\n", Options{KeyColumn: "id", TimeColumn: "when"}); err == nil || !strings.Contains(err.Error(), `has no column "id" for keys; it has a, b`) || !strings.Contains(err.Error(), `"when" for times`) {
		t.Errorf("missing columns: %v", err)
	}
	if _, _, err := readFile(t, "in.csv", "a,b,a\n1,2,3\n", Options{}); err == nil || !strings.HasSuffix(err.Error(), `in.csv has two columns called "a"; rename one of them`) {
		t.Errorf("two columns of a name: %v", err)
	}
	if got, _, err := readFile(t, "in.csv", "a,b,a\n1,2,3\n", Options{ValueColumn: "b"}); err != nil || len(got) != 1 || string(got[0].Value) != "2" {
		t.Errorf("two columns that are not asked for: %v, %v", got, err)
	}
	if _, err := OpenWith("in", Options{Keys: "hex"}); err == nil || err.Error() != `encoding "hex" is none of text, json, base64` {
		t.Errorf("an encoding unheard of: %v", err)
	}
}

func TestColumns(t *testing.T) {
	row := func(key, value string, ts kafka.Millis) Record {
		r := plain([]byte(key), []byte(value))
		r.Topic, r.Timestamp = "planes", ts
		return r
	}
	const text = "\xef\xbb\xbfid,n,ok,when,\"say, \"\"what\"\"\"\nN1,7,true,2013-01-01 10:17:00,\nN2,007,,1357035420,\"two\nlines\"\n"
	want := []Record{
		row("N1", `{"id":"N1","n":7,"ok":true,"when":"2013-01-01 10:17:00","say, \"what\"":null}`, at),
		row("N2", `{"id":"N2","n":"007","ok":null,"when":1357035420,"say, \"what\"":"two\nlines"}`, at),
	}
	got, bad, err := readFile(t, "in.csv", text, Options{Topic: "planes", KeyColumn: "id", TimeColumn: "when"})
	if diff := cmp.Diff(want, got, ignorePlace); diff != "" || bad != nil || err != nil {
		t.Errorf("malformed: %q, %v, records (-want +got):\n%s", bad, err, diff)
	}
	got, bad, err = readFile(t, "in.tsv", "id\tn\nN1\ta \"quote\n", Options{KeyColumn: "id", ValueColumn: "n"})
	if diff := cmp.Diff([]Record{plain([]byte("N1"), []byte(`a "quote`))}, got, ignorePlace); diff != "" || bad != nil || err != nil {
		t.Errorf("tabs: %q, %v, records (-want +got):\n%s", bad, err, diff)
	}
	if got, bad, err := readFile(t, "in.csv", "", Options{KeyColumn: "id"}); got != nil || bad != nil || err != nil {
		t.Errorf("an empty file: %v, %q, %v", got, bad, err)
	}
}

func TestSegmentsAreReadAsCommittedDataIs(t *testing.T) {
	source, err := os.ReadFile("../../memkafka/logfile/testdata/transactions.log")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "[odd", "my-topic-4")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	segment := func(name string, b []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	offsets := func(records []Record) string {
		var all []string
		for _, r := range records {
			all = append(all, fmt.Sprintf("%s/%d@%d", r.Topic, r.Partition, r.Offset))
		}
		return strings.Join(all, " ")
	}
	first := segment("00000000000000000000.log", source)
	records, bad, err := readWith(t, first, Options{})
	const committed = "my-topic/4@0 my-topic/4@1 my-topic/4@2 my-topic/4@8 my-topic/4@9 my-topic/4@10 my-topic/4@16 my-topic/4@17 my-topic/4@18"
	if got := offsets(records); got != committed || bad != nil || err != nil {
		t.Errorf("got %s, %q, %v", got, bad, err)
	}
	if r := records[1]; r.Key != nil || len(r.Headers) != 2 || r.Headers[1].Value != nil || r.TimestampType != TimestampCreate || r.Timestamp != 1795379530416 {
		t.Errorf("the second record is %+v", r)
	}
	if records[2].Value != nil {
		t.Error("a tombstone is none any more")
	}
	// A transaction that ends in the next segment, and one that never ends.
	segment("00000000000000000000.log", source[:894+128])
	segment("00000000000000000019.log", source[894+128:])
	records, bad, err = readWith(t, first, Options{})
	if got := offsets(records); got != committed || bad != nil || err != nil {
		t.Errorf("over two segments: %s, %q, %v", got, bad, err)
	}
	if err := os.Remove(filepath.Join(dir, "00000000000000000019.log")); err != nil {
		t.Fatal(err)
	}
	records, _, err = readWith(t, first, Options{})
	if got := offsets(records); got != strings.TrimSuffix(committed, " my-topic/4@16 my-topic/4@17 my-topic/4@18") || err != nil {
		t.Errorf("with an open transaction: %s, %v", got, err)
	}
	segment("00000000000000000000.log", source[:900])
	if _, bad, err = readWith(t, first, Options{}); err != nil || len(bad) != 1 || !strings.Contains(bad[0], "the last 6 bytes of the segment are no whole batch") {
		t.Errorf("cut off: %q, %v", bad, err)
	}
	segment("00000000000000000000.log", append(make([]byte, 16), 9)) // of a format unheard of
	if _, _, err = readWith(t, first, Options{}); err == nil || !strings.Contains(err.Error(), "is this a segment of a partition, or is it damaged?") {
		t.Errorf("damaged at its beginning: %v", err)
	}
}
