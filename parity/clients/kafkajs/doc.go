// Package kafkajs runs kafkajs, the client for Node.js, against memkafka's wire door; lives.js is what it does there.
package kafkajs
