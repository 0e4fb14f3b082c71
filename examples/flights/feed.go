package main

import (
	"fmt"
	"sync"

	"github.com/gokasim/gokasim/goka"
)

// feed writes records to Kafka as they stand in a recording: null keys and tombstones stay what they are.
type feed struct {
	producer goka.EmissionProducer
	pending  sync.WaitGroup

	mu    sync.Mutex // guards first
	first error      // the first failure
}

func openFeed(brokers []string) (*feed, error) {
	producer, err := goka.DefaultProducerBuilder(brokers, "flights-feed", goka.DefaultHasher())
	if err != nil {
		return nil, err
	}
	return &feed{producer: producer.(goka.EmissionProducer)}, nil
}

// write returns once Kafka has all the records, or with the first error.
func (f *feed) write(records recording) error {
	for _, r := range records {
		if f.failed() != nil {
			break
		}
		f.pending.Add(1)
		f.producer.Produce(&goka.Emission{
			Topic: r.Topic, Key: nullable(r.Key), Value: nullable(r.Payload), Partition: goka.AnyPartition, Done: f.done,
		})
	}
	f.pending.Wait()
	return f.failed()
}

func (f *feed) done(e *goka.Emission, err error) {
	if err != nil {
		f.mu.Lock()
		if f.first == nil {
			f.first = fmt.Errorf("writing to topic %q: %w", e.Topic, err)
		}
		f.mu.Unlock()
	}
	f.pending.Done()
}

func (f *feed) failed() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.first
}

func (f *feed) close() error { return f.producer.Close() }

// nullable returns the bytes of s, nil when s is.
func nullable(s *string) []byte {
	if s == nil {
		return nil
	}
	return append([]byte{}, *s...)
}
