package seam

import (
	"slices"

	"github.com/gokasim/gokasim/memkafka/internal/cluster"
)

// Watch tells when there may be more to read in some partitions, or when they are gone: what a fetch waits for that
// found too little.
type Watch struct {
	e       *Engine
	changed chan struct{} // capacity 1

	// guarded by e.mu
	partitions []*cluster.Partition
}

// Watch returns a watch that watches nothing yet. Whoever has it must Stop it.
func (e *Engine) Watch() *Watch {
	return &Watch{e: e, changed: make(chan struct{}, 1)}
}

// Add lets the watch watch a partition too. It must be called from within Do, so that nothing is missed after what was
// read there.
func (w *Watch) Add(p *cluster.Partition) {
	if w.e.watches == nil {
		w.e.watches = map[*cluster.Partition][]*Watch{}
	}
	w.e.watches[p] = append(w.e.watches[p], w)
	w.partitions = append(w.partitions, p)
}

// Changed receives when a partition has changed since the last receive.
func (w *Watch) Changed() <-chan struct{} { return w.changed }

// Stop ends the watch.
func (w *Watch) Stop() {
	w.e.mu.Lock()
	defer w.e.mu.Unlock()
	for _, p := range w.partitions {
		others := slices.DeleteFunc(w.e.watches[p], func(o *Watch) bool { return o == w })
		if len(others) == 0 {
			delete(w.e.watches, p)
		} else {
			w.e.watches[p] = others
		}
	}
	w.partitions = nil
}

// tell lets those know who wait for records of partitions that changed. Called with mu held.
func (e *Engine) tell() {
	if shape := e.core.Shape(); shape != e.shape.Load() {
		e.shape.Store(shape)
	}
	touched := e.core.TakeTouched()
	if len(e.copying) > 0 { // their answers may let others be sent
		touched = slices.Clone(touched)
	}
	for _, p := range touched {
		subs := e.subs[p]
		if len(subs) == 0 && len(e.copying) == 0 && len(e.watches) == 0 {
			continue
		}
		gone := e.core.Partition(p.TP.Topic, p.TP.Partition) != p
		for _, s := range subs {
			if s.log == p.Log { // and not an earlier one
				s.available(p.Log, gone)
			}
		}
		if len(e.copying) > 0 {
			e.lookAtCopies(p, gone)
		}
		for _, w := range e.watches[p] {
			select {
			case w.changed <- struct{}{}:
			default:
			}
		}
	}
}
