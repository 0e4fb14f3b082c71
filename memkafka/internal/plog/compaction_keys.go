package plog

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
)

// A pass numbers the records below its end from 0 on, batch by batch. recordSet is a set of such numbers.
type recordSet []uint64

func newRecordSet(records int) recordSet { return make(recordSet, (records+63)/64) }

func (s recordSet) add(n int)      { s[n/64] |= 1 << (n % 64) }
func (s recordSet) has(n int) bool { return s[n/64]>>(n%64)&1 != 0 }

// keyed is a record and what tells its key from others: 128 bits of a SHA-256, where Kafka has the 128 of an MD5.
type keyed struct {
	hi, lo uint64
	number uint32
}

// bucketRecords is about how many records share a bucket: few enough to sort them in a processor's nearest memory, so that
// the cost of a record does not grow with the log. They are dealt out in rounds of at most 2^bucketBits buckets, whose ends
// that memory holds, too.
const (
	bucketRecords = 512
	bucketBits    = 8
)

// bucketsFor is the number of bits of a key that choose the bucket of so many records.
func bucketsFor(records int) int { return min(bits.Len(uint(records/bucketRecords)), bucketBits) }

// superseded is the records below to for whose key there is a newer one in [from, to). Aborted records are none.
func (l *Log) superseded(from, to kafka.Offset) recordSet {
	segments := l.segments[:l.segmentOf(to)]
	records := 0
	for _, s := range segments {
		for _, b := range s.batches {
			records += b.Len()
		}
	}
	used := bucketsFor(records)
	shift := 64 - used
	buckets := make([][]keyed, 1<<used)
	if used == bucketBits { // else they grow little
		for i := range buckets {
			buckets[i] = make([]keyed, 0, records/len(buckets)*17/16)
		}
	}
	txns := l.txnPass(segments[0].base, to)
	number, firstDirty := 0, records
	for _, s := range segments {
		for _, b := range s.batches {
			if b.IsControl() {
				txns.marker(b)
				number += b.Len()
				continue
			}
			if txns.aborts(b) {
				number += b.Len()
				continue
			}
			for o := range b.Outlines() {
				if o.Offset >= from {
					firstDirty = min(firstDirty, number)
				}
				if o.Key != nil {
					sum := sha256.Sum256(o.Key)
					k := keyed{binary.LittleEndian.Uint64(sum[:]), binary.LittleEndian.Uint64(sum[8:]), uint32(number)}
					buckets[k.hi>>shift] = append(buckets[k.hi>>shift], k)
				}
				number++
			}
		}
	}
	old := newRecordSet(records)
	var room []keyed
	for i, bucket := range buckets {
		if len(bucket) > len(room) {
			room = make([]keyed, len(bucket))
		}
		markAll(old, bucket, room, used, firstDirty)
		buckets[i] = nil
	}
	return old
}

// markAll is markOld for a bucket of any size, which is dealt out into smaller ones first: by the bits of its keys after
// those that are used already. Room has at least its size.
func markAll(old recordSet, bucket, room []keyed, used, firstDirty int) {
	more := bucketsFor(len(bucket))
	if more < 2 || used+more > 64 {
		markOld(old, bucket, firstDirty)
		return
	}
	of := func(k *keyed) uint64 { return k.hi << used >> (64 - more) }
	var ends [1<<bucketBits + 1]int
	for i := range bucket {
		ends[of(&bucket[i])+1]++
	}
	for i := range 1 << more {
		ends[i+1] += ends[i]
	}
	for i := range bucket {
		b := of(&bucket[i])
		room[ends[b]] = bucket[i]
		ends[b]++ // so that it is the end of this bucket at last
	}
	start := 0
	for _, end := range ends[:1<<more] {
		markAll(old, room[start:end], bucket[start:end], used+more, firstDirty)
		start = end
	}
}

// markOld adds to old all records of a bucket but the newest of each key, if that is number firstDirty or later.
func markOld(old recordSet, bucket []keyed, firstDirty int) {
	slices.SortFunc(bucket, func(a, b keyed) int {
		if a.hi != b.hi {
			return cmp.Compare(a.hi, b.hi)
		}
		if a.lo != b.lo {
			return cmp.Compare(a.lo, b.lo)
		}
		return cmp.Compare(a.number, b.number)
	})
	var newest keyed
	for i, k := range slices.Backward(bucket) {
		switch {
		case i == len(bucket)-1 || k.hi != newest.hi || k.lo != newest.lo:
			newest = k
		case int(newest.number) >= firstDirty:
			old.add(int(k.number))
		}
	}
}
