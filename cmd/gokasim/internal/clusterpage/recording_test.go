package clusterpage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gokasim/gokasim/internal/page"
	"github.com/gokasim/gokasim/memkafka"
)

// upload sends a form with a file.
func (s shown) upload(target string, fields map[string]string, file, text string) *httptest.ResponseRecorder {
	s.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, value := range fields {
		check(s, w.WriteField(name, value))
	}
	f, err := w.CreateFormFile("file", file)
	check(s, err)
	_, err = f.Write([]byte(text))
	check(s, err)
	check(s, w.Close())
	r := httptest.NewRequest("POST", target, &body)
	r.Header.Set("Content-Type", w.FormDataContentType())
	answer := httptest.NewRecorder()
	s.page.ServeHTTP(answer, r)
	return answer
}

func TestRecordsAreDecodedBySchemas(t *testing.T) {
	s := show(t, Options{})
	check(t, s.cluster.CreateTopic("orders", 1))
	for _, v := range []string{"\x0e\x06<b>", "\x00\x00\x00\x01\x02\x04\x02x", "\xff", "\x00\x00\x00\x00\x09\x08\x07"} {
		_, err := s.cluster.Produce("orders", 0, memkafka.Record{Key: []byte("\x04hi"), Value: []byte(v), Timestamp: memkafka.NoTimestamp})
		check(t, err)
	}
	s.get("/topics/orders/records", "for id:9, which the bytes may begin with")
	s.get("/schemas", "There are no schemas")
	s.done("/schemas", url.Values{"target": {"orders:key"}, "schema": {`"string"`}}, "orders:key is decoded by what was written")
	fields := map[string]string{"target": "orders", "token": s.page.site.Token()}
	order := `{"type":"record","name":"Order","fields":[{"name":"total","type":"int"},{"name":"note","type":"string"}]}`
	if w := s.upload("/schemas", fields, "order.avsc", order); w.Code != http.StatusSeeOther {
		t.Fatalf("a file: %d %s", w.Code, w.Body)
	}
	fields["target"], fields["message"] = "id:9", "Bill"
	if w := s.upload("/schemas", fields, "bill.proto", `syntax = "proto3"; message Bill { int32 due = 1; }`); w.Code != http.StatusSeeOther {
		t.Fatalf("a file: %d %s", w.Code, w.Body)
	}
	delete(fields, "token")
	if w := s.upload("/schemas", fields, "bill.proto", ""); w.Code != http.StatusForbidden {
		t.Errorf("a file without a token: %d", w.Code)
	}
	s.get("/schemas", "order.avsc", "Order", "avro", "protobuf", "Bill", "as written")
	text := s.get("/topics/orders/records", "&#34;total&#34;: 7", "\\u003cb\\u003e", "Order schema id 258", "hi", "not avro Order")
	if strings.Contains(text, "due") {
		t.Error("a schema id that is Confluent's is not asked for first")
	}
	s.get("/topics/orders/0/1", "&#34;total&#34;: 2")
	s.get("/topics/orders/0/1?as=hex", "00 00 00 01 02 04")
	s.get("/topics/orders/0/2?as=schema", "not avro Order")
	for query, offset := range map[string]string{"q=u003cb": "0", "filter=json.total+%3D%3D+2": "1"} {
		text := s.get("/topics/orders/records?" + query)
		if strings.Count(text, "<tr>") != 2 || !strings.Contains(text, ">"+offset+"</a>") {
			t.Errorf("%s found %s", query, text)
		}
	}
	var answer struct {
		Decoded []struct {
			Offset int
			Key    string
			Value  map[string]any
		}
	}
	check(t, json.Unmarshal([]byte(s.get("/topics/orders/records?format=json&order=oldest")), &answer))
	if len(answer.Decoded) != 4 || answer.Decoded[0].Key != "hi" || answer.Decoded[1].Value["total"] != 2.0 {
		t.Errorf("decoded: %+v", answer.Decoded)
	}
	s.get("/topics/orders/records?filter=json.total+%3E+1", "gokasim record orders -b HOST:PORT --schema id:9=bill.proto --schema orders:value=order.avsc --filter &#39;json.total &gt; 1&#39;", "the filter failed at")
	s.done("/schemas/remove", url.Values{"target": {"orders:value"}}, "no schema for orders:value any more")
	for _, form := range []url.Values{
		{"target": {"orders"}}, {"target": {"a:b"}, "schema": {`"int"`}}, {"target": {"t"}, "schema": {`{"type":"nobody"}`}},
	} {
		if w := s.post("/schemas", form); w.Code != http.StatusBadRequest {
			t.Errorf("%v: %d", form, w.Code)
		}
	}
	if w := s.post("/schemas/remove", url.Values{"target": {"orders:value"}}); w.Code != http.StatusBadRequest {
		t.Errorf("a schema that is gone is removed again: %d", w.Code)
	}
}

func TestAProtobufTextReadsNoFiles(t *testing.T) {
	s := show(t, Options{})
	w := s.post("/schemas", url.Values{"target": {"t"}, "schema": {`syntax = "proto3"; import "/etc/passwd"; message A { int32 a = 1; }`}})
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "/etc/passwd is not here") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestTheCommandRecordsTheSame(t *testing.T) {
	s := show(t, Options{Addrs: []string{"127.0.0.1:9092"}})
	for _, c := range []struct {
		want wanted
		text string
	}{
		{wanted{Partition: -1}, "gokasim record t -b 127.0.0.1:9092"},
		{wanted{Partition: 2, Oldest: true, From: "5"}, "gokasim record t -b 127.0.0.1:9092 -p 2 -o 5:"},
		{wanted{Partition: -1, From: "5"}, "gokasim record t -b 127.0.0.1:9092 -o :6"},
		{wanted{Partition: -1, Oldest: true, Time: "2026-01-31"}, "gokasim record t -b 127.0.0.1:9092 -o @2026-01-31T00:00:00Z"},
		{wanted{Partition: -1, Time: "2026-01-31"}, "gokasim record t -b 127.0.0.1:9092 -o @:2026-01-31T00:00:00Z"},
		{wanted{Partition: -1, Q: "it's", In: "key"}, `gokasim record t -b 127.0.0.1:9092 --filter 'key contains "it'\''s"'`},
		{wanted{Partition: -1, Q: "a", In: "key", Filter: "tombstone || size > 1"}, `gokasim record t -b 127.0.0.1:9092 --filter '(key contains "a") && (tombstone || size > 1)'`},
	} {
		c.want.topic = "t"
		if got := s.page.command(c.want); got != c.text {
			t.Errorf("got\n%s\nwant\n%s", got, c.text)
		}
	}
}

func TestATestIsMadeOfMarkedRecords(t *testing.T) {
	s := show(t, Options{})
	check(t, s.cluster.CreateTopic("order-lines", 3))
	for i := range 6 {
		_, err := s.cluster.Produce("order-lines", int32(i%3), memkafka.Record{Value: fmt.Append(nil, i), Timestamp: memkafka.Millis(1000 - i)})
		check(t, err)
	}
	s.get("/topics/order-lines/records", `name="mark" value="2:1"`)
	s.get("/topics/order-lines/test?mark=0:1&mark=2:0", "2 records", "orderlines_recording_test.go", "mark=0%3A1&amp;mark=2%3A0")
	source := s.get("/topics/order-lines/test?mark=0:1&mark=2:0&format=go")
	file, err := parser.ParseFile(token.NewFileSet(), "x_test.go", source, parser.ParseComments)
	check(t, err)
	if f, ok := file.Scope.Lookup("TestOrderLinesRecording").Decl.(*ast.FuncDecl); !ok || len(f.Body.List) != 1 || !strings.Contains(source, `"testdata/order-lines.jsonl", graph(), tester.WithPartitions(3))`) {
		t.Errorf("the test is\n%s", source)
	}
	dumped := strings.Split(strings.TrimSpace(s.get("/topics/order-lines/dump?mark=0:1&mark=2:0")), "\n")
	if len(dumped) != 2 || !strings.Contains(dumped[0], `"payload":"3"`) || !strings.Contains(dumped[1], `"payload":"2"`) {
		t.Errorf("the dump is %q", dumped)
	}
	if text := s.get("/topics/order-lines/dump?size=2"); strings.Count(text, "\n") != 2 {
		t.Errorf("the dump of a page is %s", text)
	}
	for _, target := range []string{"/topics/order-lines/test?mark=0:9", "/topics/order-lines/test?mark=x", "/topics/order-lines/test?q=nobody", "/topics/order-lines/records?filter=key"} {
		if w := s.ask("GET", target, nil); w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d", target, w.Code)
		}
	}
}

func TestWhatIsExportedIsWhatWasShown(t *testing.T) {
	s := show(t, Options{})
	check(t, s.cluster.CreateTopic("t", 1))
	produce := func(v string) {
		_, err := s.cluster.Produce("t", 0, memkafka.Record{Value: []byte(v), Timestamp: memkafka.NoTimestamp})
		check(t, err)
	}
	produce("first")
	_, link, _ := strings.Cut(s.get("/topics/t/records"), `href="/topics/t/dump?`)
	link, _, _ = strings.Cut(link, `"`)
	produce("later")
	if text := s.get("/topics/t/dump?" + strings.ReplaceAll(link, "&amp;", "&")); strings.Count(text, "\n") != 1 || !strings.Contains(text, "first") {
		t.Errorf("exported: %s", text)
	}
}

func TestARecordIsSentAgainAndChanged(t *testing.T) {
	s := show(t, Options{})
	check(t, s.cluster.CreateTopic("t", 2))
	want := memkafka.Record{Key: []byte{0xff}, Value: []byte("\nline\nline\n"), Headers: []memkafka.Header{{Key: "a", Value: []byte("1")}, {Key: "a"}, {Key: "e", Value: []byte{}}}, Timestamp: 1000}
	_, err := s.cluster.Produce("t", 1, want)
	check(t, err)
	s.get("/topics/t/1/0", `value="ff"`, "<textarea name=\"value\">\n\nline\nline\n</textarea>", "\na: 1\na\ne: \n</textarea>", `value="1" placeholder`)
	s.done("/topics/t/1/0/again", url.Values{}, "offset 1 of partition 1")
	s.done("/topics/t/records", url.Values{
		"key_kind": {"hex"}, "key": {"ff"}, "value": {"\r\nline\r\nline\r\n"}, "headers": {"a: 1\r\na\r\ne: \r\n"}, "partition": {"1"},
	}, "offset 2 of partition 1")
	got, err := s.cluster.Fetch("t", 1, 0, 3)
	check(t, err)
	for i, r := range got {
		if i > 0 && time.Since(r.Timestamp.Time()) > time.Minute {
			t.Errorf("record %d has an old time", i)
		}
		r.Timestamp, r.Offset = 0, 0
		if a, b := fmt.Sprintf("%+v", r), fmt.Sprintf("%+v", memkafka.Record{Key: want.Key, Value: want.Value, Headers: want.Headers}); a != b {
			t.Errorf("record %d is %s, want %s", i, a, b)
		}
	}
	if w := s.post("/topics/t/1/9/again", url.Values{}); w.Code != http.StatusBadRequest {
		t.Errorf("a record that is none: %d", w.Code)
	}
	for name, r := range map[string]memkafka.Record{
		"a long value": {Value: make([]byte, mostInForm+1)}, "a header of bytes": {Headers: []memkafka.Header{{Key: "h", Value: []byte{0}}}}, "a header with a colon": {Headers: []memkafka.Header{{Key: "h:"}}},
	} {
		if formOf("t", found{0, r}) != nil {
			t.Errorf("%s can be changed in a form", name)
		}
	}
	if v := s.page.show("t", "value", nil, page.Auto, 10); v.Kind != "null" {
		t.Errorf("null is shown as %+v", v)
	}
}

func TestOffsetsOfAGroupAreReset(t *testing.T) {
	s := show(t, Options{})
	check(t, s.cluster.CreateTopic("t", 2))
	for i := range 10 {
		_, err := s.cluster.Produce("t", int32(i%2), memkafka.Record{Value: []byte("v"), Timestamp: memkafka.Millis(time.Date(2026, 11, 1, i, 0, 0, 0, time.UTC).UnixMilli())})
		check(t, err)
	}
	for _, c := range []struct {
		to   string
		want memkafka.Offset
	}{{"start", 0}, {"3", 3}, {"2026-11-01T04:00", 2}, {"100", 5}, {"end", 5}} {
		s.done("/groups/counts/offsets", url.Values{"topic": {"t"}, "to": {c.to}}, "2 offsets of t were reset")
		if got, _ := s.cluster.Committed("counts", "t", 0); got != c.want {
			t.Errorf("%s is offset %d, want %d", c.to, got, c.want)
		}
	}
	s.page.history.sample(s.cluster, time.Now())
	s.done("/groups/counts/offsets", url.Values{"topic": {"t"}, "to": {"0"}, "partition": {"1"}}, "1 offsets of t were reset")
	s.get("/groups/counts", "↑")
	s.get("/topics/t", `href="/groups/counts"`)
	var rows []TopicRow
	check(t, json.Unmarshal([]byte(s.get("/topics?format=json")), &rows))
	if len(rows) != 1 || rows[0].Groups != 1 || rows[0].Lag != 5 || rows[0].Records != 10 {
		t.Errorf("topics are %+v", rows)
	}
	for _, form := range []url.Values{{"topic": {"nobody"}, "to": {"0"}}, {"topic": {"t"}, "to": {"soon"}}, {"topic": {"t"}, "to": {"0"}, "partition": {"7"}}, {"topic": {"t"}, "to": {"0"}, "partition": {"x"}}} {
		if w := s.post("/groups/counts/offsets", form); w.Code < 400 {
			t.Errorf("%v: %d", form, w.Code)
		}
	}
	stop := s.consuming("counts", "t", "c")
	defer stop()
	if w := s.post("/groups/counts/offsets", url.Values{"topic": {"t"}, "to": {"0"}}); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "has members") {
		t.Errorf("with a member: %d %s", w.Code, w.Body)
	}
}
