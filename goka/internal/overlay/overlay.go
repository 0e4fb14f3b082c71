// Package overlay holds the writes of a table's partition that Kafka has not acknowledged yet. Whoever made them reads
// them through the overlay; everybody else sees a row once it left the overlay together with its offset.
package overlay

import "github.com/gokasim/gokasim/storage"

// NoOffset is the offset of an acknowledged write whose producer did not tell it.
const NoOffset int64 = -1

// Overlay keeps writes in the order in which they were made. The zero value is ready for use. An Overlay belongs to
// one goroutine.
type Overlay struct {
	latest map[string]latest // what readers see, since there were more than a few writes; empty before that
	many   bool              // there were, and some are left
	ring   []write           // its length is zero or a power of two
	first  uint64            // the oldest write that Apply has not passed
	next   uint64            // the ticket of the next write
}

// few writes are looked through faster than a map is kept.
const few = 8

// latest is what a reader of a key sees, and how many of the key's writes are still in the ring.
type latest struct {
	value   []byte // nil when the key is deleted
	pending int
}

type write struct {
	key    string
	value  []byte // nil deletes
	offset int64
	acked  bool
}

// Ticket names a write of an Overlay.
type Ticket uint64

// Put adds a write of key; a nil value deletes it.
func (o *Overlay) Put(key string, value []byte) Ticket {
	if o.Len() == len(o.ring) {
		o.grow()
	}
	t := o.next
	*o.at(t) = write{key: key, value: value, offset: NoOffset}
	o.next++
	switch {
	case o.many:
		o.show(key, value)
	case o.Len() > few:
		o.many = true
		if o.latest == nil {
			o.latest = make(map[string]latest)
		}
		for t := o.first; t < o.next; t++ {
			o.show(o.at(t).key, o.at(t).value)
		}
	}
	return Ticket(t)
}

func (o *Overlay) at(t uint64) *write { return &o.ring[t&uint64(len(o.ring)-1)] }

// show makes a write the one that readers see.
func (o *Overlay) show(key string, value []byte) {
	o.latest[key] = latest{value: value, pending: o.latest[key].pending + 1}
}

func (o *Overlay) grow() {
	bigger := make([]write, max(16, 2*len(o.ring)))
	for t := o.first; t < o.next; t++ {
		bigger[t&uint64(len(bigger)-1)] = *o.at(t)
	}
	o.ring = bigger
}

// Get returns what the last write of key left, nil when that was a deletion. Without a write in the overlay, found is
// false: the row is in the storage.
func (o *Overlay) Get(key string) (value []byte, found bool) {
	if o.many {
		l, found := o.latest[key]
		return l.value, found
	}
	for t := o.next; t > o.first; t-- {
		if w := o.at(t - 1); w.key == key {
			return w.value, true
		}
	}
	return nil, false
}

// Ack notes that Kafka has the write t at offset; NoOffset when that is not known.
func (o *Overlay) Ack(t Ticket, offset int64) {
	if uint64(t) < o.first || uint64(t) >= o.next {
		panic("overlay: a write that is not in the overlay was acknowledged")
	}
	w := o.at(uint64(t))
	w.acked, w.offset = true, offset
}

// Take removes the acknowledged writes at the front, and appends them to rows in the order in which they were made.
// offset is the largest of their offsets, NoOffset when none is known: a storage that has rows and offset has all
// that this overlay wrote up to there.
func (o *Overlay) Take(rows []storage.Row) (_ []storage.Row, offset int64) {
	offset = NoOffset
	for o.first < o.next {
		w := o.at(o.first)
		if !w.acked {
			break
		}
		rows = append(rows, storage.Row{Key: w.key, Value: w.value})
		offset = max(offset, w.offset)
		if o.many {
			o.hide(w.key)
		}
		*w = write{}
		o.first++
	}
	o.many = o.many && o.first < o.next
	return rows, offset
}

// hide takes a write of key away from readers, who see a later one, if there is one.
func (o *Overlay) hide(key string) {
	l := o.latest[key]
	if l.pending == 1 {
		delete(o.latest, key)
		return
	}
	l.pending--
	o.latest[key] = l
}

// Next is the ticket of the write that comes next: all that there were have a smaller one.
func (o *Overlay) Next() Ticket { return Ticket(o.next) }

// Passed reports whether Take has removed all writes with a smaller ticket than t.
func (o *Overlay) Passed(t Ticket) bool { return o.first >= uint64(t) }

// Len is the number of writes that Take has not removed.
func (o *Overlay) Len() int { return int(o.next - o.first) }
