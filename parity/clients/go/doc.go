// Package clients runs other people's Kafka clients against memkafka's wire door: franz-go and sarama here, those of other
// languages beside it. It is a module of its own, so that users of the library download none of them.
package clients
