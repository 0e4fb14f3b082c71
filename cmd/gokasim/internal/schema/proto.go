package schema

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// parseProto compiles one file of Protobuf's language. Imports are looked for in the given directories; in none, only Protobuf's own
// files can be imported.
func parseProto(name string, data []byte, message string, imports []string, anyMessage bool) (codec, string, error) {
	base := filepath.Base(name)
	if filepath.Ext(base) != ".proto" {
		base = "given.proto"
	}
	resolvers := protocompile.CompositeResolver{
		protocompile.ResolverFunc(func(path string) (protocompile.SearchResult, error) {
			if path == base {
				return protocompile.SearchResult{Source: bytes.NewReader(data)}, nil
			}
			return protocompile.SearchResult{}, fmt.Errorf("%s is not here; give a FileDescriptorSet, as protoc --include_imports -o writes it", path)
		}),
	}
	if len(imports) > 0 {
		resolvers = append(resolvers, &protocompile.SourceResolver{ImportPaths: imports})
	}
	return compile(resolvers, []string{base}, message, anyMessage)
}

// parseDescriptors takes files that are compiled already.
func parseDescriptors(data []byte, message string, anyMessage bool) (codec, string, error) {
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(data, &set); err != nil || len(set.GetFile()) == 0 {
		return nil, "", errors.New("it is no Avro schema in JSON, no Protobuf file (.proto), and no FileDescriptorSet")
	}
	files := map[string]*descriptorpb.FileDescriptorProto{}
	var names []string
	for _, f := range set.GetFile() {
		files[f.GetName()] = f
		if !strings.HasPrefix(f.GetName(), "google/protobuf/") {
			names = append(names, f.GetName())
		}
	}
	slices.Reverse(names) // imports stand before who imports them
	resolver := protocompile.ResolverFunc(func(path string) (protocompile.SearchResult, error) {
		if f, ok := files[path]; ok {
			return protocompile.SearchResult{Proto: f}, nil
		}
		return protocompile.SearchResult{}, fmt.Errorf("%s is missing; protoc --include_imports adds it", path)
	})
	return compile(protocompile.CompositeResolver{resolver}, names, message, anyMessage)
}

func compile(resolver protocompile.Resolver, names []string, message string, anyMessage bool) (codec, string, error) {
	c := protocompile.Compiler{Resolver: protocompile.WithStandardImports(resolver)}
	files, err := c.Compile(context.Background(), names...)
	if err != nil {
		return nil, "", err
	}
	var messages []protoreflect.MessageDescriptor
	for _, f := range files {
		messages = append(messages, allMessages(f.Messages())...)
	}
	chosen, err := choose(messages, message, anyMessage)
	if err != nil {
		return nil, "", err
	}
	return protoType{chosen, files.AsResolver()}, string(chosen.FullName()), nil
}

func allMessages(list protoreflect.MessageDescriptors) []protoreflect.MessageDescriptor {
	var all []protoreflect.MessageDescriptor
	for i := range list.Len() {
		if m := list.Get(i); !m.IsMapEntry() {
			all = append(append(all, m), allMessages(m.Messages())...)
		}
	}
	return all
}

// choose finds a message by its name, with or without its package.
func choose(messages []protoreflect.MessageDescriptor, name string, anyMessage bool) (protoreflect.MessageDescriptor, error) {
	var names []string
	for _, m := range messages {
		if full := string(m.FullName()); name != "" && (full == name || strings.HasSuffix(full, "."+name)) {
			return m, nil
		}
		names = append(names, string(m.FullName()))
	}
	switch {
	case len(messages) == 0:
		return nil, errors.New("it has no message")
	case name != "":
		return nil, fmt.Errorf("it has no message %s, but %s", name, strings.Join(names, ", "))
	case len(messages) > 1 && !anyMessage && !nested(messages):
		return nil, fmt.Errorf("it has %d messages; say which, as FILE#%s: %s", len(messages), names[0], strings.Join(names, ", "))
	}
	return messages[0], nil
}

// nested reports whether all messages are inside of the first.
func nested(messages []protoreflect.MessageDescriptor) bool {
	return !slices.ContainsFunc(messages[1:], func(m protoreflect.MessageDescriptor) bool {
		return !strings.HasPrefix(string(m.FullName()), string(messages[0].FullName())+".")
	})
}

// protoType is a codec of one message.
type protoType struct {
	message protoreflect.MessageDescriptor
	types   linker.Resolver
}

func (t protoType) decode(b []byte, framed bool) ([]byte, string, error) {
	of := t.message
	if framed {
		var err error
		if of, b, err = t.indexed(b); err != nil {
			return nil, "", err
		}
	}
	m := dynamicpb.NewMessage(of)
	if err := (proto.UnmarshalOptions{Resolver: t.types, RecursionLimit: mostDepth}).Unmarshal(b, m); err != nil {
		return nil, "", err
	}
	if len(b) > 0 && len(m.GetUnknown()) == len(b) {
		return nil, "", fmt.Errorf("%s has none of the fields that the bytes have", of.FullName())
	}
	text, err := protojson.MarshalOptions{Resolver: t.types, UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil, "", err
	}
	var out bytes.Buffer // protojson varies its spaces
	if err := json.Compact(&out, text); err != nil {
		return nil, "", err
	}
	return out.Bytes(), string(of.FullName()), nil
}

// indexed finds the message that Confluent's header names: after the schema's id comes its way through the file, as a count and that
// many indexes, each a zig-zag varint; a count of zero is the first message.
func (t protoType) indexed(b []byte) (protoreflect.MessageDescriptor, []byte, error) {
	next := func() (int, bool) {
		n, size := binary.Varint(b)
		if size <= 0 || n < 0 || n > 1000 {
			return 0, false
		}
		b = b[size:]
		return int(n), true
	}
	wrong := errors.New("there are no indexes of a message behind the schema's id")
	count, ok := next()
	if !ok {
		return nil, nil, wrong
	}
	path := make([]int, max(1, count))
	for i := range count {
		if path[i], ok = next(); !ok {
			return nil, nil, wrong
		}
	}
	var at protoreflect.MessageDescriptor
	list := t.message.ParentFile().Messages()
	for _, i := range path {
		if i >= list.Len() {
			return nil, nil, fmt.Errorf("%s has no message %v", t.message.ParentFile().Path(), path)
		}
		at = list.Get(i)
		list = at.Messages()
	}
	return at, b, nil
}
