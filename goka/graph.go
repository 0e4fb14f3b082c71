package goka

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// ProcessCallback handles a message of an input or of the loop, decoded by its codec, or visits a row of the table, with what VisitAll
// was given as its message. Where a method of ctx fails, the callback ends there. It is called for one message of a partition after the
// other, whatever input they are from, and at the same time for different partitions.
type ProcessCallback func(ctx Context, msg interface{})

// Getter returns the value of a key, nil without an error when there is none.
type Getter func(string) (interface{}, error)

// Edge is a topic of a group graph, in one role.
type Edge interface {
	// String is the topic and the type of its codec.
	String() string
	// Topic is the name of the topic.
	Topic() string
	// Codec codes the topic's values.
	Codec() Codec
}

// Edges are edges in the order in which they were defined.
type Edges []Edge

// Topics returns the names of the topics, nil when there are none.
func (e Edges) Topics() []string {
	if len(e) == 0 {
		return nil
	}
	topics := make([]string, 0, len(e))
	for _, edge := range e {
		topics = append(topics, edge.Topic())
	}
	return topics
}

type topicDef struct {
	name  string
	codec Codec
}

func (t *topicDef) Topic() string  { return t.name }
func (t *topicDef) Codec() Codec   { return t.codec }
func (t *topicDef) String() string { return fmt.Sprintf("%s/%T", t.name, t.codec) }

// These are the roles of edges; loop and table get the name of their topic from the group.
type (
	inputStream struct {
		topicDef
		cb ProcessCallback
	}
	inputStreams []*inputStream
	loopStream   struct {
		topicDef
		cb ProcessCallback
	}
	outputStream struct{ topicDef }
	groupTable   struct{ topicDef }
	joinTable    struct{ topicDef }
	lookupTable  struct{ topicDef }
	visitor      struct {
		name string
		cb   ProcessCallback
	}
)

func (is inputStreams) Topic() string { return strings.Join(is.topics(), ",") }

func (is inputStreams) topics() []string {
	var topics []string
	for _, i := range is {
		topics = append(topics, i.name)
	}
	return topics
}

func (is inputStreams) Codec() Codec { return is[0].codec }

func (is inputStreams) String() string {
	return fmt.Sprintf("input streams: %s/%T", is.Topic(), is.Codec())
}

func (v *visitor) Topic() string  { return v.name }
func (v *visitor) Codec() Codec   { return nil }
func (v *visitor) String() string { return "visitor " + v.name }

// Input has cb called for the messages of a stream. The stream has to have as many partitions as the group's other
// inputs, joins, loop and table. A group that has never committed an offset begins where the consumer's configuration
// says (Consumer.Offsets.Initial, the newest offset by default).
func Input(topic Stream, c Codec, cb ProcessCallback) Edge {
	return &inputStream{topicDef{string(topic), c}, cb}
}

// Inputs is Input for several streams with one codec and one callback. Without a stream it is no edge at all, nil.
func Inputs(topics Streams, c Codec, cb ProcessCallback) Edge {
	if len(topics) == 0 {
		return nil
	}
	var edges inputStreams
	for _, topic := range topics {
		edges = append(edges, &inputStream{topicDef{string(topic), c}, cb})
	}
	return edges
}

// Loop has cb called for the messages that the group sends to itself with Context.Loopback, each on the partition of
// its key. The topic's name is the group's with "-loop" appended.
func Loop(c Codec, cb ProcessCallback) Edge { return &loopStream{topicDef{codec: c}, cb} }

// Output lets callbacks emit to a stream, with any number of partitions. Nobody looks whether it exists before the first
// emit: without it that fails, unless the brokers create topics by themselves (auto.create.topics.enable).
func Output(topic Stream, c Codec) Edge { return &outputStream{topicDef{string(topic), c}} }

// Persist gives the group a table: a value per key, read and written with Context.Value and SetValue. No message is
// handled before the table's partition is recovered from its topic, whose name is the group's with "-table" appended.
func Persist(c Codec) Edge { return &groupTable{topicDef{codec: c}} }

// Join lets callbacks read a table's value of the message's key. The table has to have as many partitions as the
// inputs, and the same assignment of keys to them. No message is handled before the partition is recovered. From then on
// the table is followed beside the inputs: a callback finds the newest value that this instance has read, which may be
// older or newer than the message.
func Join(topic Table, c Codec) Edge { return &joinTable{topicDef{string(topic), c}} }

// Lookup lets callbacks read a table's value of any key. Each instance holds the whole table, and handles no message
// before it is recovered.
func Lookup(topic Table, c Codec) Edge { return &lookupTable{topicDef{string(topic), c}} }

// Visitor names a callback that Processor.VisitAll calls for each row of the group's table. Of the callback's context Key and
// Value are the row's; it may do all that other callbacks may.
func Visitor(name string, cb ProcessCallback) Edge { return &visitor{name, cb} }

// GroupGraph says what topics a group reads and writes, and how it handles what it reads. It never changes: any number of
// processors, and of goroutines, may use one.
type GroupGraph struct {
	group Group

	joins    []*joinTable
	lookups  []*lookupTable
	inputs   []*inputStream
	outputs  []*outputStream
	loops    []*loopStream
	tables   []*groupTable
	visitors []*visitor
	namings  []*naming
	foreign  []Edge // of no kind that is known here

	loopTopic, tableTopic string // whether or not the group has them
}

// DefineGroup makes the graph of a group. It never fails: Validate, which NewProcessor calls, tells whether the graph makes sense. Edges
// that are nil are skipped.
func DefineGroup(group Group, edges ...Edge) *GroupGraph {
	gg := &GroupGraph{group: group, loopTopic: loopName(group), tableTopic: string(GroupTable(group))}
	for _, e := range edges {
		n, ok := e.(*naming)
		if !ok {
			continue
		}
		gg.namings = append(gg.namings, n)
		if n.role == "loop" {
			gg.loopTopic = string(group) + n.suffix
		} else {
			gg.tableTopic = string(group) + n.suffix
		}
	}
	for _, e := range edges {
		switch e := e.(type) {
		case *inputStream:
			gg.inputs = append(gg.inputs, e)
		case inputStreams:
			gg.inputs = append(gg.inputs, e...)
		case *loopStream:
			gg.loops = append(gg.loops, &loopStream{topicDef{gg.loopTopic, e.codec}, e.cb})
		case *outputStream:
			gg.outputs = append(gg.outputs, e)
		case *joinTable:
			gg.joins = append(gg.joins, e)
		case *lookupTable:
			gg.lookups = append(gg.lookups, e)
		case *groupTable:
			gg.tables = append(gg.tables, &groupTable{topicDef{gg.tableTopic, e.codec}})
		case *visitor:
			gg.visitors = append(gg.visitors, e)
		case nil, *naming:
		default:
			gg.foreign = append(gg.foreign, e)
		}
	}
	return gg
}

// Group returns the group's name.
func (gg *GroupGraph) Group() Group { return gg.group }

// InputStreams returns the inputs; the loop is not among them.
func (gg *GroupGraph) InputStreams() Edges { return edgesOf(gg.inputs) }

// OutputStreams returns the outputs.
func (gg *GroupGraph) OutputStreams() Edges { return edgesOf(gg.outputs) }

// JointTables returns the joined tables.
func (gg *GroupGraph) JointTables() Edges { return edgesOf(gg.joins) }

// LookupTables returns the lookup tables.
func (gg *GroupGraph) LookupTables() Edges { return edgesOf(gg.lookups) }

// LoopStream returns the loop, nil when the group has none.
func (gg *GroupGraph) LoopStream() Edge {
	if len(gg.loops) == 0 {
		return nil
	}
	return gg.loops[0]
}

// GroupTable returns the group's table, nil when the group has none.
func (gg *GroupGraph) GroupTable() Edge {
	if len(gg.tables) == 0 {
		return nil
	}
	return gg.tables[0]
}

// AllEdges returns all edges: joins, lookups, inputs, outputs, loop, table, visitors, suffixes. DefineGroup makes the
// same graph of them. The last two kinds have no topic and no codec.
func (gg *GroupGraph) AllEdges() Edges {
	return slices.Concat(edgesOf(gg.joins), edgesOf(gg.lookups), edgesOf(gg.inputs), edgesOf(gg.outputs),
		edgesOf(gg.loops), edgesOf(gg.tables), edgesOf(gg.visitors), edgesOf(gg.namings))
}

func edgesOf[E Edge](edges []E) Edges {
	if len(edges) == 0 {
		return nil
	}
	all := make(Edges, 0, len(edges))
	for _, e := range edges {
		all = append(all, e)
	}
	return all
}

// copartitioned returns the topics that have to have the same number of partitions and exist already, without repeats.
func (gg *GroupGraph) copartitioned() []string {
	topics := make([]string, 0, len(gg.inputs)+len(gg.joins))
	add := func(topic string) {
		if !slices.Contains(topics, topic) {
			topics = append(topics, topic)
		}
	}
	for _, e := range gg.inputs {
		add(e.name)
	}
	for _, e := range gg.joins {
		add(e.name)
	}
	return topics
}

// consumed returns the topics that the consumer group subscribes to.
func (gg *GroupGraph) consumed() []string {
	topics := make([]string, 0, len(gg.inputs)+1)
	for _, e := range gg.inputs {
		topics = append(topics, e.name)
	}
	if len(gg.loops) > 0 {
		topics = append(topics, gg.loops[0].name)
	}
	return topics
}

func (gg *GroupGraph) isStateless() bool { return len(gg.tables) == 0 }

func (gg *GroupGraph) visitor(name string) ProcessCallback {
	for _, v := range gg.visitors {
		if v.name == name {
			return v.cb
		}
	}
	return nil
}

// Validate returns an error that names everything that is wrong with the graph, an ErrInvalidGraph; nil when nothing is. A group without
// a name is a matter of NewProcessor, which returns the same error for it.
func (gg *GroupGraph) Validate() error {
	var errs []error
	wrong := func(format string, args ...interface{}) { errs = append(errs, fmt.Errorf(format, args...)) }

	if len(gg.loops) > 1 {
		wrong("more than one loop stream in group graph; give goka.Loop once")
	}
	if len(gg.tables) > 1 {
		wrong("more than one group table in group graph; give goka.Persist once")
	}
	for _, e := range gg.foreign {
		wrong("%T is no edge of package goka; give what its functions return", e)
	}
	if len(gg.loops) > 0 && len(gg.tables) > 0 && gg.loopTopic == gg.tableTopic {
		wrong("loop and table are one topic, %q; give goka.TableSuffix and goka.LoopSuffix that differ", gg.loopTopic)
	}
	if len(gg.inputs) == 0 {
		wrong("no input stream in group graph; give a goka.Input at least")
	}
	codecs := map[string]Codec{} // of topics, whatever their role
	for _, edges := range []struct {
		role  string
		edges Edges
	}{
		{"output", gg.OutputStreams()}, {"input", gg.InputStreams()}, {"join", gg.JointTables()}, {"lookup", gg.LookupTables()},
	} {
		seen := map[string]bool{}
		for _, e := range edges.edges {
			topic := e.Topic()
			switch {
			case topic == "" && edges.role == "input":
				wrong("Input topic cannot be empty. This will not work.")
			case topic == "":
				wrong("%s topic cannot be empty", edges.role)
			case seen[topic] && edges.role == "input":
				wrong("Callback for topic %s already exists. It is illegal to consume a topic twice", topic)
			case seen[topic]:
				wrong("%s %q is defined twice; define it once", edges.role, topic)
			case topic == gg.loopTopic:
				wrong("%s %q: should not directly use loop stream; give goka.Loop, and send to it by Loopback", edges.role, topic)
			case topic == gg.tableTopic:
				wrong("%s %q: should not directly use group table; give goka.Persist, and use Value and SetValue", edges.role, topic)
			}
			seen[topic] = true
			c, other := e.Codec(), codecs[topic]
			switch {
			case c == nil:
				wrong("%s %q has no codec; give one, such as new(codec.Bytes)", edges.role, topic)
			case other == nil:
				codecs[topic] = c
			case reflect.TypeOf(c) != reflect.TypeOf(other):
				wrong("%s %q has a %T, and a %T in another role; give one codec to a topic", edges.role, topic, c, other)
			}
		}
	}
	for _, i := range gg.inputs {
		if i.cb == nil {
			wrong("input %q has no callback; give one", i.name)
		}
	}
	for _, l := range gg.loops {
		if l.codec == nil || l.cb == nil {
			wrong("loop %q needs a codec and a callback", l.name)
		}
	}
	for _, t := range gg.tables {
		if t.codec == nil {
			wrong("table %q has no codec; give one, such as new(codec.Bytes)", t.name)
		}
	}
	names := map[string]bool{}
	for _, v := range gg.visitors {
		switch {
		case v.cb == nil:
			wrong("visitor %q has no callback; give one", v.name)
		case names[v.name]:
			wrong("visitor %q is defined twice; define it once", v.name)
		}
		names[v.name] = true
	}
	if len(gg.visitors) > 0 && gg.isStateless() {
		wrong("visitors cannot be used in a stateless processor; leave visitor %q out, or give goka.Persist", gg.visitors[0].name)
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("%w: group %q: %w", ErrInvalidGraph, gg.group, errors.Join(errs...))
}
