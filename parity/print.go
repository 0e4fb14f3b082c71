package parity

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/internal/script"
)

// hidden are fields that say nothing about behaviour, or differ from run to run for no reason of the protocol.
var hidden = map[string]bool{
	"Version": true, "UnknownTags": true, "ThrottleMillis": true, "Host": true, "Port": true, "Documentation": true,
	"FinalizedFeaturesEpoch": true, "LogDir": true, "Dir": true, "TotalBytes": true, "UsableBytes": true, "SecretKey": true,
}

// ordered are the lists whose order means something.
var ordered = map[string]bool{"ConfigSynonyms": true}

// lines is an answer as transcripts have it: a line for each struct, with those in it indented below.
func (n *names) lines(answer kmsg.Response) []string {
	head := fmt.Sprintf("%s v%d", kebab(kmsg.NameForKey(answer.Key())), answer.GetVersion())
	return n.structure(head, reflect.ValueOf(answer).Elem())
}

// structure is the lines of a struct: the first has what is no struct itself.
func (n *names) structure(head string, v reflect.Value) []string {
	lines := []string{head}
	add := func(name, value string) { lines[0] += " " + name + "=" + value }
	for i := range v.NumField() {
		field, f := v.Type().Field(i).Name, v.Field(i)
		if hidden[field] {
			continue
		}
		name := kebab(field)
		given := f.Kind() == reflect.Pointer
		if f.Kind() == reflect.Pointer {
			if f.IsNil() {
				continue
			}
			f = f.Elem()
		}
		switch {
		case field == "RecordBatches":
			for _, l := range n.batches(f.Bytes()) {
				lines = append(lines, "  "+l)
			}
		case f.Kind() == reflect.Struct:
			if given || !f.IsZero() && !n.defaults(f) {
				lines = append(lines, indented(n.structure(name, f))...)
			}
		case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct:
			elements := make([]string, f.Len())
			for i := range elements {
				elements[i] = strings.Join(indented(n.structure(name, f.Index(i))), "\n")
			}
			if !ordered[field] {
				slices.Sort(elements)
			}
			for _, e := range elements {
				lines = append(lines, strings.Split(e, "\n")...)
			}
		default:
			if value := n.value(field, f); value != "" {
				add(name, value)
			}
		}
	}
	return lines
}

// defaults reports whether all in a struct is at its default, as what has no meaning in a version or an answer.
func (n *names) defaults(f reflect.Value) bool {
	other := reflect.New(f.Type())
	if d, ok := other.Interface().(interface{ Default() }); ok {
		d.Default()
	}
	return reflect.DeepEqual(other.Elem().Interface(), f.Interface())
}

// value is empty for what is left out.
func (n *names) value(field string, f reflect.Value) string {
	switch {
	case field == "ErrorCode":
		if code := kafka.ErrorCode(f.Int()); code != kafka.None {
			return code.Name()
		}
		return ""
	case field == "ErrorMessage" && f.String() == "":
		return "" // some answers without an error have one
	case f.Kind() == reflect.Array: // a topic id
		if f.IsZero() {
			return ""
		}
		return n.topicID(f.Interface().([16]byte))
	case field == "SessionID" && f.Int() > 0:
		return n.number("session", fmt.Sprint(f.Int()))
	case field == "ClusterID":
		return n.number("cluster", f.String())
	case field == "ProducerID" && f.Int() >= 0:
		return n.producer(f.Int())
	case (strings.Contains(field, "Timestamp") || field == "LogAppendTime") && f.Kind() == reflect.Int64:
		return n.time(f.Int())
	case f.Type() == reflect.TypeFor[[]byte]():
		return fmt.Sprintf("%q", f.Bytes())
	case f.Kind() == reflect.Slice:
		list := make([]string, f.Len())
		for i := range list {
			list[i] = n.value("", f.Index(i))
		}
		if f.Type().Elem().Kind() == reflect.String || field == "Partitions" {
			slices.Sort(list) // sets
		}
		return "[" + strings.Join(list, " ") + "]"
	case f.Kind() == reflect.String:
		return script.Quote(n.text(f.String()))
	}
	return fmt.Sprint(f.Interface())
}

func indented(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = "  " + l
	}
	return out
}

// kebab writes a name of Go as transcripts do: TopicID is topic-id.
func kebab(name string) string {
	name = strings.ReplaceAll(name, "ACLs", "Acls")
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		if unicode.IsUpper(r) && i > 0 && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])) {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
