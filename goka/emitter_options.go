package goka

import (
	"errors"
	"fmt"
	"hash"
)

// EmitterOption changes a setting of an Emitter. Of two options for one setting the later counts. Options that cannot be, such as
// nil, are errors of NewEmitter.
type EmitterOption func(*eoptions, Stream, Codec)

type eoptions struct {
	log            Logger
	clientID       string
	hasher         func() hash.Hash32
	defaultHeaders Headers
	observer       Observer // nil for none
	producer       ProducerBuilder
	topicManager   TopicManagerBuilder
	refused        []error // options that cannot be
}

func newEmitterOptions(topic Stream, codec Codec, options []EmitterOption) (*eoptions, error) {
	o := &eoptions{
		log:      DefaultLogger(),
		clientID: fmt.Sprintf("goka-emitter-%s", topic),
		hasher:   DefaultHasher(),
		producer: DefaultProducerBuilder,
	}
	var errs []error
	for i, option := range options {
		if option == nil {
			errs = append(errs, errNilOption(i))
			continue
		}
		option(o, topic, codec)
	}
	return o, errors.Join(append(append(errs, o.refused...), checkHasher(o.hasher))...)
}

// WithEmitterLogger sets where the emitter logs to, standard error by default; nil discards.
func WithEmitterLogger(l Logger) EmitterOption {
	return func(o *eoptions, _ Stream, _ Codec) { o.log = l }
}

// WithEmitterClientID sets the client.id, "goka-emitter-" and the topic by default.
func WithEmitterClientID(clientID string) EmitterOption {
	return func(o *eoptions, _ Stream, _ Codec) { o.clientID = clientID }
}

// WithEmitterHasher sets the hash that assigns keys to partitions, DefaultHasher by default. Whoever joins or looks up
// the topic has to use the same one.
func WithEmitterHasher(hasher func() hash.Hash32) EmitterOption {
	return func(o *eoptions, _ Stream, _ Codec) { o.hasher = hasher }
}

// WithEmitterDefaultHeaders sets headers that every message gets, as they are when NewEmitter is called. Those of a single emit go
// over them.
func WithEmitterDefaultHeaders(headers Headers) EmitterOption {
	return func(o *eoptions, _ Stream, _ Codec) { o.defaultHeaders = headers.copied() }
}

// WithEmitterProducerBuilder sets what makes the producer, DefaultProducerBuilder by default.
func WithEmitterProducerBuilder(pb ProducerBuilder) EmitterOption {
	return func(o *eoptions, _ Stream, _ Codec) { o.producer = pb }
}

// WithEmitterTopicManagerBuilder has NewEmitter check, with a topic manager made by tmb, that the topic exists. By
// default it does not, and an emit to a topic that does not exist fails when it is sent.
func WithEmitterTopicManagerBuilder(tmb TopicManagerBuilder) EmitterOption {
	return func(o *eoptions, _ Stream, _ Codec) { o.topicManager = tmb }
}

// WithEmitterTester has the emitter write to a tester.
func WithEmitterTester(t Tester) EmitterOption {
	return func(o *eoptions, topic Stream, codec Codec) {
		if t == nil {
			o.refused = append(o.refused, errNilTester)
			return
		}
		t.RegisterEmitter(topic, codec)
		o.producer = t.EmitterProducerBuilder()
	}
}
