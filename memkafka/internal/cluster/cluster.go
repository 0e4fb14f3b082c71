// Package cluster is a Kafka cluster as one value: topics with their logs, the group coordinators, and the queue of
// what is due later. It reads no clock, starts no goroutine and takes no lock: every method is told the time, and what
// must wait (a join for members) is answered later through the effects that Take returns.
package cluster

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/txn"
)

// Settings are the broker settings of a cluster, in Kafka's own names and units.
type Settings struct {
	Brokers                int32             // number of brokers: 1 unless set
	NumPartitions          int32             // num.partitions: 1 unless set
	DefaultReplication     int16             // default.replication.factor: 1 unless set
	AutoCreateTopics       bool              // auto.create.topics.enable
	Group                  group.Config      // settings of the group coordinators
	TopicDefaults          map[string]string // settings of topics, by their own names, where Static and Dynamic say nothing
	Static                 map[string]string // settings of brokers that topics take defaults from, as Set was given them
	Dynamic                map[string]string // settings that AlterBrokerConfigs changed, on top of all others
	ProducerIDExpiration   kafka.Millis      // producer.id.expiration.ms: 1 day unless set
	OffsetsTopicPartitions int32             // offsets.topic.num.partitions: 50 unless set
	Seed                   uint64
	ClusterID              string
	RetentionCheckInterval kafka.Millis // log.retention.check.interval.ms: 5 minutes unless set
	CleanerBackoff         kafka.Millis // log.cleaner.backoff.ms: 15 s unless set
	RetainState            bool         // keep the coordinators' records in __consumer_offsets and __transaction_state; off, the newest ones are kept aside
	ReplicaLagTime         kafka.Millis // replica.lag.time.max.ms: 30 s unless set
	AutoLeaderRebalance    bool         // auto.leader.rebalance.enable
	LeaderCheckInterval    kafka.Millis // leader.imbalance.check.interval.seconds, in ms: 5 minutes unless set

	Transactions               txn.Config        // settings of the transaction coordinator
	TransactionTopicPartitions int32             // transaction.state.log.num.partitions: 50 unless set
	MaxRequestBytes            int32             // socket.request.max.bytes: 100 MiB unless set
	Users                      map[string]string // passwords of users, for PLAIN and SCRAM
	Authorizer                 bool              // ACLs say who may do what (authorizer.class.name); off, everybody may do everything
	SuperUsers                 []string          // principals that may do everything (super.users), as User:admin
	AllowIfNoACL               bool              // what no ACL is about is open to everybody (allow.everyone.if.no.acl.found)
	AsVersion                  string            // the release of Apache Kafka whose versions of requests brokers have: the newest unless set
	MaxIdle                    kafka.Millis      // connections.max.idle.ms: 10 minutes unless set, negative for ever
	MaxConnections             int32             // max.connections of a broker: as many as there can be unless set
	MaxConnectionsPerIP        int32             // max.connections.per.ip, of a broker: as many as there can be unless set
	MarkerDelay                kafka.Millis      // how long the markers of an ended transaction take: 0 unless set
}

// DefaultSettings are Apache Kafka 4.3's, for one broker.
func DefaultSettings() Settings {
	return Settings{
		Brokers:                1,
		NumPartitions:          1,
		DefaultReplication:     1,
		AutoCreateTopics:       true,
		Group:                  group.DefaultConfig(),
		OffsetsTopicPartitions: 50,
		RetentionCheckInterval: 300_000,
		CleanerBackoff:         15_000,
		ReplicaLagTime:         30_000,
		AutoLeaderRebalance:    true,
		LeaderCheckInterval:    300_000,
		ProducerIDExpiration:   86_400_000,
		Transactions:           txn.DefaultConfig(),

		TransactionTopicPartitions: 50,
		MaxRequestBytes:            100 << 20,
		MaxIdle:                    600_000,
		MaxConnections:             math.MaxInt32,
		MaxConnectionsPerIP:        math.MaxInt32,
	}
}

// Reply answers a request that had to wait. Tag is what the request carried.
type Reply struct {
	Tag      any
	Response any
}

// Cluster is the whole simulated cluster. It is not safe for concurrent use; its shell serialises.
type Cluster struct {
	base       Settings // as the cluster was made
	settings   Settings // base, with what was changed since
	topics     map[string]*Topic
	topicsByID map[[16]byte]*Topic
	groups     map[string]*group.Group

	topicsVersion uint64            // counts changes of topics and their partitions
	leaderChanges uint64            // counts changes of leaders
	knownTopics   map[string]uint64 // by KIP-848 group: the version it was told of

	timers timers

	retaining, cleaning, balancing, expiring bool // the timers of these jobs are set

	expireAt   kafka.Millis   // when expiring is due
	down       map[int32]bool // brokers
	controller int32
	waiting    map[string][]waiting // by group, in the order of the requests
	journals   map[string]*journal  // by group, unless RetainState

	replies []Reply

	acls  []ACL                                 // in the order of compare
	scram map[string]map[string]ScramCredential // by user and mechanism

	quotas  map[quotaEntity]map[string]float64
	rates   map[quotaMeter]*rate
	buckets map[quotaEntity]*tokens // of controller_mutation_rate

	ratesLimit int // idle rates are looked for at so many

	touched []*Partition // whose readers may find something new

	txns           *txn.Coordinator
	txnEpoch       int32                       // of the transaction coordinator
	txnsAside      []kafka.Record              // of transactional ids whose coordinator is nowhere, unless RetainState
	unwritten      map[string]txn.WriteMarkers // by transactional id: markers that are delayed
	owed           []owedMarker                // whose partitions have no leader
	nextProducerID int64

	seats map[kafka.TopicPartition]seat // of coordinators that were moved while their topic does not exist

	skew     map[int32]kafka.Millis // by broker: how far its clock is ahead
	holding  int                    // partitions whose replication is held
	txnSkew  kafka.Millis           // of the transaction coordinator
	refusing *refusal               // nil unless coordinators refuse what they are asked for

	keeper Keeper // nil unless somebody is told of changes
	unkept bool   // something changed that the keeper does not know of

	ids, names           *rand.Rand // topic ids and member ids
	idSource, nameSource *rand.PCG  // what they draw from
}

// Streams of chance: each concern draws from its own, so that a new draw in one does not move the others.
const (
	streamIDs   = 1
	streamNames = 2
)

// New returns an empty cluster. Zero fields of s take Apache Kafka's defaults.
func New(s Settings) *Cluster {
	d := DefaultSettings()
	if s.Brokers == 0 {
		s.Brokers = d.Brokers
	}
	if s.NumPartitions == 0 {
		s.NumPartitions = d.NumPartitions
	}
	if s.DefaultReplication == 0 {
		s.DefaultReplication = d.DefaultReplication
	}
	if s.RetentionCheckInterval == 0 {
		s.RetentionCheckInterval = d.RetentionCheckInterval
	}
	if s.CleanerBackoff == 0 {
		s.CleanerBackoff = d.CleanerBackoff
	}
	if s.ProducerIDExpiration == 0 {
		s.ProducerIDExpiration = d.ProducerIDExpiration
	}
	if s.ReplicaLagTime == 0 {
		s.ReplicaLagTime = d.ReplicaLagTime
	}
	if s.LeaderCheckInterval == 0 {
		s.LeaderCheckInterval = d.LeaderCheckInterval
	}
	if s.OffsetsTopicPartitions == 0 {
		s.OffsetsTopicPartitions = d.OffsetsTopicPartitions
	}
	if s.MaxRequestBytes == 0 {
		s.MaxRequestBytes = d.MaxRequestBytes
	}
	if s.MaxIdle == 0 {
		s.MaxIdle = d.MaxIdle
	}
	if s.TransactionTopicPartitions == 0 {
		s.TransactionTopicPartitions = d.TransactionTopicPartitions
	}
	if s.Transactions == (txn.Config{}) {
		s.Transactions = d.Transactions
	}
	s.Transactions.OffsetsTopicPartitions = s.OffsetsTopicPartitions
	c := &Cluster{
		settings:      s,
		topics:        map[string]*Topic{},
		topicsByID:    map[[16]byte]*Topic{},
		groups:        map[string]*group.Group{},
		topicsVersion: 1,
		knownTopics:   map[string]uint64{},
		down:          map[int32]bool{},
		controller:    1,
		waiting:       map[string][]waiting{},
		journals:      map[string]*journal{},
		idSource:      rand.NewPCG(s.Seed, streamIDs),
		nameSource:    rand.NewPCG(s.Seed, streamNames),
	}
	c.ids, c.names = rand.New(c.idSource), rand.New(c.nameSource)
	if c.settings.ClusterID == "" {
		c.settings.ClusterID = encodeUUID(uuid(c.ids))
	}
	c.base = c.settings
	c.settings = c.base.withDynamic()
	c.txns = txn.New(s.Transactions, 0, c.newProducerID, 0)
	return c
}

// Settings returns the settings in force, defaults filled in.
func (c *Cluster) Settings() Settings { return c.settings }

// Shape counts changes of topics, partitions and leaders.
func (c *Cluster) Shape() uint64 { return c.topicsVersion + c.leaderChanges }

// Take returns the replies that became ready since the last call, in the order in which they did. The slice is valid
// until the next method call.
func (c *Cluster) Take() []Reply {
	r := c.replies
	c.replies = c.replies[:0]
	return r
}

// NextTimer returns when the earliest timer is due, false when none is set.
func (c *Cluster) NextTimer() (kafka.Millis, bool) { return c.timers.next() }

// Fire carries out every timer that is due at now, in the order of their times and, within one time, of their setting.
func (c *Cluster) Fire(now kafka.Millis) {
	for {
		t, ok := c.timers.due(now)
		if !ok {
			return
		}
		switch t.group {
		case upkeep:
			c.upkeep(now, t.key)
		case transactions:
			c.TxnStep(now, txn.Timer{Key: t.key})
		case markers:
			c.writeQueuedMarkers(now, t.key)
		case replication:
			c.dropLagging(now, t.key)
		default:
			if g := c.groups[t.group]; g != nil {
				c.step(now, t.group, g, group.Timer{Key: t.key})
				c.forgetDead(t.group)
			}
		}
	}
}

// GroupStep applies one command to a group, which is made when it does not exist yet. The answer comes by Take.
func (c *Cluster) GroupStep(now kafka.Millis, id string, cmd group.Command) {
	if c.refuse(now, id, cmd) {
		return
	}
	if len(c.down) > 0 && c.GroupCoordinator(id) == NoLeader {
		if r, asks := refuseGroup(cmd, kafka.NotCoordinator); asks {
			c.replies = append(c.replies, r)
		}
		return
	}
	g := c.groups[id]
	if g == nil {
		g = c.newGroup(id)
	}
	switch cmd.(type) {
	case group.ConsumerHeartbeat:
		if c.knownTopics[id] != c.topicsVersion { // nothing moves before a heartbeat, so this is early enough
			c.knownTopics[id] = c.topicsVersion
			c.step(now, id, g, c.groupMetadata())
		}
	case group.Join, group.Sync: // which may wait
		c.waiting[id] = append(c.waiting[id], waiting{cmd})
	}
	c.step(now, id, g, cmd)
	c.forgetDead(id)
}

func (c *Cluster) newGroup(id string) *group.Group {
	g := group.New(id, c.settings.Group, c.memberID)
	c.groups[id] = g
	return g
}

// forgetDead forgets a group that does not exist, or no more: whoever asks about one makes none. What it wrote in a
// transaction is kept until that ends.
func (c *Cluster) forgetDead(id string) {
	g, j := c.groups[id], c.journals[id]
	if g == nil || g.State() != group.Dead || j != nil && j.anyOpen() {
		return
	}
	delete(c.groups, id)
	delete(c.journals, id)
	delete(c.knownTopics, id)
	if len(c.waiting[id]) == 0 {
		delete(c.waiting, id)
	}
}

// groupMetadata is what groups whose partitions the coordinator assigns have to know of topics (KIP-848).
func (c *Cluster) groupMetadata() group.Metadata {
	m := group.Metadata{Topics: group.Topics{}}
	for name, t := range c.topics {
		if !t.Internal {
			m.Topics[name] = group.Topic{ID: t.ID, Partitions: int32(len(t.Partitions))}
		}
	}
	return m
}

// Group returns a group that exists, nil otherwise.
func (c *Cluster) Group(id string) *group.Group { return c.groups[id] }

// Groups lists the ids of the groups that exist, sorted.
func (c *Cluster) Groups() []string {
	ids := make([]string, 0, len(c.groups))
	for id := range c.groups {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	return ids
}

func (c *Cluster) step(now kafka.Millis, id string, g *group.Group, cmd group.Command) {
	effects, err := g.Step(c.groupClock(now, id), cmd)
	if err != nil {
		panic(fmt.Sprintf("memkafka: group %q refused %T: %v", id, cmd, err)) // the shell made a command that cannot be
	}
	c.carryOut(now, id, effects)
}

func (c *Cluster) carryOut(now kafka.Millis, id string, effects []group.Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case group.Reply:
			c.replies = append(c.replies, Reply{e.Tag, e.Response})
			if w := c.waiting[id]; len(w) > 0 {
				c.waiting[id] = slices.DeleteFunc(w, func(w waiting) bool { return w.tag() == e.Tag })
			}
		case group.SetTimer:
			c.timers.set(timerID{id, e.Key}, e.At-(c.groupClock(now, id)-now))
		case group.StopTimer:
			c.timers.stop(timerID{id, e.Key})
		case group.AppendState:
			if !c.settings.RetainState {
				c.note(id, group.Entry{Records: e.Records, Transaction: e.Transaction})
				continue
			}
			var options []batch.Option
			if t := e.Transaction; t != nil {
				options = append(options, batch.WithProducer(t.ProducerID, kafka.Epoch(t.ProducerEpoch), batch.NoSequence), batch.Transactional())
			}
			c.appendState(now, GroupMetadataTopic, c.settings.OffsetsTopicPartitions, func(kafka.Record) string { return id }, e.Records, options...)
		default:
			panic(fmt.Sprintf("memkafka: unknown effect %T of group %q", e, id))
		}
	}
}

// note keeps what a group recorded, while __consumer_offsets does not.
func (c *Cluster) note(id string, e group.Entry) {
	j := c.journals[id]
	if j == nil {
		j = &journal{entries: make([]group.Entry, 0, 4)} // which is what a group of one member writes
		c.journals[id] = j
	}
	j.add(e)
}

// memberID makes an id as Kafka does: the client's id and a UUID.
func (c *Cluster) memberID(clientID string) string {
	u := uuid(c.names)
	id := make([]byte, 0, len(clientID)+37)
	id = append(id, clientID...)
	for _, part := range [...][]byte{u[0:4], u[4:6], u[6:8], u[8:10], u[10:16]} {
		id = hex.AppendEncode(append(id, '-'), part)
	}
	return string(id)
}

// NewUUID makes an id of 22 letters, as Kafka does where it needs one.
func (c *Cluster) NewUUID() string { return encodeUUID(uuid(c.names)) }

func encodeUUID(u [16]byte) string { return base64.RawURLEncoding.EncodeToString(u[:]) }

// uuid draws a random UUID, version 4.
func uuid(r *rand.Rand) (u [16]byte) {
	binary.BigEndian.PutUint64(u[:], r.Uint64())
	binary.BigEndian.PutUint64(u[8:], r.Uint64())
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return u
}

// Topics lists the names of all topics, internal ones included, sorted.
func (c *Cluster) Topics() []string {
	names := make([]string, 0, len(c.topics))
	for name := range c.topics {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
