// Package wire measures memkafka as a broker beside kfake and Apache Kafka, in one run with the same clients:
//
//	cd bench/wire && go test -bench . -benchtime 3x
//	KAFKA_BROKERS=127.0.0.1:9092 KAFKA_PID=$(pgrep -f kafka.Kafka) go test -bench .
//
// Brokers run in processes of their own, so that their processor time is known; that of Apache Kafka is read from /proc if
// KAFKA_PID names its process. The package is a module of its own, so that nobody who uses the library downloads the others.
package wire
