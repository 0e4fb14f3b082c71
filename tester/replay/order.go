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

// origin is where a record comes from: a record that some group handled, or the input, of which Source.Offset is the number
// and Source.Topic is empty.
type origin struct {
	source kafka.Source
	group  uint16
	known  bool
}

func newOrder(p *plan, partitions int) *order {
	o := &order{topics: map[string][]origins{}}
	for _, t := range p.sorted(func(t *topic) bool { return t.output || t.input }) {
		o.topics[t.name] = make([]origins, partitions)
	}
	return o
}

// note takes down where a record comes from. A nil order notes nothing.
func (o *order) note(topic string, partition int32, offset kafka.Offset, from origin) {
	if o == nil || int(partition) >= len(o.topics[topic]) {
		return
	}
	from.known = true
	at := &o.topics[topic][partition]
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
	if int(partition) >= len(o.topics[topic]) {
		return origin{}
	}
	at := &o.topics[topic][partition]
	at.mu.Lock()
	defer at.mu.Unlock()
	if i := int(offset - at.base); i >= 0 && i < len(at.of) {
		return at.of[i]
	}
	return origin{}
}

// forget lets go of all that is known of a partition's records before an offset.
func (o *order) forget(topic string, partition int32, before kafka.Offset) {
	at := &o.topics[topic][partition]
	at.mu.Lock()
	defer at.mu.Unlock()
	at.of = slices.Delete(at.of, 0, min(len(at.of), int(max(0, before-at.base))))
	at.base = max(at.base, before)
}

// maxHops is how many groups a record may have gone through to be ordered among all that come from one record of the
// input; behind that, loops are ordered by their rounds.
const maxHops = 64

// key appends what a record is ordered by, among others of its partition, as bytes.
func (o *order) key(b []byte, topic string, partition int32, offset kafka.Offset) []byte {
	type hop struct {
		group uint16
		n     int32
	}
	var way [maxHops]hop
	hops := 0
	at := o.origin(topic, partition, offset)
	for ; at.known && at.source.Topic != ""; hops++ {
		if hops < maxHops {
			way[hops] = hop{at.group, at.source.N}
		}
		at = o.origin(at.source.Topic, at.source.Partition, at.source.Offset)
	}
	root := int64(-1) // of what comes from nowhere, as what is emitted by a timer
	if at.known {
		root = int64(at.source.Offset)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(root+1))
	if hops > maxHops {
		b = binary.BigEndian.AppendUint16(b, 1<<16-1)
		return binary.BigEndian.AppendUint32(b, uint32(hops))
	}
	for i := range hops {
		h := way[hops-1-i]
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
		p.of.order.note(e.Topic, e.Partition, kafka.Offset(e.Offset), origin{source: e.Source, group: p.of.group})
	}
	then := p.then
	p.of, p.then = watched{}, nil
	spare.Put(p)
	e.Done = then
	if then != nil {
		then(e, err)
	}
}
