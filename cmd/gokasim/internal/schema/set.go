// Package schema decodes keys and values by the schemas that somebody gave for them: Avro and Protobuf, plain or behind the header
// that Confluent's serializers write, a zero byte and the schema's id.
package schema

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Grammar says how a schema is given on a command line.
const Grammar = `TARGET=FILE[#MESSAGE]; TARGET is TOPIC or TOPIC:value, TOPIC:key, * for all topics, or id:N for the schema id N of Confluent's
header. FILE is an Avro schema (.avsc), a Protobuf one (.proto), or a compiled FileDescriptorSet (.desc, .protoset, .binpb); #MESSAGE
says which message, unless there is only one`

// mostBytes is the size of the longest key or value that is decoded, and mostJSON that of what may come out of it.
const (
	mostBytes = 1 << 20
	mostJSON  = 8 << 20
)

// Set is the schemas that are known. Its zero value has none. It is safe for concurrent use.
type Set struct {
	mu      sync.RWMutex // guards what follows
	schemas map[string]Entry
	avro    avroNames
}

// Entry is one schema and what it is for.
type Entry struct {
	Target string `json:"target"`
	Kind   string `json:"kind"` // avro or protobuf
	Name   string `json:"name"` // of the type
	File   string `json:"file"` // that it came from, without its directory; empty if it was written
	codec  codec
}

// codec decodes one type to compact JSON. Framed bytes stood behind Confluent's header, and the beginning of them may belong to it still.
type codec interface {
	decode(b []byte, framed bool) (json []byte, name string, err error)
}

// Decoded is a key or value as its schema has it.
type Decoded struct {
	Kind   string // avro, protobuf or json
	Schema string // the type's name; empty for JSON
	ID     int64  // in Confluent's header, negative without one
	JSON   []byte // with fields in the schema's order
}

// ErrNoSchema reports bytes that no schema was given for.
var ErrNoSchema = errors.New("no schema was given")

// Load adds a schema as a command line gives it, see Grammar.
func (s *Set) Load(given string) error {
	target, name, ok := strings.Cut(given, "=")
	if !ok || name == "" {
		return fmt.Errorf("schema %q: give %s", given, Grammar)
	}
	name, message, _ := strings.Cut(name, "#")
	data, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("schema for %s: %w", target, err)
	}
	return s.add(target, name, message, data, ancestors(name))
}

// ancestors are the directories that the imports of a Protobuf file are looked for in: its own, and those above it.
func ancestors(name string) []string {
	dir, err := filepath.Abs(filepath.Dir(name))
	if err != nil {
		return []string{filepath.Dir(name)}
	}
	dirs := []string{dir}
	for parent := filepath.Dir(dir); parent != dir; dir, parent = parent, filepath.Dir(parent) {
		dirs = append(dirs, parent)
	}
	return dirs
}

// Add adds a schema that somebody wrote or sent, in the place of an earlier one for the target. The name says by its ending what it is;
// without one, the text does. Imports of Protobuf's own files work, and no file is read.
func (s *Set) Add(target, name, message string, data []byte) error {
	return s.add(target, name, message, data, nil)
}

func (s *Set) add(target, name, message string, data []byte, imports []string) error {
	target, err := cleanTarget(target)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := Entry{Target: target}
	if name != "" {
		e.File = filepath.Base(name)
	}
	switch kind(name, data) {
	case "avro":
		e.Kind = "avro"
		e.codec, e.Name, err = s.avro.parse(data)
	case "proto":
		e.Kind = "protobuf"
		e.codec, e.Name, err = parseProto(name, data, message, imports, strings.HasPrefix(target, "id:"))
	default:
		e.Kind = "protobuf"
		e.codec, e.Name, err = parseDescriptors(data, message, strings.HasPrefix(target, "id:"))
	}
	if err != nil {
		return fmt.Errorf("schema for %s, %s: %w", target, cmp.Or(name, "as written"), err)
	}
	if s.schemas == nil {
		s.schemas = map[string]Entry{}
	}
	s.schemas[target] = e
	return nil
}

// kind tells Avro, Protobuf's text and compiled descriptors from each other.
func kind(name string, data []byte) string {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".avsc", ".json":
		return "avro"
	case ".proto":
		return "proto"
	case ".desc", ".protoset", ".binpb", ".pb", ".fds", ".bin":
		return "descriptors"
	}
	text := bytes.TrimSpace(data)
	switch {
	case json.Valid(text):
		return "avro"
	case bytes.IndexByte(text, 0) < 0 && bytes.Contains(text, []byte("message")):
		return "proto"
	case bytes.IndexByte(text, '\n') < 0 && len(text) > 0 && bytes.Trim(text, "abcdefghijklmnopqrstuvwxyz") == nil:
		return "avro" // a primitive type by its name
	}
	return "descriptors"
}

func cleanTarget(target string) (string, error) {
	target = strings.TrimSpace(target)
	name, part, has := strings.Cut(target, ":")
	switch {
	case name == "":
	case !has:
		return name + ":value", nil
	case part == "key" || part == "value":
		return target, nil
	case name == "id":
		if id, err := strconv.ParseUint(part, 10, 32); err == nil {
			return "id:" + strconv.FormatUint(id, 10), nil
		}
	}
	return "", fmt.Errorf("a schema is for TOPIC, TOPIC:key, TOPIC:value, * or id:N, not for %q", target)
}

// Remove forgets the schema for a target, and reports whether there was one.
func (s *Set) Remove(target string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, was := s.schemas[target]
	delete(s.schemas, target)
	return was
}

// List is all schemas, sorted by what they are for.
func (s *Set) List() []Entry {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]Entry, 0, len(s.schemas))
	for _, e := range s.schemas {
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b Entry) int { return strings.Compare(a.Target, b.Target) })
	return list
}

// Empty reports whether there is no schema.
func (s *Set) Empty() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.schemas) == 0
}

// headerBytes is the length of Confluent's header.
const headerBytes = 5

// Header returns the schema id in Confluent's header, if the bytes may begin with one.
func Header(b []byte) (id uint32, ok bool) {
	if len(b) < headerBytes || b[0] != 0 {
		return 0, false
	}
	return binary.BigEndian.Uint32(b[1:]), true
}

// Decode decodes a key ("key") or value ("value") of a topic. The schema of the id in its header goes first, then the topic's, then the
// one for all topics. It fails with ErrNoSchema when there is none, and JSON behind a header needs none.
func (s *Set) Decode(topic, part string, b []byte) (Decoded, error) {
	id, framed := Header(b)
	e, byID := s.find(topic, part, id, framed)
	if e.codec == nil {
		if framed && len(b) > headerBytes && len(b) <= mostBytes && json.Valid(b[headerBytes:]) {
			return Decoded{Kind: "json", ID: int64(id), JSON: b[headerBytes:]}, nil
		}
		if framed {
			return Decoded{}, fmt.Errorf("%w for %s:%s or for id:%d, which the bytes may begin with", ErrNoSchema, topic, part, id)
		}
		return Decoded{}, fmt.Errorf("%w for %s:%s", ErrNoSchema, topic, part)
	}
	if len(b) > mostBytes {
		return Decoded{}, fmt.Errorf("%d bytes are too many to decode, %d is the most", len(b), mostBytes)
	}
	var failed error
	if framed {
		out, name, err := e.codec.decode(b[headerBytes:], true)
		if err == nil {
			return Decoded{e.Kind, name, int64(id), out}, nil
		}
		failed = err
	}
	if !byID {
		out, name, err := e.codec.decode(b, false)
		if err == nil {
			return Decoded{e.Kind, name, -1, out}, nil
		}
		failed = cmp.Or(failed, err)
	}
	return Decoded{}, fmt.Errorf("not %s %s: %w", e.Kind, e.Name, failed)
}

func (s *Set) find(topic, part string, id uint32, framed bool) (e Entry, byID bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if framed {
		if e, ok := s.schemas["id:"+strconv.FormatUint(uint64(id), 10)]; ok {
			return e, true
		}
	}
	if e, ok := s.schemas[topic+":"+part]; ok {
		return e, false
	}
	return s.schemas["*:"+part], false
}

// Given is the schema as a command line gives it, with the name of its file alone.
func (e Entry) Given() string {
	if e.Kind == "protobuf" && !strings.HasPrefix(e.Target, "id:") {
		return e.File + "#" + e.Name
	}
	return e.File
}
