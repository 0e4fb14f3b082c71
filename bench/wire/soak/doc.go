// Package soak lets random clients loose on a cluster for a while: producers of franz-go and sarama, transactions, members of
// groups that come and go, and clients that hang up in the middle of a word, while a fault plan makes requests fail and brokers
// go down. It comes in rounds; after each, no acknowledged record may be missing, nor seen twice where producers are idempotent, every
// group has to have seen every record, and memory has to be as it was.
//
//	make soak DURATION=30m
package soak
