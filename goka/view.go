package goka

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"sync"
	"time"

	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/storage"
)

// ViewState is the state of a view: of its partition that is furthest behind.
type ViewState int

const (
	// ViewStateIdle is the state while the view does not run.
	ViewStateIdle ViewState = iota
	// ViewStateInitializing is the state while storages are opened.
	ViewStateInitializing
	// ViewStateConnecting is the state while the view connects to Kafka, also again after an error.
	ViewStateConnecting
	// ViewStateCatchUp is the state while the view reads what its storages lack.
	ViewStateCatchUp
	// ViewStateRunning is the state once the view has all there was, and follows the table.
	ViewStateRunning
)

// View holds a whole table, kept up to date while Run runs, for anybody to read. All methods may be called from any
// goroutine.
type View struct {
	brokers []string
	topic   string
	codec   Codec
	opts    *voptions
	log     Logger
	state   *Signal
	hashers sync.Pool // of *keyHasher

	mu         sync.RWMutex // guards what follows; held while the state is computed from all partitions
	running    bool
	known      int // partitions of the table, 0 when that is not known yet
	partitions []*PartitionTable
}

// NewView makes a view of topic. The topic has to exist (ErrTopicNotFound); with WithViewAutoReconnect it is enough if it exists
// later. How many partitions it has is asked once. Nothing is read before Run, and nothing is left open where Run is never called.
func NewView(brokers []string, topic Table, codec Codec, options ...ViewOption) (*View, error) {
	opts, err := newViewOptions(topic, codec, options)
	if err != nil {
		return nil, fmt.Errorf("error applying options of view %s: %w", topic, err)
	}
	switch {
	case topic == "":
		return nil, errors.New("view needs a topic")
	case codec == nil:
		return nil, fmt.Errorf("view of %s needs a codec, such as new(codec.Bytes)", topic)
	}
	v := &View{
		brokers: brokers,
		topic:   string(topic),
		codec:   apart(codec),
		opts:    opts,
		log:     logger.Of(opts.log, fmt.Sprintf("[View %s]", topic), "table", string(topic)),
		state: NewSignal(State(ViewStateIdle), State(ViewStateInitializing), State(ViewStateConnecting),
			State(ViewStateCatchUp), State(ViewStateRunning)),
	}
	v.hashers.New = func() any { return &keyHasher{Hash32: v.opts.hasher()} }
	if v.known, err = v.countPartitions(); err != nil && !opts.startsWithout {
		return nil, err
	}
	return v, nil
}

func (v *View) countPartitions() (int, error) {
	topics, err := v.opts.builders.topicManager(v.brokers)
	if err != nil {
		return 0, fmt.Errorf("error creating topic manager for view %s: %w", v.topic, err)
	}
	n, err := sequentialPartitions(topics, v.topic)
	return n, errors.Join(err, topics.Close())
}

// sequentialPartitions returns how many partitions a topic has.
func sequentialPartitions(topics TopicManager, topic string) (int, error) {
	partitions, err := topics.Partitions(topic)
	if err != nil {
		return 0, fmt.Errorf("Error fetching partitions for topic %s: %w", topic, err)
	}
	if len(partitions) == 0 {
		return 0, fmt.Errorf("Topic %s has no partitions", topic)
	}
	for i, p := range partitions {
		if int32(i) != p {
			return 0, fmt.Errorf("Partition numbers are not sequential for topic %s: Topic %s has partition gap: %v", topic, topic, partitions)
		}
	}
	return len(partitions), nil
}

// ErrViewRunning reports a Run of a view that runs already.
var ErrViewRunning = errors.New("view is running already")

// Run fills and follows the table until ctx ends, and returns nil then; or until it fails, unless
// WithViewAutoReconnect is set and the failure is Kafka's. A view may be run again afterwards, not at the same time.
func (v *View) Run(ctx context.Context) (rerr error) {
	if err := v.begin(); err != nil {
		return err
	}
	defer v.end()
	noticeMemory(v.log, v.opts.defaultStorage)

	backoff, err := v.opts.builders.backoff()
	if err != nil {
		return fmt.Errorf("error building backoff for view %s: %w", v.topic, err)
	}
	for {
		began := time.Now()
		err := v.connected(ctx)
		retry := v.opts.autoreconnect && !errors.As(err, new(permanentError))
		switch {
		case ctx.Err() != nil && (retry || errors.Is(err, ctx.Err())):
			return nil
		case err == nil || !retry:
			return err
		}
		if time.Since(began) >= v.opts.backoffResetTime {
			backoff.Reset()
		}
		pause := backoff.Duration()
		logger.Warnf(v.log, "error, trying again in %s: %v", pause, err)
		v.state.SetState(State(ViewStateConnecting)) // it has no partitions now that would say how they are
		if sleep(ctx, pause) != nil {
			return nil
		}
	}
}

func (v *View) begin() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.running {
		return fmt.Errorf("%w: %s", ErrViewRunning, v.topic)
	}
	v.running = true
	v.state.SetState(State(ViewStateInitializing))
	return nil
}

func (v *View) end() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.running = false
	v.partitions = nil
	v.state.SetState(State(ViewStateIdle))
}

// connected runs the view on connections of its own, until ctx ends or something fails.
func (v *View) connected(ctx context.Context) (rerr error) {
	topics, err := v.opts.builders.topicManager(v.brokers)
	if err != nil {
		return fmt.Errorf("error creating topic manager for view %s: %w", v.topic, err)
	}
	defer closing(&rerr, "topic manager", topics)
	consumer, err := v.opts.builders.consumer(v.brokers, v.opts.clientID)
	if err != nil {
		return fmt.Errorf("error creating Kafka consumer: %w", err)
	}
	defer closing(&rerr, "consumer", consumer)

	partitions := v.partitionCount()
	if partitions == 0 {
		if partitions, err = sequentialPartitions(topics, v.topic); err != nil {
			return err
		}
	}
	tables := make([]*PartitionTable, partitions)
	for i := range tables {
		backoff, err := v.opts.builders.backoff()
		if err != nil {
			return fmt.Errorf("error building backoff for view %s: %w", v.topic, err)
		}
		tables[i] = newPartitionTable(tableConfig{
			topic:      v.topic,
			partition:  int32(i),
			consumers:  consumer,
			topics:     topics,
			build:      v.opts.builders.storage,
			quick:      v.opts.quickStorage,
			update:     v.opts.updateCallback,
			backoff:    backoff,
			resetAfter: v.opts.backoffResetTime,
			follows:    true,
			log:        v.log,
			changed:    v.merge,
			told:       v.opts.recoveryCallback,
			start:      v.opts.start,
		})
	}
	v.mu.Lock()
	v.known, v.partitions = partitions, tables
	v.mu.Unlock()
	defer func() {
		v.mu.Lock()
		v.partitions = nil
		v.mu.Unlock()
		for _, t := range tables {
			rerr = errors.Join(rerr, t.Close())
		}
	}()
	return together(ctx, len(tables), func(ctx context.Context, i int) error { return v.followPartition(ctx, tables[i]) })
}

func (v *View) followPartition(ctx context.Context, t *PartitionTable) error {
	if err := t.SetupAndRecover(ctx, v.opts.autoreconnect); err != nil {
		return fmt.Errorf("Error recovering partitions for view %s: %w", v.topic, err)
	}
	if err := t.CatchupForever(ctx, v.opts.autoreconnect); err != nil {
		return fmt.Errorf("Error catching up partitions for view %s: %w", v.topic, err)
	}
	return ctx.Err()
}

// closing closes what a Run has opened, and adds the error to the one that Run returns.
func closing(rerr *error, what string, c interface{ Close() error }) {
	if err := c.Close(); err != nil {
		*rerr = errors.Join(*rerr, fmt.Errorf("error closing %s: %w", what, err))
	}
}

// merge sets the state to that of the partition that is furthest behind. Each partition calls it after its state
// changed; whoever is last sees them all as they are.
func (v *View) merge() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.partitions) == 0 {
		return
	}
	lowest := PartitionRunning
	for _, t := range v.partitions {
		lowest = min(lowest, t.CurrentState())
	}
	v.state.SetState(State(viewStates[lowest]))
}

var viewStates = map[PartitionStatus]ViewState{
	PartitionStopped:      ViewStateInitializing,
	PartitionInitializing: ViewStateInitializing,
	PartitionConnecting:   ViewStateConnecting,
	PartitionRecovering:   ViewStateCatchUp,
	PartitionPreparing:    ViewStateCatchUp,
	PartitionRunning:      ViewStateRunning,
}

// Topic returns the name of the table.
func (v *View) Topic() string { return v.topic }

// CurrentState returns the state.
func (v *View) CurrentState() ViewState { return ViewState(v.state.State()) }

// Recovered reports whether the view has all there was when it last connected, and follows the table.
func (v *View) Recovered() bool { return v.state.IsState(State(ViewStateRunning)) }

// WaitRunning returns a channel that is closed once the view has all there was; at once when it has. It stays open when Run fails
// before: wait for that, too.
func (v *View) WaitRunning() <-chan struct{} { return v.state.WaitForState(State(ViewStateRunning)) }

// ObserveStateChanges returns an observer that begins with the present state, a ViewState as a State. A reader that is
// slower than the changes misses states, and always gets the last one. Call its Stop when it is of no more use.
func (v *View) ObserveStateChanges() *StateChangeObserver { return v.state.ObserveStateChange() }

func (v *View) partitionCount() int {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.known
}

// tables returns the partitions, if they may be read.
func (v *View) tables() ([]*PartitionTable, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if len(v.partitions) == 0 {
		return nil, fmt.Errorf("View is either not running, not correctly initialized or stopped again. "+
			"It's not safe to retrieve values: view of %s: %w", v.topic, ErrNotRunning)
	}
	return v.partitions, nil
}

// table returns the partition of a key, if it may be read.
func (v *View) table(key string) (*PartitionTable, error) {
	tables, err := v.tables()
	if err != nil {
		return nil, err
	}
	if len(tables) == 1 {
		return tables[0], nil
	}
	h := v.hashers.Get().(*keyHasher)
	defer v.hashers.Put(h)
	h.key = append(h.key[:0], key...)
	return tables[hashPartition(h.Hash32, h.key, int32(len(tables)))], nil
}

// keyHasher is a hasher, and room for the key that it hashes.
type keyHasher struct {
	hash.Hash32
	key []byte
}

// Get returns the value of key, nil without an error when there is none. Each call decodes the row anew: the value is the
// caller's own. While the view catches up, it may be an old one, or there may be none yet; before and after Run it is an error
// (ErrNotRunning).
func (v *View) Get(key string) (interface{}, error) { return v.getFor(nil, key) }

// getFor is Get for a callback; nil is none.
func (v *View) getFor(c *cbContext, key string) (interface{}, error) {
	t, err := v.table(key)
	if err != nil {
		return nil, err
	}
	data, err := t.getFor(c, key)
	if err != nil {
		return nil, fmt.Errorf("error getting value (key %s): %w", key, err)
	}
	if data == nil {
		return nil, nil
	}
	value, err := decode(v.codec, data)
	if err != nil {
		return nil, fmt.Errorf("error decoding value (key %s): %w", key, err)
	}
	return value, nil
}

// Has reports whether there is a value for key, and fails as Get does.
func (v *View) Has(key string) (bool, error) {
	t, err := v.table(key)
	if err != nil {
		return false, err
	}
	return t.Has(key)
}

// Evict deletes key from this view only, if it is there. It is there again with its next update, and when the view is filled
// anew: so is a view on disk that is run again while the evicted row is that of its partition's last record, since that row is what tells
// the topic from another one of its name. It fails with ErrNotRunning as Get does.
func (v *View) Evict(key string) error {
	t, err := v.table(key)
	if err != nil {
		return err
	}
	return t.Delete(key)
}

// Iterator iterates over all rows, in the order of their keys. It shows each partition as it is now, and fails with ErrNotRunning
// as Get does.
func (v *View) Iterator() (Iterator, error) {
	return v.iterate(func(t *PartitionTable) (storage.Iterator, error) { return t.Iterator() })
}

// IteratorWithRange iterates over the rows whose keys are start or greater, and less than limit. An empty limit is
// none: then these are the rows whose keys begin with start.
func (v *View) IteratorWithRange(start, limit string) (Iterator, error) {
	from, to := []byte(start), []byte(limit)
	if limit == "" {
		to = afterPrefix(start)
	}
	return v.iterate(func(t *PartitionTable) (storage.Iterator, error) { return t.IteratorWithRange(from, to) })
}

// afterPrefix returns the least key that is greater than all keys with a prefix, nil when there is none.
func afterPrefix(prefix string) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < 0xff {
			after := []byte(prefix[:i+1])
			after[i]++
			return after
		}
	}
	return nil
}

func (v *View) iterate(open func(*PartitionTable) (storage.Iterator, error)) (Iterator, error) {
	tables, err := v.tables()
	if err != nil {
		return nil, err
	}
	return iterateAll(tables, v.codec, open)
}

// iterateAll opens an iterator over the rows of several partitions of a table.
func iterateAll(tables []*PartitionTable, codec Codec, open func(*PartitionTable) (storage.Iterator, error)) (Iterator, error) {
	var iters []storage.Iterator
	for _, t := range tables {
		it, err := open(t)
		if err != nil {
			for _, it := range iters {
				it.Release()
			}
			return nil, fmt.Errorf("error opening partition iterator: %w", err)
		}
		iters = append(iters, it)
	}
	return &iterator{storage.NewMultiIterator(iters), codec}, nil
}

// Stats returns statistics by partition, at hand and the caller's own; there are none before and after Run. ctx is of no
// consequence.
func (v *View) Stats(ctx context.Context) *ViewStats {
	v.mu.RLock()
	tables := v.partitions
	v.mu.RUnlock()
	now := time.Now()
	s := &ViewStats{Partitions: make(map[int32]*TableStats, len(tables))}
	for _, t := range tables {
		s.Partitions[t.partition] = t.stats(now)
	}
	return s
}

var noticed sync.Once

// noticeMemory says, once in a process, that tables are in memory, unless the program has chosen where they are.
func noticeMemory(log Logger, byDefault bool) {
	if _, durable, notice := storage.DefaultEngine(); byDefault && !durable {
		noticed.Do(func() { log.Printf("%s", notice) })
	}
}
