package parity

import (
	"encoding/base64"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// names are what stands in a transcript for ids and times, which differ from run to run.
type names struct {
	members   map[string]string // ids by name
	producers map[string]*producer
	topics    map[string][16]byte
	sessions  map[string]int32
	times     map[int64]string // that the script gave
	shown     map[string]string
	count     map[string]int
}

// producer is a producer id with what belongs to it.
type producer struct {
	id    int64
	epoch int16
}

func newNames() *names {
	return &names{
		members: map[string]string{}, producers: map[string]*producer{}, topics: map[string][16]byte{}, sessions: map[string]int32{}, times: map[int64]string{},
		shown: map[string]string{}, count: map[string]int{},
	}
}

// number is a name for something without one, in the order of first sight.
func (n *names) number(kind, what string) string {
	if n.shown[kind+" "+what] == "" {
		n.count[kind]++
		n.shown[kind+" "+what] = fmt.Sprintf("<%s %d>", kind, n.count[kind])
	}
	return n.shown[kind+" "+what]
}

// member is the id of a member by its name, or what is given if nobody has that name.
func (n *names) member(name string) string {
	if id, ok := n.members[name]; ok {
		return id
	}
	return name
}

func (n *names) producer(id int64) string {
	for _, name := range slices.Sorted(maps.Keys(n.producers)) {
		if n.producers[name].id == id {
			return "<" + name + ">"
		}
	}
	if id == 0 {
		return "0" // that of the player itself, and what stands for none in errors
	}
	return n.number("producer", strconv.FormatInt(id, 10))
}

func (n *names) topicID(id [16]byte) string {
	for _, name := range slices.Sorted(maps.Keys(n.topics)) {
		if n.topics[name] == id {
			return "<id of " + name + ">"
		}
	}
	return n.number("id", string(id[:]))
}

// time is a moment that the script gave, now, or a number.
func (n *names) time(ms int64) string {
	if text, ok := n.times[ms]; ok {
		return text
	}
	if age := time.Since(time.UnixMilli(ms)); age.Abs() < 10*time.Minute {
		return "now"
	}
	return strconv.FormatInt(ms, 10)
}

var (
	uuid       = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	base64UUID = regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`)
	moment     = regexp.MustCompile(`\b\d{12,13}\b|-\d{19}\b`)
	producerIn = regexp.MustCompile(`(producer(?:Id)?(?: with id)?[ =:]+)(\d+)`)
)

// text is a string of an answer with the names of what is in it.
func (n *names) text(s string) string {
	for _, name := range slices.Sorted(maps.Keys(n.members)) {
		if id := n.members[name]; id != "" {
			s = strings.ReplaceAll(s, id, "<"+name+">")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(n.topics)) {
		id := n.topics[name]
		s = strings.ReplaceAll(s, base64.RawURLEncoding.EncodeToString(id[:]), "<id of "+name+">")
	}
	s = uuid.ReplaceAllStringFunc(s, func(u string) string { return n.number("uuid", u) })
	s = producerIn.ReplaceAllStringFunc(s, func(m string) string {
		parts := producerIn.FindStringSubmatch(m)
		id, err := strconv.ParseInt(parts[2], 10, 64)
		if err != nil {
			return m
		}
		return parts[1] + n.producer(id)
	})
	s = moment.ReplaceAllStringFunc(s, func(m string) string {
		if ms, err := strconv.ParseInt(m, 10, 64); err == nil && n.times[ms] != "" {
			return n.times[ms]
		}
		return "<time>"
	})
	if base64UUID.MatchString(s) {
		return n.number("uuid", s)
	}
	return s
}
