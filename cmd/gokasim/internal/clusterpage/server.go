// Package clusterpage is the page of gokasim serve: what a cluster holds, who reads it, and what one may do to it.
package clusterpage

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gokasim/gokasim/cmd/gokasim/internal/schema"
	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/internal/page"
	"github.com/gokasim/gokasim/memkafka"
)

//go:embed all:templates
var files embed.FS

// Server is the page of one cluster. It is safe for concurrent use.
type Server struct {
	cluster *memkafka.Cluster
	site    *page.Site
	own     http.Handler
	history *history
	schemas *schema.Set
	addrs   []string // bootstrap servers
}

// Options are the settings of a Server.
type Options struct {
	User, Password string      // asked for, unless User is empty
	Addrs          []string    // of the brokers, to be shown
	AnyHost        bool        // requests may come under any name, as through a proxy on this machine
	Schemas        *schema.Set // that keys and values are decoded by, and that the page adds to; nil for none yet
	Log            *slog.Logger
}

// New makes the page of a cluster. Run has to be called for the history of groups.
func New(cluster *memkafka.Cluster, o Options) *Server {
	s := &Server{cluster: cluster, history: newHistory(), schemas: o.Schemas, addrs: o.Addrs}
	if s.schemas == nil {
		s.schemas = &schema.Set{}
	}
	templates, err := fs.Sub(files, "templates")
	if err != nil {
		panic(err)
	}
	settings := []page.Option{
		page.WithBasicAuth(o.User, o.Password),
		page.WithNav(
			page.Link{Name: "Cluster", Path: "/"}, page.Link{Name: "Topics", Path: "/topics"}, page.Link{Name: "Groups", Path: "/groups"},
			page.Link{Name: "Transactions", Path: "/transactions"}, page.Link{Name: "Schemas", Path: "/schemas"}, page.Link{Name: "Faults", Path: "/faults"},
		),
	}
	if !o.AnyHost {
		settings = append(settings, page.OnlyLocal())
	}
	if o.Log != nil {
		settings = append(settings, page.WithLog(o.Log))
	}
	s.site = page.New("/", "gokasim", templates, settings...)
	s.own = s.site.Attach(nil, page.Routes{
		"GET {$}":                    s.overview,
		"GET topics":                 s.topics,
		"POST topics":                s.createTopic,
		"GET topics/{topic}":         s.topic,
		"POST topics/{topic}/leader": s.moveLeader,
		"GET topics/{topic}/records": s.records,
		"GET topics/{topic}/dump":    s.dump,
		"GET topics/{topic}/test":    s.test,
		"POST topics/{topic}/{partition}/{offset}/again": s.again,
		"POST topics/{topic}/records":                    s.produce,
		"GET topics/{topic}/{partition}":                 s.partition,
		"GET topics/{topic}/{partition}/{offset}":        s.record,
		"GET groups":                  s.groups,
		"GET groups/{group}":          s.group,
		"POST groups/{group}/offsets": s.resetOffset,
		"GET schemas":                 s.showSchemas,
		"POST schemas":                s.addSchema,
		"POST schemas/remove":         s.removeSchema,
		"GET transactions":            s.transactions,
		"GET faults":                  s.faults,
		"POST faults":                 s.addFaults,
		"POST faults/clear":           s.clearFaults,
		"POST brokers/{id}/{way}":     s.broker,
		"POST clock":                  s.clock,
		"POST snapshot":               s.snapshot,
		"GET metrics":                 s.metrics(),
	})
	return s
}

// ServeHTTP serves the page.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.own.ServeHTTP(w, r) }

// Run watches the groups' generations, until ctx ends.
func (s *Server) Run(ctx context.Context) {
	tick := time.NewTicker(historyInterval)
	defer tick.Stop()
	for {
		s.history.look(s.cluster, time.Now())
		s.history.sample(s.cluster, time.Now())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Broker is a broker as the page shows it, also as JSON.
type Broker struct {
	ID         int32  `json:"id"`
	Addr       string `json:"addr,omitempty"`
	Up         bool   `json:"up"`
	Controller bool   `json:"controller"`
}

// Overview is the first page, also as JSON.
type Overview struct {
	Brokers      []Broker                        `json:"brokers"`
	Topics       int                             `json:"topics"`
	Partitions   int                             `json:"partitions"`
	Groups       int                             `json:"groups"`
	Transactions int                             `json:"transactions"`
	Records      int64                           `json:"records"`
	Bytes        int64                           `json:"bytes"`
	Bootstrap    string                          `json:"bootstrap"`
	Configs      map[string]memkafka.ConfigEntry `json:"-"`
	Settings     []memkafka.ConfigEntry          `json:"-"`
}

const refreshSeconds = 3

func (s *Server) overview(w http.ResponseWriter, r *http.Request) {
	o := Overview{Groups: len(s.cluster.DescribeGroups()), Transactions: len(s.cluster.Transactions()), Bootstrap: strings.Join(s.addrs, ",")}
	up, controller := s.cluster.Brokers(), s.cluster.Controller()
	for id := int32(1); id <= s.cluster.BrokerCount(); id++ {
		b := Broker{ID: id, Up: slices.Contains(up, id), Controller: id == controller}
		if int(id) <= len(s.addrs) {
			b.Addr = s.addrs[id-1]
		}
		o.Brokers = append(o.Brokers, b)
	}
	for _, t := range s.cluster.DescribeTopics() {
		o.Topics++
		o.Partitions += t.Partitions
		o.Records += t.Records
		o.Bytes += t.Bytes
	}
	if settings, err := s.cluster.BrokerConfigs(1); err == nil {
		o.Settings = settings
	}
	if page.WantsJSON(r) {
		s.site.JSON(w, r, o)
		return
	}
	s.site.Show(w, r, "overview.html", page.View{Title: "Cluster", Refresh: refreshSeconds, Body: o})
}

func (s *Server) topics(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query().Get("q")
	readers := s.readers()
	topics := slices.DeleteFunc(s.cluster.DescribeTopics(), func(t memkafka.TopicDescription) bool {
		return !strings.Contains(t.Name, q) || q == "" && t.Internal && r.URL.Query().Get("internal") == ""
	})
	rows := make([]TopicRow, 0, len(topics))
	for _, t := range topics {
		rows = append(rows, TopicRow{t, len(readers[t.Name]), greatest(readers[t.Name])})
	}
	if page.WantsJSON(r) {
		s.site.JSON(w, r, rows)
		return
	}
	s.site.Show(w, r, "topics.html", page.View{Title: "Topics", Refresh: refreshSeconds, Body: struct {
		Q, Internal string
		Topics      []TopicRow
	}{q, r.URL.Query().Get("internal"), rows}})
}

// TopicRow is a topic in the list of all, also as JSON.
type TopicRow struct {
	memkafka.TopicDescription
	Groups int   // that committed offsets
	Lag    int64 // of the group that is furthest behind
}

// Reader is a group that committed offsets of a topic.
type Reader struct {
	Group   string `json:"group"`
	Members int    `json:"members"`
	Lag     int64  `json:"lag"`
}

// readers are the groups of each topic.
func (s *Server) readers() map[string][]Reader {
	of := map[string][]Reader{}
	for _, g := range s.cluster.GroupProgresses() {
		for i := 0; i < len(g.Offsets); {
			r, topic := Reader{Group: g.ID, Members: g.Members}, g.Offsets[i].Topic
			for ; i < len(g.Offsets) && g.Offsets[i].Topic == topic; i++ {
				r.Lag += g.Offsets[i].Lag
			}
			of[topic] = append(of[topic], r)
		}
	}
	return of
}

func greatest(list []Reader) int64 {
	var lag int64
	for _, r := range list {
		lag = max(lag, r.Lag)
	}
	return lag
}

// Form is for a new record of the topic.
func (t Topic) Form() form { return form{Topic: t.Name} }

// readersOnPage is how many groups the page of a topic has.
const readersOnPage = 50

// Topic is the page of a topic, also as JSON.
type Topic struct {
	Name       string                          `json:"name"`
	Partitions []memkafka.PartitionDescription `json:"partitions"`
	Configs    []memkafka.ConfigEntry          `json:"configs"`
	Readers    []Reader                        `json:"groups"` // the furthest behind first
	Unshown    int                             `json:"-"`      // of these, on the page
	Brokers    []int32                         `json:"-"`
}

func (s *Server) topic(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("topic")
	partitions, err := s.cluster.DescribePartitions(name)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	configs, err := s.cluster.TopicConfigs(name)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	t := Topic{Name: name, Partitions: partitions, Configs: configs, Readers: append([]Reader{}, s.readers()[name]...), Brokers: s.cluster.Brokers()}
	slices.SortStableFunc(t.Readers, func(a, b Reader) int { return cmp.Compare(b.Lag, a.Lag) })
	if page.WantsJSON(r) {
		s.site.JSON(w, r, t)
		return
	}
	if n := len(t.Readers); n > readersOnPage {
		t.Readers, t.Unshown = t.Readers[:readersOnPage], n-readersOnPage
	}
	s.site.Show(w, r, "topic.html", page.View{Title: "Topic " + name, Trail: s.trail("topics"), Refresh: refreshSeconds, Body: t})
}

func (s *Server) trail(parts ...string) []page.Link {
	var links []page.Link
	for i, p := range parts {
		name := p
		if i == 0 {
			name = strings.ToUpper(p[:1]) + p[1:]
		}
		links = append(links, page.Link{Name: name, Path: s.site.Path(parts[:i+1]...)})
	}
	return links
}

func (s *Server) partition(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("topic")
	number, err := strconv.ParseInt(r.PathValue("partition"), 10, 32)
	if err != nil {
		s.fail(w, r, fmt.Errorf("%q is not the number of a partition: %w", r.PathValue("partition"), kafka.UnknownTopicOrPartition))
		return
	}
	partitions, err := s.cluster.DescribePartitions(name)
	if err == nil && (number < 0 || int(number) >= len(partitions)) {
		err = fmt.Errorf("partition %s/%d: %w", name, number, kafka.UnknownTopicOrPartition)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	segments, err := s.cluster.Segments(name, int32(number))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	p := struct {
		Topic     string                        `json:"topic"`
		Partition memkafka.PartitionDescription `json:"partition"`
		Segments  []memkafka.Segment            `json:"segments"`
		Brokers   []int32                       `json:"-"`
	}{name, partitions[number], segments, s.cluster.Brokers()}
	if page.WantsJSON(r) {
		s.site.JSON(w, r, p)
		return
	}
	s.site.Show(w, r, "partition.html", page.View{Title: fmt.Sprintf("Partition %s/%d", name, number), Trail: s.trail("topics", name), Refresh: refreshSeconds, Body: p})
}

// groupsOnPage is how many groups a page has.
const groupsOnPage = 200

func (s *Server) groups(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	groups := slices.DeleteFunc(s.cluster.DescribeGroups(), func(g memkafka.GroupSummary) bool { return !strings.Contains(g.ID, q.Get("q")) })
	if q.Get("sort") == "lag" {
		slices.SortStableFunc(groups, func(a, b memkafka.GroupSummary) int { return int(max(-1, min(1, b.Lag-a.Lag))) })
	}
	if page.WantsJSON(r) {
		s.site.JSON(w, r, append([]memkafka.GroupSummary{}, groups...))
		return
	}
	shown := struct {
		Q, Sort        string
		Total, From    int
		Groups         []memkafka.GroupSummary
		Previous, Next string
	}{Q: q.Get("q"), Sort: q.Get("sort"), Total: len(groups)}
	from, _ := strconv.Atoi(q.Get("from")) // 0 for what is no number
	from = max(0, min(from, len(groups)))
	to := min(from+groupsOnPage, len(groups))
	link := func(from int) string {
		return "/groups?" + url.Values{"q": {shown.Q}, "sort": {shown.Sort}, "from": {strconv.Itoa(from)}}.Encode()
	}
	if from > 0 {
		shown.Previous = link(max(0, from-groupsOnPage))
	}
	if to < len(groups) {
		shown.Next = link(to)
	}
	shown.From, shown.Groups = from, groups[from:to]
	s.site.Show(w, r, "groups.html", page.View{Title: "Groups", Refresh: refreshSeconds, Body: shown})
}

// Group is the page of a group, also as JSON.
type Group struct {
	memkafka.GroupDescription
	History []Generation  `json:"history"`
	LagTime time.Duration `json:"lag_time"` // age of the oldest record that is not committed
	Trend   string        `json:"trend"`    // of the lag: ↑, ↓ or →
}

func (s *Server) group(w http.ResponseWriter, r *http.Request) {
	s.history.look(s.cluster, time.Now())
	d, err := s.cluster.DescribeGroup(r.PathValue("group"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	g := Group{GroupDescription: d, History: s.history.of(d.ID), Trend: s.history.trend(d.ID, d.Lag)}
	for _, o := range d.Offsets {
		if age, ok := lagTime(o); ok {
			g.LagTime = max(g.LagTime, age)
		}
	}
	if page.WantsJSON(r) {
		s.site.JSON(w, r, g)
		return
	}
	s.site.Show(w, r, "group.html", page.View{Title: "Group " + d.ID, Trail: s.trail("groups"), Refresh: refreshSeconds, Body: g})
}

// resetOffset has a group go on elsewhere.
func (s *Server) resetOffset(w http.ResponseWriter, r *http.Request) {
	id, topic := r.PathValue("group"), strings.TrimSpace(r.PostFormValue("topic"))
	n := s.cluster.Partitions(topic)
	if n == 0 {
		s.fail(w, r, fmt.Errorf("topic %s: %w", topic, kafka.UnknownTopicOrPartition))
		return
	}
	one, err := number(r, "partition", -1)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	to := strings.TrimSpace(r.PostFormValue("to"))
	done := 0
	for p := range n {
		if one >= 0 && p != one {
			continue
		}
		at, err := s.resetTo(topic, p, to)
		if err == nil {
			err = s.cluster.ResetOffset(id, topic, p, at)
		}
		if err != nil {
			if errors.Is(err, kafka.UnknownMemberID) {
				err = fmt.Errorf("group %s has members, which would go on where they are; stop them first: %w", id, err)
			}
			s.fail(w, r, err)
			return
		}
		done++
	}
	if done == 0 {
		s.fail(w, r, fmt.Errorf("partition %s/%d: %w", topic, one, kafka.UnknownTopicOrPartition))
		return
	}
	s.site.Done(w, r, s.site.Path("groups", id), fmt.Sprintf("%d offsets of %s were reset", done, topic))
}

// resetTo finds the offset that a form means: start, end, a number or a time.
func (s *Server) resetTo(topic string, partition int32, to string) (kafka.Offset, error) {
	start, high, err := s.cluster.Offsets(topic, partition)
	if err != nil {
		return 0, err
	}
	switch to {
	case "start":
		return start, nil
	case "end":
		return high, nil
	}
	if n, err := strconv.ParseInt(to, 10, 64); err == nil {
		return kafka.Offset(n), nil
	}
	at, err := parseTime(to)
	if err != nil {
		return 0, fmt.Errorf("%q is none of start, end, an offset and a time in UTC, as 2026-01-31T12:30", to)
	}
	return s.cluster.OffsetForTime(topic, partition, at)
}

func lagTime(o memkafka.GroupOffset) (time.Duration, bool) {
	if o.Oldest == memkafka.NoTimestamp {
		return 0, false
	}
	return max(0, time.Since(o.Oldest.Time())), true
}

func (s *Server) transactions(w http.ResponseWriter, r *http.Request) {
	list := s.cluster.Transactions()
	if page.WantsJSON(r) {
		s.site.JSON(w, r, append([]memkafka.TransactionDescription{}, list...))
		return
	}
	s.site.Show(w, r, "transactions.html", page.View{Title: "Transactions", Refresh: refreshSeconds, Body: list})
}

func (s *Server) faults(w http.ResponseWriter, r *http.Request) {
	counts := s.cluster.FaultCounts()
	if page.WantsJSON(r) {
		s.site.JSON(w, r, append([]memkafka.FaultCount{}, counts...))
		return
	}
	s.site.Show(w, r, "faults.html", page.View{Title: "Faults", Refresh: refreshSeconds, Body: counts})
}

// fail answers with an error of the cluster: it does not exist, or it is refused.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusBadRequest
	for _, gone := range []kafka.ErrorCode{kafka.UnknownTopicOrPartition, kafka.GroupIDNotFound} {
		if errors.Is(err, gone) {
			status = http.StatusNotFound
		}
	}
	s.site.Fail(w, r, status, err)
}

func (s *Server) createTopic(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimSpace(r.PostFormValue("name"))
	partitions, err := number(r, "partitions", 1)
	replication, err2 := number(r, "replication", -1)
	if err := errors.Join(err, err2); err != nil {
		s.fail(w, r, err)
		return
	}
	options := []memkafka.TopicOption{memkafka.WithReplication(int16(replication))}
	for line := range strings.Lines(r.PostFormValue("configs")) {
		line = strings.TrimSpace(line)
		key, value, ok := strings.Cut(line, "=")
		switch {
		case line == "":
		case !ok:
			s.fail(w, r, fmt.Errorf("setting %q has no =; give NAME=VALUE", line))
			return
		default:
			options = append(options, memkafka.WithConfig(strings.TrimSpace(key), strings.TrimSpace(value)))
		}
	}
	if err := s.cluster.CreateTopic(name, partitions, options...); err != nil {
		s.fail(w, r, err)
		return
	}
	s.site.Done(w, r, s.site.Path("topics", name), fmt.Sprintf("topic %s was created", name))
}

// number reads a number of a form; an empty field is the default.
func number(r *http.Request, field string, otherwise int32) (int32, error) {
	text := strings.TrimSpace(r.PostFormValue(field))
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%s: %q is not a number", field, text)
	}
	return int32(n), nil
}

func (s *Server) moveLeader(w http.ResponseWriter, r *http.Request) {
	topic := r.PathValue("topic")
	partition, err := number(r, "partition", -1)
	broker, err2 := number(r, "broker", 0)
	if err := errors.Join(err, err2); err != nil {
		s.fail(w, r, err)
		return
	}
	if err := s.cluster.MoveLeader(topic, partition, broker); err != nil {
		s.fail(w, r, err)
		return
	}
	m, err := s.cluster.PartitionMetadata(topic, partition)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.site.Done(w, r, s.site.Path("topics", topic, strconv.Itoa(int(partition))), fmt.Sprintf("broker %d leads %s/%d, in epoch %d", m.Leader, topic, partition, m.LeaderEpoch))
}

func (s *Server) addFaults(w http.ResponseWriter, r *http.Request) {
	text := strings.ReplaceAll(r.PostFormValue("faults"), "\r\n", "\n")
	f, err := memkafka.ParseFaults(text)
	if err == nil && f.Len() == 0 {
		err = errors.New("no fault was given; write one a line, as: on produce topic=clicks nth=3: drop-response")
	}
	if err == nil {
		err = s.cluster.AddFaults(text)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.site.Done(w, r, "/faults", fmt.Sprintf("%d faults were added", f.Len()))
}

func (s *Server) clearFaults(w http.ResponseWriter, r *http.Request) {
	s.cluster.ClearFaults()
	s.site.Done(w, r, "/faults", "there are no faults any more")
}

func (s *Server) broker(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 32)
	if err != nil {
		s.fail(w, r, fmt.Errorf("%q is not the number of a broker", r.PathValue("id")))
		return
	}
	switch way := r.PathValue("way"); way {
	case "down":
		err = s.cluster.BrokerDown(int32(id))
	case "up":
		err = s.cluster.BrokerUp(int32(id))
	default:
		err = fmt.Errorf("a broker goes up or down, not %q", way)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.site.Done(w, r, "/", fmt.Sprintf("broker %d is %s", id, r.PathValue("way")))
}

func (s *Server) clock(w http.ResponseWriter, r *http.Request) {
	by, err := time.ParseDuration(strings.TrimSpace(r.PostFormValue("by")))
	if err == nil {
		err = s.cluster.JumpClock(by)
	}
	if err != nil {
		s.fail(w, r, fmt.Errorf("clock: %w", err))
		return
	}
	s.site.Done(w, r, "/", fmt.Sprintf("the brokers' clocks jumped by %s", by))
}

func (s *Server) snapshot(w http.ResponseWriter, r *http.Request) {
	var b bytes.Buffer // whole before the first byte leaves, so that an error is one
	if err := s.cluster.Snapshot(&b); err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="gokasim-`+time.Now().UTC().Format("20060102-150405")+`.snapshot"`)
	_, _ = w.Write(b.Bytes()) // the browser may be gone
}

// bytesOf reads a key or value of a form: its text in the way that the field NAME_kind says.
func bytesOf(r *http.Request, field string) ([]byte, error) {
	text := r.PostFormValue(field)
	switch kind := r.PostFormValue(field + "_kind"); kind {
	case "null":
		return nil, nil
	case "empty":
		return []byte{}, nil
	case "hex":
		b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", field, err)
		}
		return b, nil
	case "", "text":
		return []byte(strings.ReplaceAll(text, "\r\n", "\n")), nil // browsers end lines so
	default:
		return nil, fmt.Errorf("%s: %q is none of text, hex, empty, null", field, kind)
	}
}

func (s *Server) produce(w http.ResponseWriter, r *http.Request) {
	topic := r.PathValue("topic")
	key, err := bytesOf(r, "key")
	value, err2 := bytesOf(r, "value")
	partition, err3 := number(r, "partition", -1)
	if err := errors.Join(err, err2, err3); err != nil {
		s.fail(w, r, err)
		return
	}
	rec := memkafka.Record{Key: key, Value: value, Timestamp: memkafka.NoTimestamp}
	for line := range strings.Lines(r.PostFormValue("headers")) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			continue
		}
		name, text, has := strings.Cut(line, ":")
		h := memkafka.Header{Key: name}
		if has {
			h.Value = []byte(strings.TrimPrefix(text, " "))
		}
		rec.Headers = append(rec.Headers, h)
	}
	if partition < 0 {
		n := s.cluster.Partitions(topic)
		if n == 0 {
			s.fail(w, r, fmt.Errorf("topic %s: %w", topic, kafka.UnknownTopicOrPartition))
			return
		}
		partition = partitionOf(key, n)
	}
	offset, err := s.cluster.Produce(topic, partition, rec)
	s.produced(w, r, topic, partition, offset, err)
}
