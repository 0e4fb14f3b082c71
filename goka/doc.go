// Package goka processes streams of Kafka with state. An application is made of groups: a group graph (DefineGroup)
// names the topics that a group reads and writes, and the callbacks that handle what it reads. A group may have a
// table: a value per key, kept in a local storage and, as a changelog, in Kafka.
//
//   - A Processor is one instance of a group. Instances of a group divide the partitions among them.
//   - A View reads a whole table, for lookups from outside.
//   - An Emitter writes to a stream.
//
// Everything talks to Kafka through sarama's interfaces. With broker addresses such as localhost:9092 these are
// sarama's own clients; mem://name leads to a cluster within the process, after
//
//	import _ "github.com/gokasim/gokasim/memkafka/saramaclient"
//
// # What can be relied on
//
// Each message is handled at least once. Its offset is committed after everything that its callback caused has been
// acknowledged: emits, table writes and deferred commits, of it and of all messages before it in its partition. A
// table's row is seen by others together with the offset of its changelog, never before Kafka has it. The callbacks of
// one partition never overlap.
//
// # What happens on a failure
//
// A callback that fails (Context.Fail, an error of an ErrCallback, a panic), a value that cannot be decoded, or an emit
// that Kafka refuses for good stops the processor: Run returns a MessageError, and the message, which is not committed, is
// delivered again, to another instance or after a restart. goka has no queue for messages that cannot be handled: a
// callback that is to go on emits them to an output and returns. Trouble with Kafka itself, a broker that is away or a
// rebalance, is retried and stops nothing.
//
// # Topics
//
// NewProcessor creates the group's table and loop, as TopicManagerConfig says: with two replicas unless told otherwise, or
// as many as there are brokers. Inputs, joins and lookups have to exist, outputs when something is emitted to them.
// Inputs, joins, loop and table have the same number of partitions; lookups and outputs have any.
//
// # Locks
//
// No lock is held during a callback, a call to Kafka or a wait for a channel. Where two locks nest, the order is
// Processor.mu, View.mu, PartitionTable.mu, Signal.mu.
package goka
