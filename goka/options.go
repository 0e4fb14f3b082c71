package goka

import (
	"errors"
	"fmt"
	"hash"
	"path/filepath"
	"time"

	"github.com/gokasim/gokasim/storage"
)

// ProcessorOption changes a setting of a Processor. Of two options for one setting the later counts. Options that cannot be,
// such as nil, or a nil builder, are errors of NewProcessor.
type ProcessorOption func(*poptions, *GroupGraph)

// NilHandling says what becomes of messages of inputs and of the loop that have no value (tombstones). Those of tables always delete.
type NilHandling int

const (
	// NilIgnore passes them over: their offsets are committed, no callback is called.
	NilIgnore NilHandling = 0 + iota
	// NilProcess hands nil to the callback.
	NilProcess
	// NilDecode hands nil to the codec, and what that makes of it to the callback.
	NilDecode
)

const (
	defaultPartitionChannelSize = 10
	defaultShutdownTimeout      = 45 * time.Second // less than the group's 60 s to rebalance, after which nothing can be committed
)

type poptions struct {
	log                    Logger
	clientID               string
	updateCallback         ContextUpdateCallback // nil for DefaultUpdate
	rebalanceCallback      RebalanceCallback
	revokeCallback         RebalanceCallback
	recoveryCallback       RecoveryCallback
	partitionChannelSize   int
	hasher                 func() hash.Hash32
	nilHandling            NilHandling
	contextWrapper         ContextWrapper
	backoffResetTime       time.Duration
	shutdownTimeout        time.Duration
	hotStandby             bool
	tableStarts            map[string]int64 // see WithTableStartOffset
	recoverAhead           bool
	producerDefaultHeaders Headers
	observer               Observer // nil for none
	defaultStorage         bool     // no option has set another one
	quickStorage           bool     // builders.storage and what it makes open at once
	builders               builders
	refused                []error // options that cannot be
}

func newProcessorOptions(gg *GroupGraph, options []ProcessorOption) (*poptions, error) {
	o := &poptions{
		log:                  DefaultLogger(),
		clientID:             "goka-processor-" + string(gg.Group()),
		rebalanceCallback:    DefaultRebalance,
		partitionChannelSize: defaultPartitionChannelSize,
		hasher:               DefaultHasher(),
		backoffResetTime:     defaultBackoffReset,
		shutdownTimeout:      defaultShutdownTimeout,
		defaultStorage:       true,
		builders: builders{
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
		option(o, gg)
	}
	if o.defaultStorage {
		o.builders.storage = storage.DefaultBuilder(DefaultProcessorStoragePath(gg.Group()))
	}
	errs = append(append(errs, o.refused...), o.builders.check(), checkHasher(o.hasher), o.checkTableStarts(gg))
	o.builders = o.builders.guarded(o.log)
	if o.nilHandling < NilIgnore || o.nilHandling > NilDecode {
		errs = append(errs, fmt.Errorf("unknown NilHandling %d", o.nilHandling))
	}
	if o.rebalanceCallback == nil {
		o.rebalanceCallback = DefaultRebalance
	}
	if o.revokeCallback == nil {
		o.revokeCallback = DefaultRebalance
	}
	return o, errors.Join(errs...)
}

// DefaultProcessorStoragePath is where the tables of a group's processors are, if they are kept on disk and nothing
// else is said: in a folder of its own below /tmp/goka/processor. Two instances of a group on one machine need a folder each: see
// WithStorageBuilder.
func DefaultProcessorStoragePath(group Group) string {
	return filepath.Join("/tmp/goka/processor", string(group))
}

// WithUpdateCallback sets what applies records of the group's table, of joined tables and of look-ups when they are read from
// Kafka, DefaultUpdate by default. Context.SetValue and Delete do not use it. It is called for one record of a partition after the
// other, and at the same time for different partitions.
func WithUpdateCallback(cb UpdateCallback) ProcessorOption {
	return func(o *poptions, _ *GroupGraph) { o.updateCallback = withContext(cb) }
}

// WithContextUpdateCallback is WithUpdateCallback for a callback that wants to know more of the record.
func WithContextUpdateCallback(cb ContextUpdateCallback) ProcessorOption {
	return func(o *poptions, _ *GroupGraph) { o.updateCallback = cb }
}

// WithClientID sets the client.id, "goka-processor-" and the group's name by default.
func WithClientID(clientID string) ProcessorOption {
	return func(o *poptions, _ *GroupGraph) { o.clientID = clientID }
}

// WithStorageBuilder sets what keeps the tables, storage.DefaultBuilder at DefaultProcessorStoragePath by default: in
// memory, unless the program imports a package with another default.
func WithStorageBuilder(sb storage.Builder) ProcessorOption {
	return func(o *poptions, _ *GroupGraph) {
		o.builders.storage, o.defaultStorage, o.quickStorage = sb, false, false
	}
}

// WithTopicManagerBuilder sets what makes the topic manager, DefaultTopicManagerBuilder by default.
func WithTopicManagerBuilder(tmb TopicManagerBuilder) ProcessorOption {
	return func(o *poptions, _ *GroupGraph) { o.builders.topicManager = tmb }
}

// WithConsumerGroupBuilder sets what makes the group member, DefaultConsumerGroupBuilder by default.
func WithConsumerGroupBuilder(cgb ConsumerGroupBuilder) ProcessorOption {
	return func(o *poptions, _ *GroupGraph) { o.builders.consumerGroup = cgb }
}

// WithConsumerSaramaBuilder sets what makes the consumer of tables, DefaultSaramaConsumerBuilder by default.
func WithConsumerSaramaBuilder(cgb SaramaConsumerBuilder) ProcessorOption {
	return func(o *poptions, _ *GroupGraph) { o.builders.consumer = cgb }
}

// WithProducerBuilder sets what makes the producer, DefaultProducerBuilder by default.
func WithProducerBuilder(pb ProducerBuilder) ProcessorOption {
	return func(o *poptions, _ *GroupGraph) { o.builders.producer = pb }
}

// WithBackoffBuilder sets how long to wait before tables are read again after an error, and before the group is joined
// again when that had no effect: DefaultBackoffBuilder by default.
func WithBackoffBuilder(bb BackoffBuilder) ProcessorOption {
	return func(o *poptions, _ *GroupGraph) { o.builders.backoff = bb }
}

// WithBackoffResetTimeout sets after how long without an error the backoff starts anew, 60 s by default. With 0 it does after
// every connection.
func WithBackoffResetTimeout(duration time.Duration) ProcessorOption {
	return func(o *poptions, _ *GroupGraph) { o.backoffResetTime = duration }
}

// WithShutdownTimeout sets how long emits and deferred commits that are under way may take when a generation of the
// group ends, 45 s by default. What takes longer is not committed, so that it is handled again; with 0 that is whatever is not
// finished at once. It should be less than Consumer.Group.Rebalance.Timeout, 60 s by default: whoever takes longer than that is no
// member any more.
func WithShutdownTimeout(timeout time.Duration) ProcessorOption {
	return func(o *poptions, _ *GroupGraph) { o.shutdownTimeout = timeout }
}

// WithPartitionChannelSize sets how many messages of an input's partition wait to be handled, 10 by default. Less than 1 is
// taken for 1.
func WithPartitionChannelSize(size int) ProcessorOption {
	return func(o *poptions, _ *GroupGraph) { o.partitionChannelSize = size }
}

// WithLogger sets where the processor logs to, standard error by default; nil discards.
func WithLogger(l Logger) ProcessorOption {
	return func(o *poptions, _ *GroupGraph) { o.log = l }
}

// WithHasher sets the hash that assigns keys to partitions, DefaultHasher by default: of what callbacks emit, of Get, and of look-ups.
// Whoever writes the inputs has to use the same one, or Get and look-ups do not find what is there.
func WithHasher(hasher func() hash.Hash32) ProcessorOption {
	return func(o *poptions, _ *GroupGraph) { o.hasher = hasher }
}

// WithNilHandling sets what becomes of messages without a value, NilIgnore by default.
func WithNilHandling(nh NilHandling) ProcessorOption {
	return func(o *poptions, _ *GroupGraph) { o.nilHandling = nh }
}

// WithRebalanceCallback sets what is told about the partitions of each generation; nil is nobody.
func WithRebalanceCallback(cb RebalanceCallback) ProcessorOption {
	return func(o *poptions, _ *GroupGraph) { o.rebalanceCallback = cb }
}

// WithRevokeCallback sets what is told when a generation ends: the partitions that this instance had in it, after their
// last callbacks and before their last offsets are committed; nil when it had none. The next generation may well bring
// the same ones.
func WithRevokeCallback(cb RebalanceCallback) ProcessorOption {
	return func(o *poptions, _ *GroupGraph) { o.revokeCallback = cb }
}

// WithHotStandby keeps the tables of all partitions up to date on this instance, joined ones too, so that a rebalance finds them
// ready. It costs the room and the traffic of the whole table on every instance. It is off unless given, and does nothing for groups
// without tables.
func WithHotStandby() ProcessorOption {
	return func(o *poptions, _ *GroupGraph) { o.hotStandby = true }
}

// WithRecoverAhead recovers the tables of all partitions before the instance joins the group, so that the others work
// on meanwhile. It is off unless given.
func WithRecoverAhead() ProcessorOption {
	return func(o *poptions, _ *GroupGraph) { o.recoverAhead = true }
}

// WithContextWrapper sets a function that every context goes through on its way to callbacks and visitors. It is
// called once per call of these, at the same time for different partitions.
func WithContextWrapper(wrapper ContextWrapper) ProcessorOption {
	return func(o *poptions, _ *GroupGraph) { o.contextWrapper = wrapper }
}

// WithProducerDefaultHeaders sets headers that everything gets that callbacks emit, to outputs and to the loop, but not rows of the
// table, as they are when NewProcessor is called. Those of a single emit go over them.
func WithProducerDefaultHeaders(hdr Headers) ProcessorOption {
	return func(o *poptions, _ *GroupGraph) { o.producerDefaultHeaders = hdr.copied() }
}

// WithGroupGraphHook calls hook with the group graph while NewProcessor runs; nil is nobody. A panic of it is an error of
// NewProcessor.
func WithGroupGraphHook(hook func(gg *GroupGraph)) ProcessorOption {
	return func(o *poptions, gg *GroupGraph) {
		if hook == nil {
			return
		}
		if err := guarded("group graph hook", func() error { hook(gg); return nil }); err != nil {
			o.refused = append(o.refused, err)
		}
	}
}

// WithTester connects the processor to a tester instead of Kafka; the brokers given to NewProcessor are of no consequence then.
func WithTester(t Tester) ProcessorOption {
	return func(o *poptions, gg *GroupGraph) {
		if t == nil {
			o.refused = append(o.refused, errNilTester)
			return
		}
		o.builders.storage, o.defaultStorage, o.quickStorage = t.StorageBuilder(), false, opensAtOnce(t)
		o.builders.producer = t.ProducerBuilder()
		o.builders.topicManager = t.TopicManagerBuilder()
		o.builders.consumerGroup = t.ConsumerGroupBuilder()
		o.builders.consumer = t.ConsumerBuilder()
		o.partitionChannelSize = 0
		o.clientID = t.RegisterGroupGraph(gg)
	}
}
