package goka

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// everywhere runs a benchmark for each library on each place.
func everywhere(b *testing.B, run func(b *testing.B, p *place, l library)) {
	for _, p := range places {
		b.Run(p.name, func(b *testing.B) {
			for _, l := range libraries {
				b.Run(l.name, func(b *testing.B) {
					for b.Loop() {
						run(b, p, l)
					}
					b.ReportMetric(0, "ns/op") // an operation is a run
				})
			}
		})
	}
}

// running is a runner that runs.
type running struct {
	cancel context.CancelFunc
	done   chan error
}

func start(r runner) *running {
	ctx, cancel := context.WithCancel(context.Background())
	run := &running{cancel, make(chan error, 1)}
	go func() { run.done <- r.Run(ctx) }()
	return run
}

func (r *running) stop(b *testing.B) {
	b.Helper()
	r.cancel()
	select {
	case err := <-r.done:
		must(b, err)
	case <-time.After(time.Minute):
		b.Fatal("Run has not returned for a minute")
	}
}

// meter counts what n messages cost this process, clients of Kafka included.
type meter struct {
	began   time.Time
	before  runtime.MemStats
	cpu     time.Duration
	elapsed time.Duration
}

func (m *meter) start() {
	runtime.ReadMemStats(&m.before)
	m.cpu = cpuTime()
	m.began = time.Now()
}

// report reports the rate of n messages since start, or since began.
func (m *meter) report(b *testing.B, n int) {
	m.elapsed = time.Since(m.began)
	cpu := cpuTime() - m.cpu
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(n)/m.elapsed.Seconds(), "msg/s")
	b.ReportMetric(float64(after.Mallocs-m.before.Mallocs)/float64(n), "allocs/msg")
	b.ReportMetric(float64(after.TotalAlloc-m.before.TotalAlloc)/float64(n), "B/msg")
	b.ReportMetric(float64(cpu.Nanoseconds())/float64(n), "cpu-ns/msg")
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// process measures an application from its first message until what it wrote for the last one is in Kafka.
func process(b *testing.B, p *place, l library, s spec) {
	b.Helper()
	n := *messages
	s.brokers, s.group, s.in, s.dir = p.addrs, unique("group"), p.fill(b, n, keys, false), b.TempDir()
	written := s.group + "-table"
	if s.application == counter {
		p.topic(b, written, partitions, true)
	} else {
		s.out = p.topic(b, unique("out"), partitions, false)
		written = s.out
	}
	if s.application == join {
		s.joined = p.fill(b, keys, keys, true)
	}
	var (
		m     meter
		first sync.Once
		count atomic.Int64
		all   = make(chan struct{})
	)
	s.handled = func(int32) {
		first.Do(m.start)
		if count.Add(1) == int64(n) {
			close(all)
		}
	}
	proc, err := l.processor(s)
	must(b, err)
	r := start(proc)
	select {
	case <-all:
	case err := <-r.done:
		b.Fatal("the processor ended: ", err)
	case <-time.After(5 * time.Minute):
		b.Fatalf("%d of %d messages were handled within 5 minutes", count.Load(), n)
	}
	eventually(b, "everything is written", func() bool { return p.records(b, written) >= n })
	m.report(b, n)
	r.stop(b)
}

func BenchmarkCounterMemory(b *testing.B) {
	everywhere(b, func(b *testing.B, p *place, l library) { process(b, p, l, spec{application: counter, store: "memory"}) })
}

func BenchmarkCounterDisk(b *testing.B) {
	everywhere(b, func(b *testing.B, p *place, l library) { process(b, p, l, spec{application: counter, store: "disk"}) })
}

func BenchmarkRekey(b *testing.B) {
	everywhere(b, func(b *testing.B, p *place, l library) { process(b, p, l, spec{application: rekey, store: "memory"}) })
}

func BenchmarkJoin(b *testing.B) {
	everywhere(b, func(b *testing.B, p *place, l library) { process(b, p, l, spec{application: join, store: "disk"}) })
}

// recoverTable measures a view from its start until it has the whole table, of half as many rows as updates.
func recoverTable(b *testing.B, p *place, l library, store string) {
	b.Helper()
	table := p.fill(b, *updates, *updates/2, true)
	v, err := l.view(p.addrs, table, store, b.TempDir())
	must(b, err)
	var m meter
	m.start()
	r := start(v)
	select {
	case <-v.WaitRunning():
	case err := <-r.done:
		b.Fatal("the view ended: ", err)
	}
	m.report(b, *updates)
	r.stop(b)
}

func BenchmarkRecoveryMemory(b *testing.B) {
	everywhere(b, func(b *testing.B, p *place, l library) { recoverTable(b, p, l, "memory") })
}

func BenchmarkRecoveryDisk(b *testing.B) {
	everywhere(b, func(b *testing.B, p *place, l library) { recoverTable(b, p, l, "disk") })
}

// BenchmarkEmitter measures an emitter until all that it sent is acknowledged.
func BenchmarkEmitter(b *testing.B) {
	everywhere(b, func(b *testing.B, p *place, l library) {
		emit, finish, err := l.emitter(p.addrs, p.topic(b, unique("emitted"), partitions, false))
		must(b, err)
		names, value := make([]string, keys), make([]byte, valueBytes)
		for i := range names {
			names[i] = key(i)
		}
		var m meter
		m.start()
		for i := range *messages {
			if err := emit(names[i%keys], value); err != nil {
				b.Fatal(err)
			}
		}
		must(b, finish())
		m.report(b, *messages)
	})
}

// BenchmarkPartition measures what a partition with a table costs while it waits for messages.
func BenchmarkPartition(b *testing.B) {
	const many = 64
	for _, store := range []string{"memory", "disk"} {
		b.Run(store, func(b *testing.B) {
			everywhere(b, func(b *testing.B, p *place, l library) {
				s := spec{application: counter, store: store, brokers: p.addrs, group: unique("group"), dir: b.TempDir()}
				s.in = p.topic(b, unique("in"), many, false)
				p.topic(b, s.group+"-table", many, true)
				s.handled = func(int32) {}
				memory, goroutines := inUse()
				proc, err := l.processor(s)
				must(b, err)
				r := start(proc)
				eventually(b, "it runs", func() bool { return recovered(proc) })
				after, more := inUse()
				b.ReportMetric(float64(after-memory)/many, "B/partition")
				b.ReportMetric(float64(more-goroutines)/many, "goroutines/partition")
				r.stop(b)
			})
		})
	}
}

func recovered(r runner) bool { return r.(interface{ Recovered() bool }).Recovered() }

// inUse is the memory that heap and stacks hold, and the number of goroutines.
func inUse() (bytes uint64, goroutines int) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse, runtime.NumGoroutine()
}
