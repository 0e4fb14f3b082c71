package goka

import (
	"errors"
	"fmt"
	"hash"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/storage"
)

// ViewOption changes a setting of a View. Of two options for one setting the later counts. Options that cannot be, such as nil, are
// errors of NewView.
type ViewOption func(*voptions, Table, Codec)

type voptions struct {
	log              Logger
	clientID         string
	updateCallback   ContextUpdateCallback // nil for DefaultUpdate
	recoveryCallback RecoveryCallback
	start            int64 // see WithViewStartOffset
	hasher           func() hash.Hash32
	autoreconnect    bool // errors of Kafka do not end Run
	startsWithout    bool // nor does NewView need Kafka
	backoffResetTime time.Duration
	defaultStorage   bool // no option has set another one
	quickStorage     bool // builders.storage and what it makes open at once
	builders         builders
	refused          []error // options that cannot be
}

// DefaultViewStoragePath is where the tables of views are, if they are kept on disk and nothing else is said: below /tmp/goka/view.
// Two views of one table on one machine need a folder each: see WithViewStorageBuilder.
func DefaultViewStoragePath() string { return "/tmp/goka/view" }

func newViewOptions(topic Table, codec Codec, options []ViewOption) (*voptions, error) {
	o := &voptions{
		log:              DefaultLogger(),
		clientID:         fmt.Sprintf("goka-view-%s", topic),
		start:            sarama.OffsetOldest,
		hasher:           DefaultHasher(),
		backoffResetTime: defaultBackoffReset,
		defaultStorage:   true,
		builders: builders{
			storage:       storage.DefaultBuilder(DefaultViewStoragePath()),
			producer:      DefaultProducerBuilder,
			topicManager:  DefaultTopicManagerBuilder,
			consumerGroup: DefaultConsumerGroupBuilder,
			consumer:      DefaultSaramaConsumerBuilder,
			backoff:       DefaultBackoffBuilder,
		},
	}
	var errs []error
	for i, option := range options {
		if option == nil {
			errs = append(errs, errNilOption(i))
			continue
		}
		option(o, topic, codec)
	}
	errs = append(append(errs, o.refused...), o.builders.checkReading(), checkHasher(o.hasher))
	o.builders = o.builders.guarded(o.log)
	if o.start < sarama.OffsetOldest {
		errs = append(errs, fmt.Errorf("start offset %d is neither an offset nor sarama.OffsetOldest or OffsetNewest", o.start))
	}
	return o, errors.Join(errs...)
}

// WithViewLogger sets where the view logs to, standard error by default; nil discards.
func WithViewLogger(l Logger) ViewOption {
	return func(o *voptions, _ Table, _ Codec) { o.log = l }
}

// WithViewCallback sets what applies records to the storage, DefaultUpdate by default. It is called for one record of a partition
// after the other, and at the same time for different partitions.
func WithViewCallback(cb UpdateCallback) ViewOption {
	return func(o *voptions, _ Table, _ Codec) { o.updateCallback = withContext(cb) }
}

// WithViewContextCallback is WithViewCallback for a callback that wants to know more of the record.
func WithViewContextCallback(cb ContextUpdateCallback) ViewOption {
	return func(o *voptions, _ Table, _ Codec) { o.updateCallback = cb }
}

// WithViewStorageBuilder sets what keeps the table, storage.DefaultBuilder at DefaultViewStoragePath by default: in
// memory, unless the program imports a package with another default.
func WithViewStorageBuilder(sb storage.Builder) ViewOption {
	return func(o *voptions, _ Table, _ Codec) {
		o.builders.storage, o.defaultStorage, o.quickStorage = sb, false, false
	}
}

// WithViewConsumerSaramaBuilder sets what makes the consumer, DefaultSaramaConsumerBuilder by default.
func WithViewConsumerSaramaBuilder(cgb SaramaConsumerBuilder) ViewOption {
	return func(o *voptions, _ Table, _ Codec) { o.builders.consumer = cgb }
}

// WithViewTopicManagerBuilder sets what makes the topic manager, DefaultTopicManagerBuilder by default.
func WithViewTopicManagerBuilder(tmb TopicManagerBuilder) ViewOption {
	return func(o *voptions, _ Table, _ Codec) { o.builders.topicManager = tmb }
}

// WithViewBackoffBuilder sets how long to wait before the table is read again after an error, DefaultBackoffBuilder by
// default. It matters with WithViewAutoReconnect only.
func WithViewBackoffBuilder(bb BackoffBuilder) ViewOption {
	return func(o *voptions, _ Table, _ Codec) { o.builders.backoff = bb }
}

// WithViewBackoffResetTimeout sets after how long without an error the backoff starts anew, 60 s by default.
func WithViewBackoffResetTimeout(duration time.Duration) ViewOption {
	return func(o *voptions, _ Table, _ Codec) { o.backoffResetTime = duration }
}

// WithViewHasher sets the hash that assigns keys to partitions, DefaultHasher by default. It has to be that of whoever
// writes the table.
func WithViewHasher(hasher func() hash.Hash32) ViewOption {
	return func(o *voptions, _ Table, _ Codec) { o.hasher = hasher }
}

// WithViewClientID sets the client.id, "goka-view-" and the topic by default.
func WithViewClientID(clientID string) ViewOption {
	return func(o *voptions, _ Table, _ Codec) { o.clientID = clientID }
}

// WithViewAutoReconnect has the view start without Kafka, and connect again after errors. Run ends with its context
// then, or when the storage or the update callback fails.
func WithViewAutoReconnect() ViewOption {
	return func(o *voptions, _ Table, _ Codec) { o.autoreconnect, o.startsWithout = true, true }
}

// WithViewStartOffset sets where a view whose storage is new begins to read: sarama.OffsetOldest by default,
// sarama.OffsetNewest for what is written from now on only, or an offset, which is taken for each partition. Rows that
// were written before are not in the view.
func WithViewStartOffset(offset int64) ViewOption {
	return func(o *voptions, _ Table, _ Codec) { o.start = offset }
}

// WithViewRestartable is an old name of WithViewAutoReconnect.
//
// Deprecated: use WithViewAutoReconnect.
func WithViewRestartable() ViewOption { return WithViewAutoReconnect() }

// WithViewTester connects the view to a tester instead of Kafka.
func WithViewTester(t Tester) ViewOption {
	return func(o *voptions, table Table, codec Codec) {
		if t == nil {
			o.refused = append(o.refused, errNilTester)
			return
		}
		o.builders.storage, o.defaultStorage, o.quickStorage = t.StorageBuilder(), false, opensAtOnce(t)
		o.builders.topicManager = t.TopicManagerBuilder()
		o.builders.consumer = t.ConsumerBuilder()
		o.clientID = t.RegisterView(table, codec)
	}
}
