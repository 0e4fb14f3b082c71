package fault

import (
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
)

// Op is one request, as far as faults look at it.
type Op struct {
	Name             string // the operation, such as produce or join-group: see [OperationOf]
	ClientID         string
	Broker           int32                  // that got the request, NoBroker if that is not known
	Partitions       []kafka.TopicPartition // that it is about; WholeTopic for the number where it names topics only
	Groups           []string
	TransactionalIDs []string
}

// WholeTopic is the partition's number in an [Op] that names topics without partitions. No selector of partitions passes it.
const WholeTopic int32 = -1

// Any is the operation, in a plan, that stands for all.
const Any = "any"

// nouns is what requests can be about.
type nouns uint8

const (
	topics nouns = 1 << iota
	partitions
	groups
	transactions
)

// operation is a kind of request, with Kafka's key of it.
type operation struct {
	key   int16
	name  string
	about nouns
}

var operations = []operation{
	{0, "produce", partitions | transactions},
	{1, "fetch", partitions},
	{2, "list-offsets", partitions},
	{3, "metadata", topics},
	{8, "offset-commit", partitions | groups},
	{9, "offset-fetch", partitions | groups},
	{10, "find-coordinator", groups | transactions},
	{11, "join-group", groups},
	{12, "heartbeat", groups},
	{13, "leave-group", groups},
	{14, "sync-group", groups},
	{15, "describe-groups", groups},
	{16, "list-groups", 0},
	{17, "sasl-handshake", 0},
	{18, "api-versions", 0},
	{19, "create-topics", topics},
	{20, "delete-topics", topics},
	{21, "delete-records", partitions},
	{22, "init-producer-id", transactions},
	{23, "offset-for-leader-epoch", partitions},
	{24, "add-partitions-to-txn", partitions | transactions},
	{25, "add-offsets-to-txn", groups | transactions},
	{26, "end-txn", transactions},
	{27, "write-txn-markers", partitions},
	{28, "txn-offset-commit", partitions | groups | transactions},
	{29, "describe-acls", 0},
	{30, "create-acls", 0},
	{31, "delete-acls", 0},
	{32, "describe-configs", topics},
	{33, "alter-configs", topics},
	{34, "alter-replica-log-dirs", partitions},
	{35, "describe-log-dirs", partitions},
	{36, "sasl-authenticate", 0},
	{37, "create-partitions", topics},
	{38, "create-delegation-token", 0},
	{39, "renew-delegation-token", 0},
	{40, "expire-delegation-token", 0},
	{41, "describe-delegation-token", 0},
	{42, "delete-groups", groups},
	{43, "elect-leaders", partitions},
	{44, "incremental-alter-configs", topics},
	{45, "alter-partition-reassignments", partitions},
	{46, "list-partition-reassignments", partitions},
	{47, "offset-delete", partitions | groups},
	{48, "describe-client-quotas", 0},
	{49, "alter-client-quotas", 0},
	{50, "describe-user-scram-credentials", 0},
	{51, "alter-user-scram-credentials", 0},
	{55, "describe-quorum", 0},
	{57, "update-features", 0},
	{60, "describe-cluster", 0},
	{61, "describe-producers", partitions},
	{64, "unregister-broker", 0},
	{65, "describe-transactions", transactions},
	{66, "list-transactions", 0},
	{68, "consumer-group-heartbeat", groups},
	{69, "consumer-group-describe", groups},
	{71, "get-telemetry-subscriptions", 0},
	{72, "push-telemetry", 0},
	{74, "list-config-resources", 0},
	{75, "describe-topic-partitions", topics},
	{76, "share-group-heartbeat", groups},
	{77, "share-group-describe", groups},
	{78, "share-fetch", partitions | groups},
	{79, "share-acknowledge", partitions | groups},
	{80, "add-raft-voter", 0},
	{81, "remove-raft-voter", 0},
	{83, "initialize-share-group-state", partitions | groups},
	{84, "read-share-group-state", partitions | groups},
	{85, "write-share-group-state", partitions | groups},
	{86, "delete-share-group-state", partitions | groups},
	{87, "read-share-group-state-summary", partitions | groups},
	{88, "streams-group-heartbeat", groups},
	{89, "streams-group-describe", groups},
	{90, "describe-share-group-offsets", partitions | groups},
	{91, "alter-share-group-offsets", partitions | groups},
	{92, "delete-share-group-offsets", partitions | groups},
}

// OperationOf names the request with one of Kafka's API keys. ok is false for a key that Kafka's clients do not use.
func OperationOf(key int16) (name string, ok bool) {
	i, ok := slices.BinarySearchFunc(operations, key, func(o operation, key int16) int { return int(o.key) - int(key) })
	if !ok {
		return "", false
	}
	return operations[i].name, true
}

// Operations is the names of all operations, in the order of Kafka's API keys.
func Operations() []string {
	names := make([]string, len(operations))
	for i, o := range operations {
		names[i] = o.name
	}
	return names
}

// aboutOf is what an operation can be about. Requests of any kind can be about all.
func aboutOf(name string) (about nouns, ok bool) {
	if name == Any {
		return topics | partitions | groups | transactions, true
	}
	i := slices.IndexFunc(operations, func(o operation) bool { return o.name == name })
	if i < 0 {
		return 0, false
	}
	about = operations[i].about
	if about&partitions != 0 {
		about |= topics
	}
	return about, true
}

// Subjects is what requests of an operation are about.
type Subjects struct{ Topics, Partitions, Groups, Transactions bool }

// About tells what an operation is about: nothing for one that does not exist.
func About(operation string) Subjects {
	about, _ := aboutOf(operation)
	return Subjects{
		Topics: about&topics != 0, Partitions: about&partitions != 0, Groups: about&groups != 0, Transactions: about&transactions != 0,
	}
}
