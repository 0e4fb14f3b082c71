// Package clients is the matrix of other people's Kafka clients, run unmodified against memkafka's wire door: franz-go and
// sarama in go, librdkafka in kcat, the Kafka distribution's clients, tools and Streams in java, kafkajs in kafkajs. It is a
// module of its own, so that users of the library download none of them. internal/rig says what can be set.
package clients
