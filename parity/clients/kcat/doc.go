// Package kcat runs kcat, and with it librdkafka, against memkafka's wire door.
package kcat
