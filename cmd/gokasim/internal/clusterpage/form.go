package clusterpage

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka"
)

// form is a record as the form to produce one has it.
type form struct {
	Topic              string
	KeyKind, Key       string
	ValueKind, Value   string
	Headers, Partition string
}

// Kinds are what a key or value can be.
func (form) Kinds() []string { return []string{"text", "hex", "empty", "null"} }

// mostInForm is the size of the longest key or value that a form offers for editing, in bytes.
const mostInForm = 64 << 10

// formOf returns a record as a form has it, nil when a form cannot say it.
func formOf(topic string, r found) *form {
	if len(r.Key) > mostInForm || len(r.Value) > mostInForm {
		return nil
	}
	f := &form{Topic: topic, Partition: strconv.Itoa(int(r.partition))}
	f.KeyKind, f.Key = formBytes(r.Key, false)
	f.ValueKind, f.Value = formBytes(r.Value, true)
	for _, h := range r.Headers {
		if !plain(h.Key, false) || strings.Contains(h.Key, ":") || h.Key == "" || !plain(string(h.Value), false) {
			return nil
		}
		f.Headers += h.Key
		if h.Value != nil {
			f.Headers += ": " + string(h.Value)
		}
		f.Headers += "\n"
	}
	return f
}

func formBytes(b []byte, lines bool) (kind, text string) {
	switch {
	case b == nil:
		return "null", ""
	case len(b) == 0:
		return "empty", ""
	case plain(string(b), lines):
		return "text", string(b)
	}
	return "hex", hex.EncodeToString(b)
}

// plain reports whether a text comes back from a form as it went in.
func plain(text string, lines bool) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(c rune) bool {
		return unicode.IsControl(c) && c != '\t' && (c != '\n' || !lines)
	})
}

// again produces a record once more, as it was, with the present time.
func (s *Server) again(w http.ResponseWriter, r *http.Request) {
	topic := r.PathValue("topic")
	m, err := parseMark(r.PathValue("partition") + ":" + r.PathValue("offset"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	old, err := s.one(topic, m.partition, m.offset)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	offset, err := s.cluster.Produce(topic, m.partition, memkafka.Record{Key: old.Key, Value: old.Value, Headers: old.Headers, Timestamp: memkafka.NoTimestamp})
	s.produced(w, r, topic, m.partition, offset, err)
}

// produced answers a form that produced a record.
func (s *Server) produced(w http.ResponseWriter, r *http.Request, topic string, partition int32, offset kafka.Offset, err error) {
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.site.Done(w, r, s.site.Path("topics", topic, "records"), fmt.Sprintf("the record is at offset %d of partition %d", offset, partition))
}
