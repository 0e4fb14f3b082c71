package goka

import (
	"errors"
	"fmt"
	"hash"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/storage"
)

// What a program hands to goka may panic, or be nothing at all. It ends where goka called it, as an error.

// guarded calls f, and turns its panic into an error that says where it happened.
func guarded(where string, f func() error) (err error) {
	defer caught(where, &err)
	return f()
}

// caught is deferred by who calls a user's code, and turns its panic into an error.
func caught(where string, err *error) {
	switch x := recover().(type) {
	case nil:
	case error:
		*err = fmt.Errorf("panic in %s: %w\n%s", where, x, userStack())
	default:
		*err = fmt.Errorf("panic in %s: %v\n%s", where, x, userStack())
	}
}

// decode calls a codec.
func decode(c Codec, data []byte) (value interface{}, err error) {
	defer caught("codec", &err)
	return c.Decode(data)
}

// encode calls a codec.
func encode(c Codec, value interface{}) (data []byte, err error) {
	defer caught("codec", &err)
	return c.Encode(value)
}

// built is what a builder made, which has to be something.
func built[T any](what string, v T, err error) (T, error) {
	if err == nil && any(v) == nil {
		err = fmt.Errorf("the builder of the %s returned neither a %s nor an error", what, what)
	}
	return v, err
}

// guarded returns builders that never return nothing without an error. Topic managers of goka's own log to log.
func (b builders) guarded(log Logger) builders {
	g := b
	g.storage = func(topic string, partition int32) (storage.Storage, error) {
		st, err := b.storage(topic, partition)
		return built("storage", st, err)
	}
	if b.producer != nil {
		g.producer = func(brokers []string, clientID string, hasher func() hash.Hash32) (Producer, error) {
			p, err := b.producer(brokers, clientID, hasher)
			return built("producer", p, err)
		}
	}
	g.topicManager = func(brokers []string) (TopicManager, error) {
		m, err := b.topicManager(brokers)
		if own, ok := m.(*topicManager); ok {
			own.logTo(log)
		}
		return built("topic manager", m, err)
	}
	if b.consumerGroup != nil {
		g.consumerGroup = func(brokers []string, group, clientID string) (sarama.ConsumerGroup, error) {
			m, err := b.consumerGroup(brokers, group, clientID)
			return built("consumer group", m, err)
		}
	}
	g.consumer = func(brokers []string, clientID string) (sarama.Consumer, error) {
		c, err := b.consumer(brokers, clientID)
		return built("consumer", c, err)
	}
	g.backoff = func() (Backoff, error) {
		backoff, err := b.backoff()
		return built("backoff", backoff, err)
	}
	return g
}

// checkHasher reports a hasher that is missing, or makes nothing.
func checkHasher(hasher func() hash.Hash32) error {
	switch {
	case hasher == nil:
		return errors.New("Hasher not set")
	case hasher() == nil:
		return errors.New("Hasher returned nil; have it make a new hash.Hash32 at each call")
	}
	return nil
}

var errNilTester = errors.New("Tester not set")

// errNilOption reports the i-th option.
func errNilOption(i int) error { return fmt.Errorf("option %d is nil", i+1) }
