package clusterpage

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gokasim/gokasim/cmd/gokasim/internal/filter"
	"github.com/gokasim/gokasim/cmd/gokasim/internal/schema"
	"github.com/gokasim/gokasim/internal/dump"
	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/internal/page"
	"github.com/gokasim/gokasim/memkafka"
)

// How many records a page has unless it is said, and can have; how many are looked through for one page; and how much of a value is
// shown in a list and alone, in bytes.
const (
	recordsOnPage = 50
	mostOnPage    = 10_000
	mostSearched  = 200_000
	shownInList   = 2 << 10
	shownAlone    = 256 << 10
	mostPlaces    = 64 // partitions whose places fit into the link to the next page
)

// wanted is what a page of records was asked for.
type wanted struct {
	topic     string
	Partition int32 // negative for all
	Oldest    bool  // first, else the newest
	From      string
	Time      string
	Size      int
	Q, In     string
	Filter    string // an expression
	As        string
	Tail      bool
	at        map[int32]kafka.Offset // where to go on, by partition
	marked    []mark                 // these and no others

	chosen  *filter.Filter // nil for all
	schemas *schema.Set
}

// mark is a record that somebody chose.
type mark struct {
	partition int32
	offset    kafka.Offset
}

func (s *Server) parseWanted(r *http.Request) (wanted, error) {
	q := r.URL.Query()
	want := wanted{
		topic: r.PathValue("topic"), Partition: -1, Oldest: q.Get("order") == "oldest", From: strings.TrimSpace(q.Get("from")),
		Time: strings.TrimSpace(q.Get("time")), Size: recordsOnPage, Q: q.Get("q"), In: q.Get("in"), Filter: strings.TrimSpace(q.Get("filter")),
		As: q.Get("as"), Tail: q.Get("tail") != "", at: map[int32]kafka.Offset{}, schemas: s.schemas,
	}
	var errs []error
	if text := q.Get("partition"); text != "" {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			errs = append(errs, fmt.Errorf("partition: %q is not a number", text))
		}
		want.Partition = int32(n)
	}
	if text := q.Get("size"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			errs = append(errs, fmt.Errorf("size: %q is not a number of records", text))
		}
		want.Size = min(n, mostOnPage)
	}
	if want.In != "" && !slices.Contains([]string{"key", "value", "headers"}, want.In) {
		errs = append(errs, fmt.Errorf("in: %q is none of key, value, headers", want.In))
	}
	if want.As != "" && !slices.Contains(ways, want.As) {
		errs = append(errs, fmt.Errorf("as: %q is none of %s", want.As, strings.Join(ways, ", ")))
	}
	if want.Filter != "" {
		var err error
		if want.chosen, err = filter.Compile(want.Filter); err != nil {
			errs = append(errs, err)
		}
	}
	for _, place := range strings.FieldsFunc(q.Get("at"), func(c rune) bool { return c == ',' }) {
		m, err := parseMark(place)
		if err != nil {
			errs = append(errs, fmt.Errorf("at: %w", err))
		}
		want.at[m.partition] = m.offset
	}
	for _, text := range q["mark"] {
		m, err := parseMark(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("mark: %w", err))
		}
		want.marked = append(want.marked, m)
	}
	return want, errors.Join(errs...)
}

func parseMark(text string) (mark, error) {
	partition, offset, _ := strings.Cut(text, ":")
	p, err := strconv.ParseInt(partition, 10, 32)
	o, err2 := strconv.ParseInt(offset, 10, 64)
	if err != nil || err2 != nil {
		return mark{}, fmt.Errorf("%q is not PARTITION:OFFSET", text)
	}
	return mark{int32(p), kafka.Offset(o)}, nil
}

// query is the link to a page of records that begins at given places, or where it was asked to.
func (w wanted) query(at map[int32]kafka.Offset) string { return w.values(at).Encode() }

func (w wanted) values(at map[int32]kafka.Offset) url.Values {
	q := url.Values{}
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	if w.Partition >= 0 {
		q.Set("partition", strconv.Itoa(int(w.Partition)))
	}
	if w.Oldest {
		q.Set("order", "oldest")
	}
	if w.Size != recordsOnPage {
		q.Set("size", strconv.Itoa(w.Size))
	}
	set("q", w.Q)
	set("in", w.In)
	set("filter", w.Filter)
	set("as", w.As)
	if at != nil {
		var places []string
		for p, o := range at {
			places = append(places, fmt.Sprintf("%d:%d", p, o))
		}
		slices.Sort(places)
		q.Set("at", strings.Join(places, ","))
	} else {
		set("from", w.From)
		set("time", w.Time)
	}
	for _, m := range w.marked {
		q.Add("mark", fmt.Sprintf("%d:%d", m.partition, m.offset))
	}
	return q
}

// matches reports whether a record has the text that is looked for, as it is or as its schema has it, and is one that the filter wants.
func (w wanted) matches(partition int32, r memkafka.Record) bool {
	return w.contains(r) && (w.chosen == nil || w.chosen.Matches(filter.Record{
		Topic: w.topic, Partition: partition, Offset: r.Offset, Time: r.Timestamp.Time(), Key: r.Key, Value: r.Value, Headers: r.Headers,
		JSON: func() []byte { return w.decoded("value", r.Value, r.Value) },
	}))
}

// decoded is a key or value as its schema has it, otherwise when there is none or it is wrong.
func (w wanted) decoded(part string, b, otherwise []byte) []byte {
	if len(b) == 0 {
		return otherwise
	}
	d, err := w.schemas.Decode(w.topic, part, b)
	if err != nil {
		return otherwise
	}
	return d.JSON
}

func (w wanted) contains(r memkafka.Record) bool {
	if w.Q == "" {
		return true
	}
	text := []byte(w.Q)
	has := func(part string, b []byte) bool {
		return (w.In == "" || w.In == part) && (bytes.Contains(b, text) || !w.schemas.Empty() && bytes.Contains(w.decoded(part, b, nil), text))
	}
	if has("key", r.Key) || has("value", r.Value) {
		return true
	}
	if w.In == "" || w.In == "headers" {
		for _, h := range r.Headers {
			if strings.Contains(h.Key, w.Q) || bytes.Contains(h.Value, text) {
				return true
			}
		}
	}
	return false
}

// place is how far the reading of one partition is.
type place struct {
	partition  int32
	start, end kafka.Offset // of the partition
	began      kafka.Offset
	at         kafka.Offset // the next one to read, or the one after it when reading backwards
	buffer     []memkafka.Record
}

// next returns the next record of the partition, in the given direction.
func (p *place) next(c *memkafka.Cluster, topic string, oldest bool) (memkafka.Record, bool, error) {
	const window = 256
	for len(p.buffer) == 0 {
		if oldest && p.at >= p.end || !oldest && p.at <= p.start {
			return memkafka.Record{}, false, nil
		}
		from := p.at
		if !oldest {
			from = max(p.start, p.at-window)
		}
		records, err := c.Fetch(topic, p.partition, from, window)
		if err != nil {
			return memkafka.Record{}, false, err
		}
		switch {
		case oldest:
			p.buffer = records
			if len(records) == 0 {
				p.at = p.end
			}
		default:
			for len(records) > 0 && records[len(records)-1].Offset >= p.at {
				records = records[:len(records)-1]
			}
			slices.Reverse(records)
			p.buffer = records
			if len(records) == 0 {
				p.at = from
			}
		}
	}
	return p.buffer[0], true, nil
}

// take moves past the next record.
func (p *place) take(oldest bool) {
	p.at = p.buffer[0].Offset
	if oldest {
		p.at++
	}
	p.buffer = p.buffer[1:]
}

// found is a record and where it is.
type found struct {
	partition int32
	memkafka.Record
}

// read returns a page of records: those of all partitions by time, where to go on, and whether there may be more.
func (s *Server) read(want wanted) (list []found, places []*place, more bool, err error) {
	n := s.cluster.Partitions(want.topic)
	if n == 0 {
		return nil, nil, false, fmt.Errorf("topic %s: %w", want.topic, kafka.UnknownTopicOrPartition)
	}
	if want.Partition >= n {
		return nil, nil, false, fmt.Errorf("partition %s/%d: %w", want.topic, want.Partition, kafka.UnknownTopicOrPartition)
	}
	if len(want.marked) > 0 {
		list, err = s.marked(want)
		return list, nil, false, err
	}
	for partition := range n {
		if want.Partition >= 0 && partition != want.Partition {
			continue
		}
		p := &place{partition: partition}
		if p.start, p.end, err = s.cluster.Offsets(want.topic, partition); err != nil {
			return nil, nil, false, err
		}
		if err := s.begin(want, p); err != nil {
			return nil, nil, false, err
		}
		places = append(places, p)
	}
	for searched := 0; searched < mostSearched; searched++ {
		var best *place
		var chosen memkafka.Record
		for _, p := range places {
			r, there, err := p.next(s.cluster, want.topic, want.Oldest)
			if err != nil {
				return nil, nil, false, err
			}
			if !there {
				continue
			}
			later := best != nil && cmp.Or(cmp.Compare(r.Timestamp, chosen.Timestamp), cmp.Compare(p.partition, best.partition)) > 0
			if best == nil || later != want.Oldest {
				best, chosen = p, r
			}
		}
		if best == nil {
			return list, places, false, nil
		}
		if len(list) == want.Size {
			break
		}
		best.take(want.Oldest)
		if want.matches(best.partition, chosen) {
			list = append(list, found{best.partition, chosen})
		}
	}
	return list, places, true, nil
}

// marked returns the records that somebody chose.
func (s *Server) marked(want wanted) ([]found, error) {
	var list []found
	for _, m := range want.marked {
		r, err := s.one(want.topic, m.partition, m.offset)
		if err != nil {
			return nil, err
		}
		list = append(list, found{m.partition, r})
	}
	return list, nil
}

// one returns the record at an offset.
func (s *Server) one(topic string, partition int32, offset kafka.Offset) (memkafka.Record, error) {
	records, err := s.cluster.Fetch(topic, partition, offset, 1)
	if err == nil && (len(records) == 0 || records[0].Offset != offset) {
		err = fmt.Errorf("there is no record at offset %d of partition %s/%d", offset, topic, partition)
	}
	if err != nil {
		return memkafka.Record{}, err
	}
	return records[0], nil
}

// begin finds where the reading of a partition begins.
func (s *Server) begin(want wanted, p *place) error {
	p.at = p.end
	if want.Oldest {
		p.at = p.start
	}
	if at, ok := want.at[p.partition]; ok {
		p.at = at
	} else {
		switch want.From {
		case "":
		case "start":
			p.at = p.start
		case "end":
			p.at = p.end
		default:
			n, err := strconv.ParseInt(want.From, 10, 64)
			if err != nil {
				return fmt.Errorf("from: %q is none of start, end or an offset", want.From)
			}
			p.at = kafka.Offset(n)
			if !want.Oldest {
				p.at++ // this one and those before
			}
		}
		if want.Time != "" {
			at, err := parseTime(want.Time)
			if err != nil {
				return err
			}
			if p.at, err = s.cluster.OffsetForTime(want.topic, p.partition, at); err != nil {
				return err
			}
		}
	}
	p.at = max(p.start, min(p.at, p.end))
	p.began = p.at
	return nil
}

func parseTime(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("time: %q is not a time in UTC, as 2026-01-31T12:30", text)
}

// Record is a record as the page shows it.
type Record struct {
	Partition  int32
	Offset     kafka.Offset
	Time       time.Time
	Key, Value page.Value
	Headers    []Header
	Path       string
	Mark       string
}

// Header is a header as the page shows it.
type Header struct {
	Name  string
	Value page.Value
}

func (s *Server) display(topic string, r found, as string, limit int) Record {
	d := Record{
		Partition: r.partition, Offset: r.Offset, Time: r.Timestamp.Time(),
		Key: s.show(topic, "key", r.Key, as, limit), Value: s.show(topic, "value", r.Value, as, limit), Mark: fmt.Sprintf("%d:%d", r.partition, r.Offset),
		Path: s.site.Path("topics", topic, strconv.Itoa(int(r.partition)), strconv.FormatInt(int64(r.Offset), 10)),
	}
	for _, h := range r.Headers {
		d.Headers = append(d.Headers, Header{h.Key, page.ShowBytes(h.Value, as, limit)})
	}
	return d
}

// The ways to show bytes beside page's own.
const bySchema = "schema" // and say why not, if they cannot be decoded

var ways = []string{page.Auto, page.Text, page.JSON, bySchema, page.Hex}

// show returns a key or value as the page shows it: decoded by a schema, if there is one and nothing else is asked for.
func (s *Server) show(topic, part string, b []byte, as string, limit int) page.Value {
	if len(b) == 0 || as != "" && as != page.Auto && as != bySchema {
		return page.ShowBytes(b, as, limit)
	}
	d, err := s.schemas.Decode(topic, part, b)
	if err == nil {
		about := d.Schema
		if d.ID >= 0 {
			about = strings.TrimSpace(fmt.Sprintf("%s schema id %d", about, d.ID))
		}
		return page.ShowJSON(d.JSON, d.Kind, about, len(b), limit)
	}
	v := page.ShowBytes(b, page.Auto, limit)
	_, framed := schema.Header(b)
	if as == bySchema || !errors.Is(err, schema.ErrNoSchema) || framed && v.Kind == page.Hex {
		v.About = err.Error()
	}
	return v
}

// goOn is where the next page begins, nil when a link cannot say it.
func goOn(places []*place) map[int32]kafka.Offset {
	return offsetsOf(places, func(p *place) kafka.Offset { return p.at })
}

// beginnings is where a page began, nil when a link cannot say it.
func beginnings(places []*place) map[int32]kafka.Offset {
	return offsetsOf(places, func(p *place) kafka.Offset { return p.began })
}

// offsetsOf is an offset of each place, nil when there are too many for a link.
func offsetsOf(places []*place, offset func(p *place) kafka.Offset) map[int32]kafka.Offset {
	if len(places) > mostPlaces {
		return nil
	}
	at := map[int32]kafka.Offset{}
	for _, p := range places {
		at[p.partition] = offset(p)
	}
	return at
}

func (s *Server) records(w http.ResponseWriter, r *http.Request) {
	want, err := s.parseWanted(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	list, places, more, err := s.read(want)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	at := goOn(places)
	if page.WantsJSON(r) {
		s.recordsJSON(w, r, want, list, at)
		return
	}
	pinned := want // to where this page began, whatever comes meanwhile
	pinned.at = beginnings(places)
	shown := struct {
		wanted
		Topic        string
		Partitions   []int32
		Records      []Record
		Next, Dump   string
		Tailing      string
		Ending       string // of the live tail
		Hidden       url.Values
		Command      string // that records the same
		Failed       string // what the filter could not be asked about
		More, Pieces bool
	}{wanted: want, Topic: want.topic, More: more, Hidden: pinned.values(pinned.at), Command: s.command(want)}
	if want.chosen != nil {
		if n, err := want.chosen.Failures(); n > 0 {
			shown.Failed = fmt.Sprintf("the filter failed at %d records, which are not shown; the first: %v", n, err)
		}
	}
	for p := range s.cluster.Partitions(want.topic) {
		shown.Partitions = append(shown.Partitions, p)
	}
	for _, f := range list {
		shown.Records = append(shown.Records, s.display(want.topic, f, want.As, shownInList))
	}
	base := s.site.Path("topics", want.topic)
	if more && at != nil {
		shown.Next = base + "/records?" + want.query(at)
	}
	shown.Dump = base + "/dump?" + pinned.query(pinned.at)
	tail := want
	tail.Oldest, tail.From, tail.Time = false, "", ""
	shown.Ending = base + "/records?" + tail.query(nil)
	shown.Tailing = base + "/records?tail=1&" + tail.query(nil)
	v := page.View{Title: "Records of " + want.topic, Trail: s.trail("topics", want.topic), Body: shown}
	if want.Tail {
		v.Refresh = 1
	}
	s.site.Show(w, r, "records.html", v)
}

// recordsJSON answers with records as a dump has them, and where to go on: ask again with it, and nothing is missed.
func (s *Server) recordsJSON(w http.ResponseWriter, r *http.Request, want wanted, list []found, at map[int32]kafka.Offset) {
	var b bytes.Buffer
	if err := writeDump(&b, want.topic, list); err != nil {
		s.fail(w, r, err)
		return
	}
	answer := struct {
		Records []json.RawMessage `json:"records"`
		Decoded []decodedRecord   `json:"decoded,omitempty"` // by schemas, those that could be
		Next    string            `json:"next"`
	}{Records: []json.RawMessage{}, Decoded: want.decodedRecords(list)}
	for line := range bytes.Lines(b.Bytes()) {
		answer.Records = append(answer.Records, json.RawMessage(bytes.TrimSpace(line)))
	}
	if at != nil {
		answer.Next = s.site.Path("topics", want.topic, "records") + "?format=json&" + want.query(at)
	}
	s.site.JSON(w, r, answer)
}

// decodedRecord is a record's key and value by their schemas.
type decodedRecord struct {
	Partition int32           `json:"partition"`
	Offset    kafka.Offset    `json:"offset"`
	Key       json.RawMessage `json:"key,omitempty"`
	Value     json.RawMessage `json:"value,omitempty"`
}

func (w wanted) decodedRecords(list []found) []decodedRecord {
	var decoded []decodedRecord
	for _, f := range list {
		d := decodedRecord{f.partition, f.Offset, w.decoded("key", f.Key, nil), w.decoded("value", f.Value, nil)}
		if d.Key != nil || d.Value != nil {
			decoded = append(decoded, d)
		}
	}
	return decoded
}

func writeDump(to *bytes.Buffer, topic string, list []found) error {
	w := dump.NewWriter(to)
	for _, f := range list {
		err := w.Write(&dump.Record{
			Topic: topic, Partition: f.partition, Offset: f.Offset, TimestampType: dump.TimestampCreate, Timestamp: f.Timestamp,
			Broker: dump.NoBroker, Key: f.Key, Value: f.Value, Headers: f.Headers,
		})
		if err != nil {
			return err
		}
	}
	return w.Flush()
}

// dump answers with what the page of records shows, as gokasim replay and load read it.
func (s *Server) dump(w http.ResponseWriter, r *http.Request) {
	want, list, err := s.exported(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	var b bytes.Buffer
	if err := writeDump(&b, want.topic, list); err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/jsonl")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", want.topic+".jsonl")) // names of topics need no escapes
	_, _ = w.Write(b.Bytes())                                                                          // the browser may be gone
}

// exported is the records of a page, or those that were marked on it, in the order in which they came.
func (s *Server) exported(r *http.Request) (wanted, []found, error) {
	want, err := s.parseWanted(r)
	if err != nil {
		return want, nil, err
	}
	list, _, _, err := s.read(want)
	slices.SortStableFunc(list, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.Timestamp, b.Timestamp), cmp.Compare(a.partition, b.partition), cmp.Compare(a.Offset, b.Offset))
	})
	return want, list, err
}

// record shows one record, more of it than a list does.
func (s *Server) record(w http.ResponseWriter, r *http.Request) {
	topic := r.PathValue("topic")
	partition, err := strconv.ParseInt(r.PathValue("partition"), 10, 32)
	offset, err2 := strconv.ParseInt(r.PathValue("offset"), 10, 64)
	if err := errors.Join(err, err2); err != nil {
		s.fail(w, r, err)
		return
	}
	one, err := s.one(topic, int32(partition), kafka.Offset(offset))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	f := found{int32(partition), one}
	if page.WantsJSON(r) {
		s.recordsJSON(w, r, wanted{topic: topic, schemas: s.schemas}, []found{f}, nil)
		return
	}
	as := r.URL.Query().Get("as")
	d := s.display(topic, f, as, shownAlone)
	s.site.Show(w, r, "record.html", page.View{
		Title: fmt.Sprintf("Record %s/%d at offset %d", topic, partition, offset), Trail: s.trail("topics", topic, "records"),
		Body: struct {
			Record
			Topic, As string
			Ways      []string
			Edit      *form
		}{d, topic, as, ways, formOf(topic, f)},
	})
}

// Grammar says what a filter can be.
func (w wanted) Grammar() string { return filter.Grammar }

// Choices are what a select of the page offers.
func (w wanted) Choices(of string) []string {
	if of == "in" {
		return []string{"key", "value", "headers"}
	}
	return ways
}
