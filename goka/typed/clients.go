package typed

import (
	"fmt"

	"github.com/gokasim/gokasim/goka"
)

// Get returns the value of key in the table of p's group, and whether there is one. See goka.Processor.Get.
func Get[S any](p *goka.Processor, table Table[S], key string) (value S, found bool, err error) {
	v, err := p.Get(key)
	if err != nil {
		return value, false, err
	}
	return as[S](string(table.name), v)
}

// View is a view of a table whose values are of type V.
type View[V any] struct{ *goka.View }

// NewView makes a view. See goka.NewView.
func NewView[V any](brokers []string, table Table[V], options ...goka.ViewOption) (View[V], error) {
	v, err := goka.NewView(brokers, table.name, table.codec, options...)
	return View[V]{v}, err
}

// Get returns the value of key, and whether there is one. See goka.View.Get.
func (v View[V]) Get(key string) (value V, found bool, err error) {
	got, err := v.View.Get(key)
	if err != nil {
		return value, false, err
	}
	return as[V](v.Topic(), got)
}

// Each calls f for each row of the view, in the byte order of keys, until f returns false.
func (v View[V]) Each(f func(key string, value V) bool) error {
	it, err := v.Iterator()
	if err != nil {
		return err
	}
	defer it.Release()
	for it.Next() {
		got, err := it.Value()
		if err != nil {
			return fmt.Errorf("error reading the value of key %q of %s: %w", it.Key(), v.Topic(), err)
		}
		value, _, err := as[V](v.Topic(), got)
		if err != nil {
			return err
		}
		if !f(it.Key(), value) {
			return nil
		}
	}
	return it.Err()
}

// Emitter emits messages of type M.
type Emitter[M any] struct{ *goka.Emitter }

// NewEmitter makes an emitter. See goka.NewEmitter.
func NewEmitter[M any](brokers []string, stream Stream[M], options ...goka.EmitterOption) (Emitter[M], error) {
	e, err := goka.NewEmitter(brokers, stream.name, stream.codec, options...)
	return Emitter[M]{e}, err
}

// Emit sends a message. See goka.Emitter.Emit.
func (e Emitter[M]) Emit(key string, msg M) (*goka.Promise, error) { return e.Emitter.Emit(key, msg) }

// EmitSync sends a message and waits for the result. See goka.Emitter.EmitSync.
func (e Emitter[M]) EmitSync(key string, msg M) error { return e.Emitter.EmitSync(key, msg) }

// EmitWithHeaders sends a message with headers. See goka.Emitter.EmitWithHeaders.
func (e Emitter[M]) EmitWithHeaders(key string, msg M, headers goka.Headers) (*goka.Promise, error) {
	return e.Emitter.EmitWithHeaders(key, msg, headers)
}

// EmitSyncWithHeaders sends a message with headers and waits for the result. See goka.Emitter.EmitSyncWithHeaders.
func (e Emitter[M]) EmitSyncWithHeaders(key string, msg M, headers goka.Headers) error {
	return e.Emitter.EmitSyncWithHeaders(key, msg, headers)
}
