// Package clients runs franz-go and sarama against memkafka's wire door, over TCP and in memory.
package clients
