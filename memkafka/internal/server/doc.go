// Package server holds the connections of the wire door: listeners, one for each broker, over TCP and in memory. Each
// connection has one goroutine, which reads a request, has it answered and writes the answer, before it reads the next:
// as in Kafka, what a client sends ahead is answered in order.
package server
