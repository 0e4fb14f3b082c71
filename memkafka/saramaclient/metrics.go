package saramaclient

import (
	"sync/atomic"
	"time"

	"github.com/rcrowley/go-metrics"
)

// quietRegistry is a registry whose meters need no goroutine. Those of go-metrics share one, which never ends and waits for
// a ticker of its own: it would stop the time of a testing/synctest bubble, and show as a leak elsewhere.
type quietRegistry struct{ metrics.Registry }

// GetOrRegister implements metrics.Registry.
func (r quietRegistry) GetOrRegister(name string, metric any) any {
	if _, ok := metric.(func() metrics.Meter); ok {
		metric = func() metrics.Meter { return newMeter() }
	}
	return r.Registry.GetOrRegister(name, metric)
}

// meter counts, and knows one rate: that since it was made.
type meter struct {
	count   atomic.Int64
	started time.Time
}

func newMeter() *meter { return &meter{started: time.Now()} }

func (m *meter) Mark(n int64) { m.count.Add(n) }

func (m *meter) Count() int64 { return m.count.Load() }

func (m *meter) RateMean() float64 {
	if past := time.Since(m.started); past > 0 {
		return float64(m.Count()) / past.Seconds()
	}
	return 0
}

func (m *meter) Rate1() float64  { return m.RateMean() }
func (m *meter) Rate5() float64  { return m.RateMean() }
func (m *meter) Rate15() float64 { return m.RateMean() }

func (m *meter) Stop() {}

func (m *meter) Snapshot() metrics.Meter {
	s := &meter{started: m.started}
	s.count.Store(m.Count())
	return s
}
