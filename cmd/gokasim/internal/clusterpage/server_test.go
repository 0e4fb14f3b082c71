package clusterpage

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"go.uber.org/goleak"

	"github.com/gokasim/gokasim/internal/dump"
	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/internal/page/pagetest"
	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick")) // never ends once sarama was used
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const script = "<script>alert(1)</script>"

// shown is a cluster and its page.
type shown struct {
	testing.TB
	cluster *memkafka.Cluster
	page    *Server
}

func show(t *testing.T, o Options, options ...memkafka.Option) shown {
	t.Helper()
	c := memkafka.New(append([]memkafka.Option{memkafka.WithInitialRebalanceDelay(0)}, options...)...)
	t.Cleanup(c.Close)
	return shown{t, c, New(c, o)}
}

func (s shown) ask(method, target string, form url.Values, headers ...string) *httptest.ResponseRecorder {
	return pagetest.Ask(s.page, method, target, form, headers...)
}

// get asks for a page that has to have all parts, and no script of a record.
func (s shown) get(target string, parts ...string) string {
	s.Helper()
	w := s.ask("GET", target, nil)
	if w.Code != http.StatusOK {
		s.Fatalf("%s: %d %s", target, w.Code, w.Body)
	}
	text := w.Body.String()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			s.Errorf("%s lacks %q:\n%s", target, part, text)
		}
	}
	if strings.Contains(text, script) && strings.Contains(w.Header().Get("Content-Type"), "html") {
		s.Errorf("%s has a script", target)
	}
	return text
}

// post sends a form with the page's token.
func (s shown) post(target string, form url.Values) *httptest.ResponseRecorder {
	s.Helper()
	form.Set("token", s.page.site.Token())
	return s.ask("POST", target, form)
}

func (s shown) done(target string, form url.Values, note string) {
	s.Helper()
	w := s.post(target, form)
	at, err := url.Parse(w.Header().Get("Location"))
	if err != nil || w.Code != http.StatusSeeOther || !strings.Contains(at.Query().Get("note"), note) {
		s.Fatalf("%s: %d, to %q, want a note with %q: %s", target, w.Code, w.Header().Get("Location"), note, w.Body)
	}
}

func TestPagesOfACluster(t *testing.T) {
	s := show(t, Options{Addrs: []string{"a:1", "b:2"}}, memkafka.WithBrokers(2))
	s.done("/topics", url.Values{"name": {"orders"}, "partitions": {"3"}, "replication": {"2"}, "configs": {"retention.ms=60000\n"}}, "topic orders was created")
	s.done("/topics/orders/records", url.Values{"key": {script}, "value": {script}, "headers": {script + ": x\nnull\nnull: \n"}, "partition": {"1"}}, "offset 0 of partition 1")
	s.done("/topics/orders/records", url.Values{"key": {"k"}, "value_kind": {"null"}}, "the record is at offset")
	s.done("/topics/orders/records", url.Values{"key_kind": {"empty"}, "value_kind": {"hex"}, "value": {"00 ff"}, "partition": {"2"}}, "of partition 2")
	s.get("/", "a:1,b:2", "controller", "Take a snapshot")
	s.get("/topics", `href="/topics/orders"`)
	s.get("/topics/orders", "retention.ms", "High watermark", "Last stable")
	s.get("/topics/orders/1", "Segments", "active")
	s.get("/topics/orders/records", "&lt;script&gt;", "tombstone", "00 ff", "empty", "null")
	s.get("/topics/orders/1/0", "&lt;script&gt;", "Headers")
	s.get("/topics/orders/records?tail=1", `data-refresh="1"`, "live")
	s.get("/topics/orders/records?as=hex", "3c 73 63 72")
	s.get("/groups", "There are no such groups")
	s.get("/transactions", "There are no transactional ids")
	s.get("/metrics", "kafka_brokers 2", `kafka_topic_partitions{topic="orders"} 3`, `kafka_topic_partition_current_offset{partition="1",topic="orders"} 1`,
		`kafka_topic_partition_oldest_offset{partition="1",topic="orders"} 0`, `kafka_topic_partition_leader{partition="1",topic="orders"}`)
	s.done("/topics/orders/leader", url.Values{"partition": {"1"}, "broker": {"0"}}, "leads orders/1, in epoch 1")
	s.done("/faults", url.Values{"faults": {"on produce topic=orders nth=3: drop-response\r\n"}}, "1 faults were added")
	s.get("/faults", "drop-response")
	s.done("/faults/clear", url.Values{}, "no faults")
	s.done("/brokers/2/down", url.Values{}, "broker 2 is down")
	s.get("/", `<span class="state bad">down</span>`)
	s.done("/brokers/2/up", url.Values{}, "broker 2 is up")
	s.done("/clock", url.Values{"by": {"1h"}}, "jumped by 1h")
	w := s.post("/snapshot", url.Values{})
	again, err := memkafka.Restore(w.Body)
	check(t, err)
	defer again.Close()
	if n := again.Partitions("orders"); n != 3 {
		t.Errorf("the snapshot has %d partitions", n)
	}
}

func TestWhatIsRefused(t *testing.T) {
	s := show(t, Options{})
	check(t, s.cluster.CreateTopic("t", 1))
	for target, want := range map[string]int{
		"/topics/nobody": 404, "/topics/nobody/records": 404, "/topics/t/7": 404, "/topics/t/x": 404, "/topics/t/0/5": 400, "/groups/nobody": 404, "/nobody": 404,
		"/topics/t/records?partition=9": 404, "/topics/t/records?partition=x": 400, "/topics/t/records?size=-1": 400, "/topics/t/records?in=x": 400,
		"/topics/t/records?as=x": 400, "/topics/t/records?from=x": 400, "/topics/t/records?time=x": 400, "/topics/t/records?at=x": 400,
		"/_assets/..%2fpage.go": 404, "/..%2f..%2fetc/passwd": 404,
	} {
		if w := s.ask("GET", target, nil); w.Code != want {
			t.Errorf("%s: %d, want %d: %s", target, w.Code, want, w.Body)
		}
	}
	for _, c := range []struct {
		target string
		form   url.Values
		text   string
	}{
		{"/topics", url.Values{"name": {"t"}}, "TOPIC_ALREADY_EXISTS"},
		{"/topics", url.Values{"name": {"u"}, "partitions": {"x"}}, "not a number"},
		{"/topics", url.Values{"name": {"u"}, "configs": {"nonsense"}}, "has no ="},
		{"/topics/t/records", url.Values{"value_kind": {"hex"}, "value": {"0"}}, "hex"},
		{"/topics/t/records", url.Values{"key_kind": {"x"}}, "none of"},
		{"/topics/t/leader", url.Values{"partition": {"9"}}, "UNKNOWN_TOPIC_OR_PARTITION"},
		{"/faults", url.Values{"faults": {"nonsense"}}, "faults"},
		{"/faults", url.Values{}, "no fault was given"},
		{"/clock", url.Values{"by": {"x"}}, "clock"},
		{"/brokers/9/down", url.Values{}, "9"},
		{"/brokers/1/sideways", url.Values{}, "sideways"},
	} {
		if w := s.post(c.target, c.form); w.Code < 400 || !strings.Contains(w.Body.String(), c.text) {
			t.Errorf("%s %v: %d, want %q: %s", c.target, c.form, w.Code, c.text, w.Body)
		}
	}
	for what, w := range map[string]*httptest.ResponseRecorder{
		"no token":     s.ask("POST", "/faults/clear", url.Values{}),
		"another site": s.ask("POST", "/faults/clear", url.Values{"token": {s.page.site.Token()}}, "Origin", "http://evil.example"),
	} {
		if w.Code != http.StatusForbidden {
			t.Errorf("%s: %d", what, w.Code)
		}
	}
}

func TestAUserIsAskedFor(t *testing.T) {
	s := show(t, Options{User: "me", Password: "secret"})
	for _, target := range []string{"/", "/metrics", "/_assets/style.css"} {
		if w := s.ask("GET", target, nil); w.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d", target, w.Code)
		}
		r := httptest.NewRequest("GET", target, nil)
		r.SetBasicAuth("me", "secret")
		w := httptest.NewRecorder()
		if s.page.ServeHTTP(w, r); w.Code != http.StatusOK {
			t.Errorf("%s, with a password: %d", target, w.Code)
		}
	}
}

// TestReadingPageByPage goes through all records in both directions, and compares with what there is.
func TestReadingPageByPage(t *testing.T) {
	s := show(t, Options{})
	check(t, s.cluster.CreateTopic("t", 3))
	const n = 1000
	for i := range n {
		_, err := s.cluster.Produce("t", int32(i%3), memkafka.Record{Key: fmt.Append(nil, i), Value: []byte("v"), Timestamp: memkafka.Millis(1000 + i)})
		check(t, err)
	}
	for _, order := range []string{"oldest", "newest"} {
		var got []string
		for next := "/topics/t/records?format=json&size=70&order=" + order; ; {
			var answer struct {
				Records []struct{ Key string }
				Next    string
			}
			check(t, json.Unmarshal([]byte(s.get(next)), &answer))
			for _, r := range answer.Records {
				got = append(got, r.Key)
			}
			if next = answer.Next; len(answer.Records) == 0 {
				break
			}
		}
		if order == "newest" {
			slices.Reverse(got)
		}
		if len(got) != n || got[0] != "0" || got[n-1] != fmt.Sprint(n-1) || !slices.IsSortedFunc(got, func(a, b string) int {
			return len(a)*100000 + int(a[0]) - len(b)*100000 - int(b[0])
		}) {
			t.Errorf("%s first: %d records, %v…", order, len(got), got[:min(20, len(got))])
		}
	}
	if text := s.get("/topics/t/records?q=999&in=key"); strings.Count(text, "<tr>") != 2 {
		t.Errorf("a search found %d rows", strings.Count(text, "<tr>")-1)
	}
	s.get("/topics/t/records?partition=1&order=oldest&from=100&size=1", ">100</a>")
	s.get("/topics/t/records?partition=1&from=100&size=1", ">100</a>")
	s.get("/topics/t/records?partition=0&order=oldest&time=1970-01-01T00:00:01.300Z&size=1", ">100</a>")
}

func TestTheExportIsADump(t *testing.T) {
	s := show(t, Options{})
	check(t, s.cluster.CreateTopic("t", 1))
	want := memkafka.Record{Key: []byte{0xff}, Value: []byte(script), Timestamp: 5, Headers: []memkafka.Header{{Key: "h"}, {Key: "h", Value: []byte{}}}}
	_, err := s.cluster.Produce("t", 0, want)
	check(t, err)
	r, err := dump.NewReader("export", strings.NewReader(s.get("/topics/t/dump")))
	check(t, err)
	var got dump.Record
	check(t, r.Next(&got))
	if string(got.Key) != "\xff" || string(got.Value) != script || len(got.Headers) != 2 || got.Timestamp != kafka.Millis(5) {
		t.Errorf("the export has %+v", got)
	}
}

func TestAGreatValueIsShownInPart(t *testing.T) {
	s := show(t, Options{})
	check(t, s.cluster.CreateTopic("t", 1, memkafka.WithConfig("max.message.bytes", "209715200")))
	_, err := s.cluster.Produce("t", 0, memkafka.Record{Value: []byte(strings.Repeat("x", 100<<20)), Timestamp: 1})
	check(t, err)
	for _, target := range []string{"/topics/t/records", "/topics/t/0/0", "/topics/t/0/0?as=hex"} {
		if n := len(s.get(target, "the beginning of 100.0 MiB")); n > 4<<20 {
			t.Errorf("%s has %d bytes", target, n)
		}
	}
}

// consuming has a member of a group read a topic, until it is stopped.
func (s shown) consuming(group, topic, client string) (stop func()) {
	s.Helper()
	config := sarama.NewConfig()
	config.ClientID, config.Consumer.Offsets.Initial = client, sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Interval = 10 * time.Millisecond
	g, err := saramaclient.NewConsumerGroup(s.cluster, group, config)
	check(s.TB, err)
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		h := &member{ready: ready}
		for ctx.Err() == nil {
			if g.Consume(ctx, []string{topic}, h) != nil {
				return
			}
		}
	}()
	<-ready
	return func() {
		cancel()
		<-done
		check(s.TB, g.Close())
	}
}

type member struct {
	once  sync.Once
	ready chan struct{}
}

func (m *member) Setup(sarama.ConsumerGroupSession) error {
	m.once.Do(func() { close(m.ready) })
	return nil
}
func (*member) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (*member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for msg := range claim.Messages() {
		session.MarkMessage(msg, "")
	}
	return nil
}

func TestGroupsWithMembersLagAndHistory(t *testing.T) {
	s := show(t, Options{})
	check(t, s.cluster.CreateTopic("t", 2))
	for range 5 {
		_, err := s.cluster.Produce("t", 0, memkafka.Record{Value: []byte("v"), Timestamp: memkafka.NoTimestamp})
		check(t, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	watched := make(chan struct{})
	go func() { s.page.Run(ctx); close(watched) }()
	stop := s.consuming("counts", "t", script)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if o, ok := s.cluster.Committed("counts", "t", 0); ok && o == 5 {
			break
		}
		<-time.After(time.Millisecond)
	}
	s.get("/groups", `href="/groups/counts"`, "Stable")
	s.get("/groups/counts", "t/0", "t/1", "&lt;script&gt;", "leader")
	s.get("/metrics", `kafka_consumergroup_current_offset{consumergroup="counts",partition="0",topic="t"} 5`, `kafka_consumergroup_lag{consumergroup="counts",partition="0",topic="t"} 0`, `kafka_consumergroup_members{consumergroup="counts"} 1`)
	stop()
	_, err := s.cluster.Produce("t", 0, memkafka.Record{Value: []byte("v"), Timestamp: memkafka.Millis(time.Now().Add(-time.Hour).UnixMilli())})
	check(t, err)
	text := s.get("/groups/counts", "Empty", "Generations", "−&lt;script&gt;")
	if !strings.Contains(text, "1 h 0 min") {
		t.Errorf("the lag in time is not an hour:\n%s", text)
	}
	var g Group
	check(t, json.Unmarshal([]byte(s.get("/groups/counts?format=json")), &g))
	if len(g.History) < 2 || g.Lag != 1 {
		t.Errorf("group is %+v", g)
	}
	cancel()
	<-watched
}

// TestManyPartitionsAndGroups looks that pages of a great cluster stay small; BenchmarkPages has how long they take.
func TestManyPartitionsAndGroups(t *testing.T) {
	s := great(t)
	for target, most := range map[string]int{
		"/": 64 << 10, "/topics": 64 << 10, "/topics/wide": 1 << 20, "/topics/wide/records": 512 << 10, "/groups": 512 << 10, "/groups?sort=lag": 512 << 10,
	} {
		if n := len(s.get(target)); n > most {
			t.Errorf("%s has %d bytes, more than %d", target, n, most)
		}
	}
	if n := testing.AllocsPerRun(1, func() { s.get("/metrics") }); n > 200_000 {
		t.Errorf("/metrics makes %.0f allocations for 10,000 groups", n)
	}
	s.get("/groups?from=9900", "group-9999")
	s.get("/groups?q=group-77", "group-7777")
}

func great(t testing.TB) shown {
	t.Helper()
	c := memkafka.New()
	t.Cleanup(c.Close)
	if err := c.CreateTopic("wide", 1000); err != nil {
		t.Fatal(err)
	}
	for p := range int32(1000) {
		for range 3 {
			if _, err := c.Produce("wide", p, memkafka.Record{Key: []byte("k"), Value: []byte(`{"a":1}`), Timestamp: memkafka.NoTimestamp}); err != nil {
				t.Fatal(err)
			}
		}
	}
	client, err := saramaclient.NewClient(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }() // in memory
	admin, err := saramaclient.NewClusterAdminFromClient(client)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10_000 {
		at := map[string]map[int32]sarama.OffsetAndMetadata{"wide": {int32(i % 1000): {Offset: int64(i % 4)}}}
		if _, err := admin.AlterConsumerGroupOffsets(fmt.Sprintf("group-%04d", i), at, nil); err != nil {
			t.Fatal(err)
		}
	}
	return shown{t, c, New(c, Options{})}
}

// BenchmarkPages has the pages of a cluster with 1,000 partitions and 10,000 groups made.
func BenchmarkPages(b *testing.B) {
	s := great(b)
	for _, target := range []string{"/", "/topics", "/topics/wide", "/topics/wide/records", "/groups", "/groups?sort=lag", "/metrics"} {
		b.Run(strings.TrimPrefix(target, "/"), func(b *testing.B) {
			for b.Loop() {
				s.get(target)
			}
		})
	}
}
