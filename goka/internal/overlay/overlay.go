// Package overlay holds the writes of a table's partition that Kafka has not acknowledged yet. Whoever made them reads
// them through the overlay; everybody else sees a row once it left the overlay together with its offset.
package overlay

import "github.com/gokasim/gokasim/storage"

// NoOffset is the offset of an acknowledged write whose producer did not tell it.
const NoOffset int64 = -1

// Overlay keeps writes in the order in which they were made. The zero value is ready for use. An Overlay belongs to
// one goroutine.
type Overlay struct {
	latest map[string]latest
	ring   []write // its length is zero or a power of two
	first  uint64  // the oldest write that Apply has not passed
	next   uint64  // the ticket of the next write
}

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
	if o.latest == nil {
		o.latest = make(map[string]latest)
	}
	if int(o.next-o.first) == len(o.ring) {
		o.grow()
	}
	t := o.next
	o.ring[t&uint64(len(o.ring)-1)] = write{key: key, value: value, offset: NoOffset}
	o.next++
	o.latest[key] = latest{value: value, pending: o.latest[key].pending + 1}
	return Ticket(t)
}

func (o *Overlay) grow() {
	bigger := make([]write, max(16, 2*len(o.ring)))
	for t := o.first; t < o.next; t++ {
		bigger[t&uint64(len(bigger)-1)] = o.ring[t&uint64(len(o.ring)-1)]
	}
	o.ring = bigger
}

// Get returns what the last write of key left, nil when that was a deletion. Without a write in the overlay, found is
// false: the row is in the storage.
func (o *Overlay) Get(key string) (value []byte, found bool) {
	if len(o.latest) == 0 {
		return nil, false
	}
	l, found := o.latest[key]
	return l.value, found
}

// Ack notes that Kafka has the write t at offset; NoOffset when that is not known.
func (o *Overlay) Ack(t Ticket, offset int64) {
	if uint64(t) < o.first || uint64(t) >= o.next {
		panic("overlay: a write that is not in the overlay was acknowledged")
	}
	w := &o.ring[uint64(t)&uint64(len(o.ring)-1)]
	w.acked, w.offset = true, offset
}

// Take removes the acknowledged writes at the front, and appends them to rows in the order in which they were made.
// offset is the largest of their offsets, NoOffset when none is known: a storage that has rows and offset has all
// that this overlay wrote up to there.
func (o *Overlay) Take(rows []storage.Row) (_ []storage.Row, offset int64) {
	offset = NoOffset
	for o.first < o.next {
		w := &o.ring[o.first&uint64(len(o.ring)-1)]
		if !w.acked {
			break
		}
		rows = append(rows, storage.Row{Key: w.key, Value: w.value})
		offset = max(offset, w.offset)
		if l := o.latest[w.key]; l.pending == 1 {
			delete(o.latest, w.key)
		} else {
			l.pending--
			o.latest[w.key] = l
		}
		*w = write{}
		o.first++
	}
	return rows, offset
}

// Next is the ticket of the write that comes next: all that there were have a smaller one.
func (o *Overlay) Next() Ticket { return Ticket(o.next) }

// Passed reports whether Take has removed all writes with a smaller ticket than t.
func (o *Overlay) Passed(t Ticket) bool { return o.first >= uint64(t) }

// Len is the number of writes that Take has not removed.
func (o *Overlay) Len() int { return int(o.next - o.first) }
