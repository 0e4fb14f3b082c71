// Package soak keeps processes with processors of goka running on Apache Kafka while they are killed (kill -9) or told to end at random
// moments and started again, and while records are fed. Four groups count, re-key, join and loop, with their tables on disk. When the
// feeding is over nothing may be missing: every input is committed, every table has every record that was fed, no process's rows
// differ from the changelog up to the offset that is stored with them, and views, old and new, have what the changelog has.
//
//	make goka-soak DURATION=30m BROKERS=127.0.0.1:9092
//
// Without BROKERS the cluster is memkafka's, in the process of the test.
package soak
