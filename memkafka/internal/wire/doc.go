// Package wire is how Kafka's requests and responses lie in bytes: frames, headers, and bodies in which record batches
// stand as they are. What a request means is not known here.
//
// Every message is a frame: its length in four bytes, then a header, then a body. From the version on that KIP-482 made
// flexible, headers and bodies may carry tagged fields; package kmsg knows the bodies, and this package which headers
// belong to them.
package wire
