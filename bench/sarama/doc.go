// Package sarama measures clients without a socket (memkafka/saramaclient) beside sarama's own clients: on kfake, on memkafka's
// wire door, and, if KAFKA_BROKERS names one, on Apache Kafka, all in one run.
//
//	go test -run xxx -bench . -benchtime 3x
package sarama
