// Package java runs what the Apache Kafka distribution ships against memkafka's wire door: its command-line tools, its
// clients (Lives.java) and Streams (WordCount.java).
package java
