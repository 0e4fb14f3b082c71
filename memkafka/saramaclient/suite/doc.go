// Package suite is what sarama's interfaces promise, as cases that are written against these interfaces alone. Its tests put
// the same cases to three doors: sarama's own clients on Apache Kafka, where BROKERS=host:port names one, sarama's own clients on
// memkafka's wire door, and memkafka/saramaclient, in real time and in bubbles. No expected result differs by door.
package suite
