// Package rig runs other people's Kafka clients, each a process of its own, against gokasim serve and, if there is one,
// against Apache Kafka.
//
//   - KAFKA_BROKERS=host:port has every case that needs no login run on that Apache Kafka too.
//   - PARITY=required has a client that is not on this machine be a failure; without it its cases are skipped.
//   - GOKASIM=path names the gokasim that serves; without it one is built from this tree.
package rig
