package cluster

import "fmt"

// Documentation is what a setting of topics, brokers or groups is for, as clients are told who ask for it (KIP-226);
// empty for a name that is none.
func Documentation(name string) string {
	if t := findTopicConfig(name); t != nil {
		return documentation[name]
	}
	if t, _ := findSynonym(name); t != nil {
		return fmt.Sprintf("The default of %s for topics that do not set it. %s", t.name, documentation[t.name])
	}
	return documentation[name]
}

var documentation = map[string]string{
	"cleanup.policy":                          "What happens to old segments of a topic's log: delete discards them by retention time and size, compact keeps the latest value of each key. Both may be given.",
	"compression.gzip.level":                  "The level of compression for topics whose compression.type is gzip.",
	"compression.lz4.level":                   "The level of compression for topics whose compression.type is lz4.",
	"compression.type":                        "The codec in which a topic's batches are kept: gzip, snappy, lz4, zstd, uncompressed, or producer for the one in which they came.",
	"compression.zstd.level":                  "The level of compression for topics whose compression.type is zstd.",
	"delete.retention.ms":                     "How long tombstones of a compacted topic stay, in milliseconds, so that a consumer which reads from the start in that time sees them.",
	"file.delete.delay.ms":                    "How long a deleted file stays on the disk, in milliseconds.",
	"flush.messages":                          "After how many records a log is forced to the disk.",
	"flush.ms":                                "After how many milliseconds a log is forced to the disk.",
	"follower.replication.throttled.replicas": "The replicas, as partition:broker, or * for all, whose replication is throttled at the follower.",
	"index.interval.bytes":                    "How many bytes lie between two entries of a log's index.",
	"leader.replication.throttled.replicas":   "The replicas, as partition:broker, or * for all, whose replication is throttled at the leader.",
	"local.retention.bytes":                   "How much of a partition's log stays with the broker when remote storage holds the rest, in bytes; -2 for retention.bytes.",
	"local.retention.ms":                      "How long records stay with the broker when remote storage holds them too, in milliseconds; -2 for retention.ms.",
	"max.compaction.lag.ms":                   "The longest time, in milliseconds, for which a record of a compacted topic may stay uncompacted.",
	"max.message.bytes":                       "The largest batch of records that a topic takes, in bytes, after compression.",
	"message.timestamp.after.max.ms":          "How far a record's timestamp may lie ahead of the broker's clock, in milliseconds, where message.timestamp.type is CreateTime.",
	"message.timestamp.before.max.ms":         "How far a record's timestamp may lie behind the broker's clock, in milliseconds, where message.timestamp.type is CreateTime.",
	"message.timestamp.type":                  "Whose time a record has: CreateTime is the producer's, LogAppendTime the broker's.",
	"min.cleanable.dirty.ratio":               "The share of a compacted topic's log that has to be uncompacted before it is compacted.",
	"min.compaction.lag.ms":                   "The shortest time, in milliseconds, for which a record of a compacted topic stays uncompacted.",
	"min.insync.replicas":                     "How many replicas have to be in sync for a write that all in-sync replicas are to acknowledge.",
	"preallocate":                             "Whether the file of a new segment is made in its full size.",
	"remote.log.copy.disable":                 "Whether a topic with remote storage copies nothing to it any more.",
	"remote.log.delete.on.disable":            "Whether what remote storage holds of a topic is deleted when the topic no longer uses it.",
	"remote.storage.enable":                   "Whether a topic keeps old segments in remote storage.",
	"retention.bytes":                         "The size to which a partition's log may grow before its oldest segments are deleted; -1 for no bound.",
	"retention.ms":                            "How long records stay before their segments are deleted, in milliseconds; -1 for ever.",
	"segment.bytes":                           "The size of one segment file of a log.",
	"segment.index.bytes":                     "The size of the index of one segment.",
	"segment.jitter.ms":                       "The largest random time, in milliseconds, that is taken from segment.ms, so that segments do not roll all at once.",
	"segment.ms":                              "After how many milliseconds a segment is closed, full or not, so that it can be deleted or compacted.",
	"unclean.leader.election.enable":          "Whether a replica that is not in sync may become the leader when there is no other, though records are lost.",

	"auto.create.topics.enable":                                   "Whether a topic comes to be when a client asks for it.",
	"auto.leader.rebalance.enable":                                "Whether leadership goes back to preferred leaders by itself.",
	"connections.max.idle.ms":                                     "After how many milliseconds without a request a connection is closed.",
	"default.replication.factor":                                  "The replication factor of topics that are created without one.",
	"group.consumer.assignors":                                    "The assignors for groups of the consumer protocol (KIP-848), the default first.",
	"group.consumer.heartbeat.interval.ms":                        "The time between heartbeats that members of groups of the consumer protocol are told, in milliseconds.",
	"group.consumer.max.size":                                     "The largest number of members of a group of the consumer protocol.",
	"group.consumer.migration.policy":                             "Which groups may change between the classic and the consumer protocol while they have members: bidirectional, upgrade, downgrade or disabled.",
	"group.consumer.regex.refresh.interval.ms":                    "How often subscriptions by pattern are looked at again, in milliseconds.",
	"group.consumer.session.timeout.ms":                           "After how many milliseconds without a heartbeat a member of a group of the consumer protocol is removed.",
	"group.initial.rebalance.delay.ms":                            "How long an empty classic group waits for more members before its first rebalance, in milliseconds.",
	"group.max.session.timeout.ms":                                "The longest session time-out that a member of a classic group may ask for, in milliseconds.",
	"group.max.size":                                              "The largest number of members of a classic group.",
	"group.min.session.timeout.ms":                                "The shortest session time-out that a member of a classic group may ask for, in milliseconds.",
	"leader.imbalance.check.interval.seconds":                     "How often the controller looks whether leadership should go back to preferred leaders, in seconds.",
	"log.cleaner.backoff.ms":                                      "How long the log cleaner sleeps when there is nothing to compact, in milliseconds.",
	"log.retention.check.interval.ms":                             "How often logs are looked at for segments to delete, in milliseconds.",
	"max.connections":                                             "The largest number of connections to a broker.",
	"max.connections.per.ip":                                      "The largest number of connections to a broker from one address.",
	"num.partitions":                                              "The number of partitions of topics that are created without one.",
	"offset.metadata.max.bytes":                                   "The largest metadata that may be committed with an offset, in bytes.",
	"offsets.retention.check.interval.ms":                         "How often committed offsets are looked at for those that are too old, in milliseconds.",
	"offsets.retention.minutes":                                   "How long committed offsets stay once their group is empty, in minutes.",
	"offsets.topic.num.partitions":                                "The number of partitions of the topic of committed offsets.",
	"producer.id.expiration.ms":                                   "After how many milliseconds a producer id that writes nothing is forgotten.",
	"replica.lag.time.max.ms":                                     "How long a follower may lag behind before it is no longer in sync, in milliseconds.",
	"socket.request.max.bytes":                                    "The largest request that a broker takes, in bytes.",
	"transaction.abort.timed.out.transaction.cleanup.interval.ms": "How often transactions are looked at for those that have timed out, in milliseconds.",
	"transaction.max.timeout.ms":                                  "The longest time-out that a producer may ask for its transactions, in milliseconds.",
	"transaction.remove.expired.transaction.cleanup.interval.ms":  "How often transactional ids are looked at for those that have expired, in milliseconds.",
	"transaction.state.log.num.partitions":                        "The number of partitions of the topic of transactions' state.",
	"transactional.id.expiration.ms":                              "After how many milliseconds a transactional id that is not used is forgotten.",

	"consumer.heartbeat.interval.ms": "The time between heartbeats that members of this group are told, in milliseconds.",
	"consumer.session.timeout.ms":    "After how many milliseconds without a heartbeat a member of this group is removed.",
}
