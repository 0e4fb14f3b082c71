// Package goka measures goka beside github.com/lovoo/goka v1.1.14, both in one run and on the same brokers: gokasim serve in a process
// of its own, and Apache Kafka where KAFKA_BROKERS says where it is.
//
//	cd bench/goka && KAFKA_BROKERS=127.0.0.1:9092 go test -run '^$' -bench . -benchtime 1x
//
// takes less than twelve minutes on two cores that have nothing else to do; -messages 1000000 -updates 1000000 and -count 3 take longer.
//
// An operation is a whole run over that many messages of 100 bytes on 8 partitions. Each library has its own defaults, but reads
// inputs from the oldest offset and beats its heart every 100 ms. It is a module of its own, so that nobody who uses the library downloads the other one.
package goka
