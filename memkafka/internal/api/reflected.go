package api

import (
	"reflect"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/fault"
)

// What faults do to requests and answers is the same for all keys, whose messages name things alike: Topics of Topic or
// TopicID and Partitions, Groups, TransactionalIDs; answers repeat what names a thing, and have an ErrorCode beside it. So it
// is done by reflection, and only while there are faults.

// topicNames is the names of topics that a request names by their ids.
type topicNames map[[16]byte]string

// subjects collects what a request is about.
type subjects struct {
	op   *fault.Op
	name func(name string, id [16]byte) string
}

func (s subjects) partition(topic string, id [16]byte, partition int32) {
	if topic = s.name(topic, id); topic != "" {
		s.op.Partitions = append(s.op.Partitions, kafka.TopicPartition{Topic: topic, Partition: partition})
	}
}

func (s subjects) read(request kmsg.Request) {
	switch r := request.(type) {
	case *kmsg.FindCoordinatorRequest:
		keys := r.CoordinatorKeys
		if r.Version < 4 {
			keys = []string{r.CoordinatorKey}
		}
		if r.CoordinatorType == coordinatesTransactions {
			s.op.TransactionalIDs = keys
		} else {
			s.op.Groups = keys
		}
		return
	case *kmsg.ConsumerGroupHeartbeatRequest:
		s.op.Groups = []string{r.Group} // its topics are what the member owns
		return
	}
	s.walk(reflect.ValueOf(request).Elem())
}

// coordinatesTransactions is the type of coordinators of transactions in FindCoordinator.
const coordinatesTransactions = 1

func (s subjects) walk(v reflect.Value) {
	topic, id, named := topicOf(v)
	for i := range v.NumField() {
		f := v.Field(i)
		switch v.Type().Field(i).Name {
		case "Group":
			s.op.Groups = append(s.op.Groups, f.String())
		case "TransactionID", "TransactionalID":
			if text := textOf(f); text != "" {
				s.op.TransactionalIDs = append(s.op.TransactionalIDs, text)
			}
		case "TransactionalIDs":
			s.op.TransactionalIDs = append(s.op.TransactionalIDs, f.Interface().([]string)...)
		case "TopicNames":
			for _, name := range f.Interface().([]string) {
				s.partition(name, id, fault.WholeTopic)
			}
		case "Groups":
			if names, ok := f.Interface().([]string); ok {
				s.op.Groups = append(s.op.Groups, names...)
			} else {
				s.each(f)
			}
		case "Topics", "Transactions", "Markers":
			s.each(f)
		case "Resources":
			s.resources(f)
		case "Partitions":
			for j := range f.Len() {
				s.partition(topic, id, numberOf(f.Index(j)))
			}
		}
	}
	if named && !v.FieldByName("Partitions").IsValid() {
		s.partition(topic, id, fault.WholeTopic)
	}
}

func (s subjects) each(list reflect.Value) {
	for i := range list.Len() {
		if e := list.Index(i); e.Kind() == reflect.Struct {
			s.walk(e)
		}
	}
}

// resources are what configurations belong to.
func (s subjects) resources(list reflect.Value) {
	for i := range list.Len() {
		if name, id, ok := topicOf(list.Index(i)); ok {
			s.partition(name, id, fault.WholeTopic)
		}
	}
}

// topicOf is the name or the id of the topic that an element is about.
func topicOf(v reflect.Value) (name string, id [16]byte, ok bool) {
	if f := v.FieldByName("Topic"); f.IsValid() {
		name, ok = textOf(f), true
	}
	if f := v.FieldByName("TopicID"); f.IsValid() {
		id, ok = f.Interface().([16]byte), true
	}
	if f := v.FieldByName("ResourceType"); f.IsValid() && kmsg.ConfigResourceType(f.Int()) == kmsg.ConfigResourceTypeTopic {
		name, ok = v.FieldByName("ResourceName").String(), true
	}
	return name, id, ok
}

// textOf is a string, or what a pointer to one points at.
func textOf(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	return v.String()
}

// numberOf is the number of a partition: an element, or its field.
func numberOf(v reflect.Value) int32 {
	if v.Kind() == reflect.Struct {
		v = v.FieldByName("Partition")
	}
	return int32(v.Int())
}

// of is the error for what an element names.
func (names topicNames) of(f *failures, v reflect.Value, partition int32) kafka.ErrorCode {
	topic, id, _ := topicOf(v)
	if topic == "" {
		topic = names[id]
	}
	return f.of(topic, partition)
}

// plain are the keys whose errors of a whole request stand beside what they are about, not with each part of it.
var plain = map[int16]bool{9: true, 13: true, 47: true}

// ofTopics are the keys whose errors are those of topics, though their answers tell of partitions.
var ofTopics = map[int16]bool{3: true, 75: true}

// sources is what parts of answers repeat from requests, where it goes by another name there.
var sources = map[string]string{"Coordinators": "CoordinatorKeys", "TransactionStates": "TransactionalIDs"}

// mirror makes an answer that says of all failing parts of a request that they failed.
func mirror(request kmsg.Request, response kmsg.Response, names topicNames, f *failures) {
	m := mirroring{names: names, f: f, plain: plain[request.Key()] && f.whole()}
	m.fill(reflect.ValueOf(request).Elem(), reflect.ValueOf(response).Elem(), reflect.Value{})
}

type mirroring struct {
	names topicNames
	f     *failures
	plain bool
}

// fill fills an answer, or an element of one, by its counterpart; topic is the element of the topic around it. It reports
// whether an error was put into it.
func (m mirroring) fill(from, to, topic reflect.Value) (failed bool) {
	for i := range to.NumField() {
		name := to.Type().Field(i).Name
		list := to.Field(i)
		if list.Kind() != reflect.Slice || list.Type().Elem().Kind() != reflect.Struct || m.plain && (name == "Topics" || name == "Members") {
			continue
		}
		source := from.FieldByName(name)
		if !source.IsValid() && sources[name] != "" {
			source = from.FieldByName(sources[name])
		}
		if name == "Topics" && source.IsValid() && source.Len() == 0 {
			if names := from.FieldByName("TopicNames"); names.IsValid() {
				source = names
			}
		}
		if !source.IsValid() || source.Kind() != reflect.Slice {
			continue
		}
		for j := range source.Len() {
			if e, ok := m.element(source.Index(j), list.Type().Elem(), name, topic); ok {
				list.Set(reflect.Append(list, e))
				failed = true
			}
		}
	}
	if code := to.FieldByName("ErrorCode"); code.IsValid() && (!failed || m.plain) && !to.FieldByName("Partition").IsValid() {
		if c := m.code(to, topic); c != kafka.None {
			code.SetInt(int64(c))
			failed = true
		}
	}
	return failed
}

// code is the error for an element, or for the whole.
func (m mirroring) code(to, topic reflect.Value) kafka.ErrorCode {
	if _, _, ok := topicOf(to); ok {
		return m.names.of(m.f, to, fault.WholeTopic)
	}
	return m.f.of("", 0)
}

// element makes the counterpart of an element of a request, if it failed.
func (m mirroring) element(source reflect.Value, kind reflect.Type, name string, topic reflect.Value) (reflect.Value, bool) {
	made := reflect.New(kind)
	if d, ok := made.Interface().(interface{ Default() }); ok {
		d.Default()
	}
	e := made.Elem()
	if source.Kind() != reflect.Struct {
		key(e, source)
		source = reflect.New(kind).Elem() // which has no parts
	} else {
		repeat(e, source)
	}
	if name == "Partitions" {
		code := e.FieldByName("ErrorCode")
		if !code.IsValid() {
			return e, m.f.whole()
		}
		c := m.names.of(m.f, topic, numberOf(e))
		code.SetInt(int64(c))
		return e, c != kafka.None
	}
	if _, _, ok := topicOf(e); ok {
		topic = e
	}
	return e, m.fill(source, e, topic)
}

// keys are the fields that name a thing.
var keys = []string{"Topic", "TopicID", "Partition", "Group", "Key", "TransactionalID", "ResourceType", "ResourceName", "MemberID", "InstanceID", "ProducerID"}

// key puts a bare name or number into the field of an element that names it.
func key(e, name reflect.Value) {
	for _, k := range keys {
		f := e.FieldByName(k)
		switch {
		case !f.IsValid():
		case f.Type() == name.Type():
			f.Set(name)
			return
		case f.Kind() == reflect.Pointer && f.Type().Elem() == name.Type():
			p := reflect.New(name.Type())
			p.Elem().Set(name)
			f.Set(p)
			return
		}
	}
}

// repeat copies what names a thing.
func repeat(to, from reflect.Value) {
	for _, k := range append(keys, "Entity") {
		t, f := to.FieldByName(k), from.FieldByName(k)
		switch {
		case !t.IsValid() || !f.IsValid():
		case t.Type() == f.Type():
			t.Set(f)
		case t.Kind() == reflect.Pointer && t.Type().Elem() == f.Type():
			p := reflect.New(f.Type())
			p.Elem().Set(f)
			t.Set(p)
		case f.Kind() == reflect.Pointer && f.Type().Elem() == t.Type() && !f.IsNil():
			t.Set(f.Elem())
		}
	}
}

// remove takes the parts out of a request that failed, and reports whether something is left.
func remove(request kmsg.Request, names topicNames, f *failures) bool {
	return prune(reflect.ValueOf(request).Elem(), names, f) > 0
}

// prune returns how many partitions or topics are left.
func prune(v reflect.Value, names topicNames, f *failures) (left int) {
	for _, name := range []string{"Topics", "TopicNames", "Resources", "Groups", "Transactions", "Markers"} {
		list := v.FieldByName(name)
		if !list.IsValid() || list.Kind() != reflect.Slice {
			continue
		}
		kept := reflect.MakeSlice(list.Type(), 0, list.Len())
		for i := range list.Len() {
			e := list.Index(i)
			switch {
			case name == "TopicNames":
				if f.of(e.String(), fault.WholeTopic) != kafka.None {
					continue
				}
			case e.Kind() != reflect.Struct:
			case name == "Resources":
				if f.of(e.FieldByName("ResourceName").String(), fault.WholeTopic) != kafka.None {
					continue
				}
			case e.FieldByName("Partitions").IsValid():
				if prunePartitions(e, names, f) == 0 {
					continue
				}
			case name == "Topics":
				if names.of(f, e, fault.WholeTopic) != kafka.None {
					continue
				}
			default:
				if prune(e, names, f) == 0 {
					continue
				}
			}
			kept = reflect.Append(kept, e)
		}
		list.Set(kept)
		left += kept.Len()
	}
	return left
}

func prunePartitions(topic reflect.Value, names topicNames, f *failures) (left int) {
	list := topic.FieldByName("Partitions")
	kept := reflect.MakeSlice(list.Type(), 0, list.Len())
	for i := range list.Len() {
		if names.of(f, topic, numberOf(list.Index(i))) == kafka.None {
			kept = reflect.Append(kept, list.Index(i))
		}
	}
	list.Set(kept)
	return kept.Len()
}

// merge adds to an answer what another one has in its lists.
func merge(good, more kmsg.Response) {
	mergeInto(reflect.ValueOf(good).Elem(), reflect.ValueOf(more).Elem())
}

func mergeInto(good, more reflect.Value) {
	for i := range good.NumField() {
		list, others := good.Field(i), more.Field(i)
		if list.Kind() != reflect.Slice || list.Type().Elem().Kind() != reflect.Struct || good.Type().Field(i).Name == "Brokers" {
			continue
		}
		for j := range others.Len() {
			other := others.Index(j)
			if at := slices.IndexFunc(elements(list), func(e reflect.Value) bool { return sameThing(e, other) }); at >= 0 {
				mergeInto(list.Index(at), other)
			} else {
				list.Set(reflect.Append(list, other))
			}
		}
	}
}

func elements(list reflect.Value) []reflect.Value {
	all := make([]reflect.Value, list.Len())
	for i := range all {
		all[i] = list.Index(i)
	}
	return all
}

// sameThing reports whether two elements name the same topic, group or transactional id.
func sameThing(a, b reflect.Value) bool {
	for _, k := range keys {
		x, y := a.FieldByName(k), b.FieldByName(k)
		if x.IsValid() && !reflect.DeepEqual(x.Interface(), y.Interface()) {
			return false
		}
	}
	return true
}

// spoil puts errors into an answer whose request had its effect.
func spoil(good kmsg.Response, request kmsg.Request, names topicNames, f *failures) {
	s := spoiling{mirroring{names: names, f: f, plain: plain[request.Key()] && f.whole()}, ofTopics[request.Key()]}
	s.fill(reflect.ValueOf(good).Elem(), reflect.Value{})
}

type spoiling struct {
	mirroring
	ofTopics bool
}

// fill reports whether an error was put into an element, or a part of it.
func (s spoiling) fill(v, topic reflect.Value) (failed bool) {
	if _, _, ok := topicOf(v); ok {
		topic = v
	}
	for i := range v.NumField() {
		list, name := v.Field(i), v.Type().Field(i).Name
		if list.Kind() != reflect.Slice || list.Type().Elem().Kind() != reflect.Struct || name == "Brokers" || s.plain && name != "Groups" || s.ofTopics && name == "Partitions" {
			continue
		}
		for j := range list.Len() {
			e := list.Index(j)
			if !e.FieldByName("ErrorCode").IsValid() && !hasErrors(e.Type()) {
				continue
			}
			if name != "Partitions" {
				failed = s.fill(e, topic) || failed
				continue
			}
			if c := s.names.of(s.f, topic, numberOf(e)); c != kafka.None {
				wreck(e, c)
				failed = true
			}
		}
	}
	if code := v.FieldByName("ErrorCode"); code.IsValid() && (!failed || s.plain) {
		if c := s.code(v, topic); c != kafka.None {
			wreck(v, c)
			failed = true
		}
	}
	return failed
}

// hasErrors reports whether parts of an element have errors.
func hasErrors(t reflect.Type) bool {
	for i := range t.NumField() {
		f := t.Field(i).Type
		if f.Kind() != reflect.Slice || f.Elem().Kind() != reflect.Struct {
			continue
		}
		if _, ok := f.Elem().FieldByName("ErrorCode"); ok || hasErrors(f.Elem()) {
			return true
		}
	}
	return false
}

// wreck leaves nothing of an element but what names it, and an error.
func wreck(v reflect.Value, code kafka.ErrorCode) {
	fresh := reflect.New(v.Type())
	if d, ok := fresh.Interface().(interface{ Default() }); ok {
		d.Default()
	}
	repeat(fresh.Elem(), v)
	for _, k := range []string{"Version", "Groups", "Brokers", "ClusterID", "ControllerID"} { // of a whole answer, its version above all
		if f := v.FieldByName(k); f.IsValid() {
			fresh.Elem().FieldByName(k).Set(f)
		}
	}
	fresh.Elem().FieldByName("ErrorCode").SetInt(int64(code))
	v.Set(fresh.Elem())
}
