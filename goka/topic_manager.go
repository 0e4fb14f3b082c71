package goka

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/internal/door"
)

// TopicManager creates topics and tells about them. Those of goka may be called from any goroutine.
type TopicManager interface {
	// EnsureTableExists creates a compacted topic with npar partitions, unless there is one of that name: that one is compared, and
	// TopicManagerConfig.MismatchBehavior says what a difference (ErrTopicMismatch) is.
	EnsureTableExists(topic string, npar int) error
	// EnsureStreamExists creates a topic with retention, unless there is one of that name, which is compared.
	EnsureStreamExists(topic string, npar int) error
	// EnsureTopicExists creates a topic with npar partitions, rfactor replicas and settings by Kafka's names (nil is none), unless
	// there is one of that name, which is compared.
	EnsureTopicExists(topic string, npar, rfactor int, config map[string]string) error
	// Partitions returns the partitions of a topic, sorted; ErrTopicNotFound when there is no such topic.
	Partitions(topic string) ([]int32, error)
	// GetOffset returns the offset of the first record that has the time, in milliseconds since 1970, or a later one, -1 when there
	// is none; or what sarama.OffsetOldest or sarama.OffsetNewest stand for.
	GetOffset(topic string, partitionID int32, time int64) (int64, error)
	// Close lets go of all connections. It may be called twice.
	Close() error
}

// Broker is what goka has needed to know of a sarama.Broker. It is kept for those who mock it.
type Broker interface {
	// Addr returns the address.
	Addr() string
	// Connected reports whether there is a connection, or why there is none.
	Connected() (bool, error)
	// CreateTopics asks for topics.
	CreateTopics(request *sarama.CreateTopicsRequest) (*sarama.CreateTopicsResponse, error)
	// Open connects.
	Open(conf *sarama.Config) error
}

var _ Broker = (*sarama.Broker)(nil)

type topicManager struct {
	client sarama.Client
	admin  sarama.ClusterAdmin
	config TopicManagerConfig
	log    Logger

	closing sync.Once
	closed  error // what the first Close returned
}

// NewTopicManager makes a topic manager with a copy of saramaConfig, whose Version has to be 0.10.0.0 at least.
func NewTopicManager(brokers []string, saramaConfig *sarama.Config, topicManagerConfig *TopicManagerConfig) (TopicManager, error) {
	if saramaConfig == nil {
		return nil, errNilConfig
	}
	if topicManagerConfig == nil {
		return nil, errors.New("no topic manager configuration: nil was given; start from goka.NewTopicManagerConfig()")
	}
	if !saramaConfig.Version.IsAtLeast(sarama.V0_10_0_0) {
		return nil, fmt.Errorf("goka's topic manager needs Version %s of Kafka at least, not %s", sarama.V0_10_0_0, saramaConfig.Version)
	}
	d, err := door.For(brokers)
	if err != nil {
		return nil, err
	}
	c := readingConfig(saramaConfig)
	client, err := d.NewClient(brokers, c)
	if err != nil {
		return nil, fmt.Errorf("error creating the Kafka client of the topic manager: %w", err)
	}
	admin, err := d.NewClusterAdmin(brokers, c)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("error creating the Kafka admin client of the topic manager: %w", err), client.Close())
	}
	return newTopicManager(client, admin, topicManagerConfig), nil
}

func newTopicManager(client sarama.Client, admin sarama.ClusterAdmin, config *TopicManagerConfig) *topicManager {
	m := &topicManager{client: client, admin: admin, config: *config, log: logger.Of(config.Logger, "[Topic Manager]")}
	m.logTo(DefaultLogger())
	return m
}

// logTo sets where warnings go to, unless the configuration has done so. It is called before anything can be logged.
func (m *topicManager) logTo(l Logger) {
	if m.config.Logger == nil {
		m.log = logger.Of(l, "[Topic Manager]")
	}
}

func (m *topicManager) Close() error {
	m.closing.Do(func() { m.closed = errors.Join(m.admin.Close(), m.client.Close()) })
	return m.closed
}

func (m *topicManager) Partitions(topic string) ([]int32, error) {
	meta, err := m.describe(topic)
	if err != nil {
		return nil, err
	}
	partitions := make([]int32, 0, len(meta.Partitions))
	for _, p := range meta.Partitions {
		partitions = append(partitions, p.ID)
	}
	slices.Sort(partitions)
	return partitions, nil
}

// describe asks for one topic, in a way that never creates it.
func (m *topicManager) describe(topic string) (*sarama.TopicMetadata, error) {
	topics, err := m.admin.DescribeTopics([]string{topic})
	if err != nil && !errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		return nil, fmt.Errorf("error describing topic %s: %w", topic, err)
	}
	for _, meta := range topics {
		switch {
		case meta.Name != topic:
		case meta.Err == sarama.ErrUnknownTopicOrPartition:
		case meta.Err != sarama.ErrNoError:
			return nil, fmt.Errorf("error describing topic %s: %w", topic, meta.Err)
		default:
			return meta, nil
		}
	}
	return nil, fmt.Errorf("%w: %s", ErrTopicNotFound, topic)
}

func (m *topicManager) GetOffset(topic string, partitionID int32, time int64) (int64, error) {
	return m.client.GetOffset(topic, partitionID, time)
}

func (m *topicManager) EnsureTableExists(topic string, npar int) error {
	return m.ensure(topic, npar, m.replication(m.config.Table.Replication), m.config.tableSettings(), m.report)
}

func (m *topicManager) EnsureStreamExists(topic string, npar int) error {
	return m.ensure(topic, npar, m.replication(m.config.Stream.Replication), m.config.streamSettings(), m.report)
}

func (m *topicManager) EnsureTopicExists(topic string, npar, rfactor int, config map[string]string) error {
	return m.ensure(topic, npar, replication{rfactor, rfactor}, config, m.report)
}

// ownTopics is what a topic manager offers for a group's table and loop: with a wrong number of partitions they hold
// rows and messages where nobody looks for them, whatever the configuration says about differences.
type ownTopics interface {
	ensureOwnTable(topic string, npar int) error
	ensureOwnLoop(topic string, npar int) error
}

func (m *topicManager) ensureOwnTable(topic string, npar int) error {
	return m.ensure(topic, npar, m.replication(m.config.Table.Replication), m.config.tableSettings(), m.reportOwn)
}

func (m *topicManager) ensureOwnLoop(topic string, npar int) error {
	return m.ensure(topic, npar, m.replication(m.config.Stream.Replication), m.config.streamSettings(), m.reportOwn)
}

// replication is how many replicas a topic is to have, and how many will do where there are fewer brokers.
type replication struct{ wanted, least int }

// replication lowers the default number of replicas to the number of brokers.
func (m *topicManager) replication(configured int) replication {
	if configured != defaultReplication {
		return replication{configured, configured}
	}
	if brokers := len(m.client.Brokers()); brokers > 0 {
		return replication{min(configured, brokers), 1}
	}
	return replication{configured, 1}
}

// mismatch is one way in which a topic is not as asked for.
type mismatch struct {
	partitions bool // it is about their number
	policy     bool // it is about cleanup.policy
	err        error
}

func (m *topicManager) ensure(topic string, npar int, replicas replication, settings map[string]string, report func(mismatch) error) error {
	meta, err := m.describe(topic)
	if errors.Is(err, ErrTopicNotFound) {
		if m.config.NoCreate {
			return fmt.Errorf("topic '%s' does not exist but the manager is configured with NoCreate, so it will not attempt to create it: %w", topic, err)
		}
		created, err := m.create(topic, npar, replicas, settings)
		if created || err != nil {
			return err
		}
		// somebody else was quicker; theirs may be different
		meta, err = m.describe(topic)
		if err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	return m.check(meta, npar, replicas.wanted, settings, report)
}

// create creates a topic and waits until it can be seen. It reports false when somebody else has created it.
func (m *topicManager) create(topic string, npar int, replicas replication, settings map[string]string) (bool, error) {
	detail := &sarama.TopicDetail{
		NumPartitions:     int32(npar),
		ReplicationFactor: int16(replicas.wanted),
		ConfigEntries:     make(map[string]*string, len(settings)),
	}
	for name, value := range settings {
		detail.ConfigEntries[name] = &value
	}
	err := m.admin.CreateTopic(topic, detail, false)
	for errors.Is(err, sarama.ErrInvalidReplicationFactor) && int(detail.ReplicationFactor) > replicas.least {
		detail.ReplicationFactor-- // there are fewer brokers
		err = m.admin.CreateTopic(topic, detail, false)
	}
	created := !errors.Is(err, sarama.ErrTopicAlreadyExists)
	if err != nil && created {
		return false, fmt.Errorf("error creating topic %s with %d partitions and %d replicas: %w", topic, npar, replicas.wanted, err)
	}
	return created, m.waitFor(topic)
}

func (m *topicManager) waitFor(topic string) error {
	if m.config.CreateTopicTimeout <= 0 {
		return nil
	}
	timeout := time.NewTimer(m.config.CreateTopicTimeout)
	defer timeout.Stop()
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		_, err := m.describe(topic)
		if err == nil {
			return nil
		}
		if !errors.Is(err, ErrTopicNotFound) && !errors.Is(err, sarama.ErrLeaderNotAvailable) {
			return err
		}
		again := time.NewTimer(pause)
		select {
		case <-again.C:
		case <-timeout.C:
			again.Stop()
			return fmt.Errorf("waiting for topic %s to be created timed out after %s: %w", topic, m.config.CreateTopicTimeout, err)
		}
	}
}

// check compares an existing topic with what was asked for, and reports the differences until a report is an error.
func (m *topicManager) check(meta *sarama.TopicMetadata, npar, replicas int, settings map[string]string, report func(mismatch) error) error {
	topic := meta.Name
	if have := len(meta.Partitions); have != npar {
		err := report(mismatch{partitions: true, err: fmt.Errorf("%w: partition count mismatch for topic '%s'. Need %d, but existing topic has %d",
			ErrTopicMismatch, topic, npar, have)})
		if err != nil {
			return err
		}
	}
	if err := m.checkSettings(topic, settings, report); err != nil {
		return err
	}
	have := replicas
	for _, p := range meta.Partitions {
		have = min(have, len(p.Replicas))
	}
	if have != replicas {
		return report(mismatch{err: fmt.Errorf("%w: unexpected replication factor for topic %s. Expected %d, got %d",
			ErrTopicMismatch, topic, replicas, have)})
	}
	return nil
}

func (m *topicManager) checkSettings(topic string, settings map[string]string, report func(mismatch) error) error {
	if len(settings) == 0 || !m.client.Config().Version.IsAtLeast(sarama.V0_11_0_0) {
		return nil
	}
	names := slices.Sorted(maps.Keys(settings))
	//nolint:staticcheck // its successor asks about many topics at once, and is younger than many an admin client
	entries, err := m.admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: topic, ConfigNames: names})
	if err != nil {
		return fmt.Errorf("error reading the configuration of topic %s: %w", topic, err)
	}
	existing := make(map[string]string, len(entries))
	for _, e := range entries {
		existing[e.Name] = e.Value
	}
	for _, name := range names {
		if existing[name] == settings[name] {
			continue
		}
		err := report(mismatch{policy: name == "cleanup.policy", err: fmt.Errorf("%w: unexpected config value for topic %s. Expected %s=%s. Got %s=%s",
			ErrTopicMismatch, topic, name, settings[name], name, existing[name])})
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *topicManager) report(diff mismatch) error {
	switch m.config.MismatchBehavior {
	case TMConfigMismatchBehaviorFail:
		return diff.err
	case TMConfigMismatchBehaviorWarn:
		logger.Warnf(m.log, "Warning: %v", diff.err)
	case TMConfigMismatchBehaviorIgnore:
	}
	return nil
}

func (m *topicManager) reportOwn(diff mismatch) error {
	switch {
	case diff.partitions:
		return fmt.Errorf("%w; delete it, or create the inputs with as many partitions", diff.err)
	case diff.policy && m.config.MismatchBehavior == TMConfigMismatchBehaviorIgnore:
		logger.Warnf(m.log, "Warning: %v", diff.err)
		return nil
	}
	return m.report(diff)
}
