package tester

import "sync"

// emitFaults decide which emits fail.
type emitFaults struct {
	mu   sync.Mutex // guards fail
	fail func(r Record) error
}

// FailEmits has emits of processors and emitters fail with the error that f returns, as those do that Kafka refuses for
// good: nothing is written. f sees topic, key, headers and the value as bytes, and may be called by any goroutine; an f of
// nil ends it.
func (tt *Tester) FailEmits(f func(r Record) error) {
	tt.emits.mu.Lock()
	tt.emits.fail = f
	tt.emits.mu.Unlock()
}

func (e *emitFaults) failure(topic string, key, value []byte) error {
	e.mu.Lock()
	fail := e.fail
	e.mu.Unlock()
	if fail == nil {
		return nil
	}
	r := Record{Topic: topic, Key: string(key)}
	if value != nil {
		r.Value = value
	}
	return fail(r)
}
