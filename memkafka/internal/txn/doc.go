// Package txn is Kafka's transaction coordinator, as a value that is stepped: transactional ids with their producer ids
// and epochs, the partitions of their transactions, and how these end.
//
// A [Coordinator] reads no clock, starts no goroutine and takes no lock. [Coordinator.Step] is given the time and one
// command and answers with effects: replies to carry to clients, timers to set, records to append to
// __transaction_state, markers to write. A coordinator that was lost is built again from those records by [Replay].
//
// # How a shell uses it
//
// One Coordinator keeps the transactional ids of one partition of __transaction_state, which [PartitionFor] finds; a
// cluster may as well have one for all. The shell finds out whether a request came to the right broker, whether its
// topics exist and whether the client may write to them: NOT_COORDINATOR, UNKNOWN_TOPIC_OR_PARTITION and authorization
// errors never come from here. It then carries out effects in their order:
//
//   - [AppendState]: append the records to the partition as one batch. If a fault keeps them out, the coordinator is lost
//     with what it knew: build another by [Replay] from what the log holds.
//   - [Reply]: answer the request with that tag.
//   - [SetTimer], [StopTimer]: keep one timer per key, and step a [Timer] when it is due.
//   - [WriteMarkers]: append one control batch to every partition named, all with the producer and the coordinator epoch
//     of the effect (plog.Log.AppendMarker). A partition of [OffsetsTopic] stands for the groups that it holds: each of
//     them is told by group.EndTxn. A partition that was deleted meanwhile counts as done. When markers are written, step
//     a [MarkersWritten]; a broker that is down gets its markers later, and the transaction stays open until then.
//
// Between the answer to [EndTxn] and the last MarkersWritten, requests for that transactional id are answered with
// CONCURRENT_TRANSACTIONS. How long that is belongs to the shell: it hides the state by stepping MarkersWritten before it
// lets the replies out, shows it always by waiting until a request met it, or lets the seed decide.
//
// A broker that is asked to append a transactional batch in the old way (Produce below version 12) asks the coordinator
// whether the partition was added, with [AddPartitions] and VerifyOnly. TRANSACTION_ABORTABLE in that answer becomes
// INVALID_TXN_STATE for a producer that does not know it (Produce below version 11). Produce from version 12 on and
// TxnOffsetCommit from version 5 on add partitions on their own: the broker steps AddPartitions or [AddOffsets] with V2
// first, and then appends (KIP-890).
//
// After a fail-over, the new coordinator gets a larger epoch, so that markers of the old one are refused by the logs
// (TRANSACTION_COORDINATOR_FENCED), and the effects of Replay write once more the markers that may be missing.
//
// Two-phase commit by an outside coordinator (KIP-939) is left out, as InitProducerId version 6 is in Kafka 4.3.
package txn
