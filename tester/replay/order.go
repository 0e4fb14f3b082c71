package replay

import (
	"encoding/binary"
	"slices"
	"sync"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/internal/kafka"
)

// order knows what the records of a run come from, so that outputs come out in one order, however many partitions and
// instances there are and whoever was faster: that of the input they come from, and of what a callback emits, the order in
// which it does.
type order struct {
	topics map[string][]origins // of each partition
}

// origins are those of the records of a partition, from base on.
type origins struct {
	mu   sync.Mutex
	base kafka.Offset
	of   []origin
}

// origin is where a record comes from.
type origin struct {
	known bool
	root  int64         // the number of the record of the input that it comes from in the end, nowhere for none
	hops  int32         // how many groups it went through since; 0 for a record of the input
	last  hop           // the last of these
	way   *way          // those before, nil where there is none, and where there are more than maxHops
	from  *kafka.Source // what it was emitted for, as long as nothing above but last is known
}

// nowhere is the root of what comes from no record of the input.
const nowhere = -1

// hop is a group that a record went through, and which of what it emitted then the next one is.
type hop struct {
	group uint16
	n     int32
}

type way struct {
	hop
	before *way
}

// maxHops is how many groups a record may have gone through to be ordered among all that come from one record of the
// input; behind that, loops are ordered by their rounds.
const maxHops = 64

// follow makes at what the record was emitted for, once the origin of that is known.
func (at *origin) follow(parent origin) {
	at.from, at.root, at.hops = nil, parent.root, parent.hops+1
	if parent.hops > 0 && at.hops <= maxHops {
		at.way = &way{parent.last, parent.way}
	}
}

func newOrder(p *plan, partitions int) *order {
	o := &order{topics: map[string][]origins{}}
	for _, t := range p.sorted(func(t *topic) bool { return t.output || t.input }) {
		o.topics[t.name] = make([]origins, partitions)
	}
	return o
}

// of returns the origins of a partition, nil where none are noted, as by a nil order.
func (o *order) of(topic string, partition int32) *origins {
	if o == nil {
		return nil
	}
	if partitions := o.topics[topic]; int(partition) < len(partitions) {
		return &partitions[partition]
	}
	return nil
}

// note takes down where a record comes from. A nil order notes nothing.
func (o *order) note(topic string, partition int32, offset kafka.Offset, from origin) {
	at := o.of(topic, partition)
	if at == nil {
		return
	}
	from.known = true
	at.mu.Lock()
	defer at.mu.Unlock()
	i := int(offset - at.base)
	if i < 0 {
		return
	}
	for len(at.of) <= i {
		at.of = append(at.of, origin{})
	}
	at.of[i] = from
}

func (o *order) origin(topic string, partition int32, offset kafka.Offset) origin {
	at := o.of(topic, partition)
	if at == nil {
		return origin{}
	}
	at.mu.Lock()
	defer at.mu.Unlock()
	if from := at.find(offset); from != nil {
		return *from
	}
	return origin{}
}

// find returns the origin of a record, nil when there is none, or when it was forgotten. at.mu is held.
func (at *origins) find(offset kafka.Offset) *origin {
	if i := int(offset - at.base); i >= 0 && i < len(at.of) {
		return &at.of[i]
	}
	return nil
}

// forget lets go of all that is known of a partition's records before an offset.
func (o *order) forget(topic string, partition int32, before kafka.Offset) {
	at := o.of(topic, partition)
	at.mu.Lock()
	defer at.mu.Unlock()
	at.of = slices.Delete(at.of, 0, min(len(at.of), int(max(0, before-at.base))))
	at.base = max(at.base, before)
}

// fed takes down that a record is that of the input with a number.
func (o *order) fed(topic string, partition int32, offset kafka.Offset, number int64) {
	o.note(topic, partition, offset, origin{root: number})
}

// emitted takes down that a group emitted a record for another.
func (o *order) emitted(topic string, partition int32, offset kafka.Offset, source kafka.Source, group uint16) {
	at := origin{last: hop{group, source.N}}
	if parent, ok := o.resolve(source.Topic, source.Partition, source.Offset, false); ok {
		at.follow(parent)
	} else { // it went on before it was noted itself
		from := source
		at.from = &from
	}
	o.note(topic, partition, offset, at)
}

// number returns which record of the input it is, false for none, and when that was forgotten.
func (o *order) number(topic string, partition int32, offset kafka.Offset) (int64, bool) {
	origins := o.of(topic, partition)
	if origins == nil {
		return 0, false
	}
	origins.mu.Lock()
	defer origins.mu.Unlock()
	at := origins.find(offset) // not a copy: all of an origin is a lot for each look-up
	if at == nil {
		return 0, false
	}
	return at.root, at.known && at.from == nil && at.hops == 0
}

// resolve returns the origin of a record as far back as the input, and whether it is known. In the end, what is not known yet never will be: then it
// comes from nowhere.
func (o *order) resolve(topic string, partition int32, offset kafka.Offset, end bool) (origin, bool) {
	at := o.origin(topic, partition, offset)
	switch {
	case !at.known:
		return origin{root: nowhere}, end
	case at.from == nil:
		return at, true
	}
	parent, ok := o.resolve(at.from.Topic, at.from.Partition, at.from.Offset, end)
	if ok {
		at.follow(parent)
		o.note(topic, partition, offset, at)
	}
	return at, ok
}

// key appends what a record is ordered by, among others of its partition, as bytes.
func (o *order) key(b []byte, topic string, partition int32, offset kafka.Offset) []byte {
	at, _ := o.resolve(topic, partition, offset, true)
	b = binary.BigEndian.AppendUint64(b, uint64(at.root+1))
	if at.hops > maxHops {
		b = binary.BigEndian.AppendUint16(b, 1<<16-1)
		return binary.BigEndian.AppendUint32(b, uint32(at.hops))
	}
	var hops [maxHops]hop
	begin := maxHops
	if at.hops > 0 {
		begin--
		hops[begin] = at.last
	}
	for w := at.way; w != nil; w = w.before {
		begin--
		hops[begin] = w.hop
	}
	for _, h := range hops[begin:] {
		b = binary.BigEndian.AppendUint16(b, h.group)
		b = binary.BigEndian.AppendUint32(b, uint32(h.n))
	}
	return b
}

// watched is a group's producer whose emissions are noted.
type watched struct {
	goka.EmissionProducer
	order *order
	group uint16
}

// pending is an emission under way.
type pending struct {
	of   watched
	then func(*goka.Emission, error)
	done func(*goka.Emission, error) // its method, made once
}

var spare sync.Pool // of *pending

func newPending() *pending {
	p, ok := spare.Get().(*pending)
	if !ok {
		p = new(pending)
		p.done = p.arrived
	}
	return p
}

// Produce sends e, and notes where it went.
func (w watched) Produce(e *goka.Emission) {
	if _, ordered := w.order.topics[e.Topic]; !ordered {
		w.EmissionProducer.Produce(e)
		return
	}
	p := newPending()
	p.of, p.then = w, e.Done
	e.Done = p.done
	w.EmissionProducer.Produce(e)
}

func (p *pending) arrived(e *goka.Emission, err error) {
	if err == nil && e.Offset >= 0 {
		p.of.order.emitted(e.Topic, e.Partition, kafka.Offset(e.Offset), e.Source, p.of.group)
	}
	then := p.then
	p.of, p.then = watched{}, nil
	spare.Put(p)
	e.Done = then
	if then != nil {
		then(e, err)
	}
}
