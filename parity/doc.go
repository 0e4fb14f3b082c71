// Package parity puts one script to a simulated cluster and to Apache Kafka, through the wire, and keeps what Apache Kafka
// answered.
//
// A transcript is a file in testdata: commands in the language of internal/script, and below each step, after a line of
// dashes, what Apache Kafka answered.
//
//	# Recorded from Apache Kafka 4.3.0.
//	# The log start moves up when records are deleted.
//
//	create-topic clicks partitions=2
//	produce clicks 0: a 1, b 2
//	delete-records clicks 0 before=1
//	----
//	create-topics v7
//	  topics topic=clicks topic-id=<id of clicks> num-partitions=2 replication-factor=1
//	...
//
// The answers stand as they came, field by field, but for what differs from run to run without meaning: ids, times, hosts
// and ports have names instead. Where an older Apache Kafka answers differently, what it said stands beside the transcript in a file that
// ends in its version, as offsets.3.9.
//
// go test plays every script to a cluster in this process, in virtual time. make parity plays them to Apache Kafka again.
//
// Commands are the requests of Kafka's protocol, as create-topic, produce or join-group; the functions in the tables of this
// package say what arguments each takes. All of them take
//
//	version=N     the version of the request; the newest that Apache Kafka 3.9 has for the same meaning unless given
//	as=NAME       the connection, opened on first use; "main" unless given
//	later         do not wait for the answer; "answer as=NAME" reads it
//	until=TEXT    ask again until the answer contains the text
//	while=TEXT    ask again as long as the answer contains the text
//	only=TEXT     leave out what the answer lists without the text
//	quiet         write down no answer
//
// and "wait 2s" lets time pass.
package parity
