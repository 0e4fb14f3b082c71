package cluster

import (
	"container/heap"

	"github.com/gokasim/gokasim/internal/kafka"
)

type timerID struct{ group, key string }

type timer struct {
	timerID
	at    kafka.Millis
	seq   uint64 // order of setting, which decides among timers of one time
	index int    // place in the heap
}

// timers is the queue of what is due later, ordered by time and, within one time, by the order of setting.
type timers struct {
	heap timerHeap
	byID map[timerID]*timer
	seq  uint64
}

// set places a timer, or moves the one with the same id.
func (q *timers) set(id timerID, at kafka.Millis) {
	q.seq++
	if t := q.byID[id]; t != nil {
		t.at, t.seq = at, q.seq
		heap.Fix(&q.heap, t.index)
		return
	}
	if q.byID == nil {
		q.byID = map[timerID]*timer{}
	}
	t := &timer{timerID: id, at: at, seq: q.seq}
	q.byID[id] = t
	heap.Push(&q.heap, t)
}

// move puts a timer, if it is set, off by so much, or forward.
func (q *timers) move(id timerID, by kafka.Millis) {
	if t := q.byID[id]; t != nil {
		q.set(id, t.at+by)
	}
}

func (q *timers) stop(id timerID) {
	if t := q.byID[id]; t != nil {
		delete(q.byID, id)
		heap.Remove(&q.heap, t.index)
	}
}

func (q *timers) next() (kafka.Millis, bool) {
	if len(q.heap) == 0 {
		return 0, false
	}
	return q.heap[0].at, true
}

// due takes out the earliest timer if its time has come.
func (q *timers) due(now kafka.Millis) (timerID, bool) {
	if len(q.heap) == 0 || q.heap[0].at > now {
		return timerID{}, false
	}
	t := heap.Pop(&q.heap).(*timer)
	delete(q.byID, t.timerID)
	return t.timerID, true
}

type timerHeap []*timer

func (h timerHeap) Len() int { return len(h) }

func (h timerHeap) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].seq < h[j].seq
}

func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *timerHeap) Push(x any) {
	t := x.(*timer)
	t.index = len(*h)
	*h = append(*h, t)
}

func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return t
}
