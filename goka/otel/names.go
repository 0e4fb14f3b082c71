package otel

import "go.opentelemetry.io/otel/attribute"

// The names of OpenTelemetry's semantic conventions that spans and metrics have. Those for messaging are in development, so they
// stand here alone, with the version that they are of.
const (
	schemaURL = "https://opentelemetry.io/schemas/1.44.0"
	scope     = "github.com/gokasim/gokasim/goka/otel"

	system         = attribute.Key("messaging.system")
	operationName  = attribute.Key("messaging.operation.name")
	operationType  = attribute.Key("messaging.operation.type")
	destination    = attribute.Key("messaging.destination.name")
	partitionID    = attribute.Key("messaging.destination.partition.id") // a string
	consumerGroup  = attribute.Key("messaging.consumer.group.name")
	clientIDKey    = attribute.Key("messaging.client.id")
	kafkaOffset    = attribute.Key("messaging.kafka.offset")
	kafkaKey       = attribute.Key("messaging.kafka.message.key")       // never of a null key, or of one that is no text
	kafkaTombstone = attribute.Key("messaging.kafka.message.tombstone") // only if it is one
	errorType      = attribute.Key("error.type")

	sentMessages      = "messaging.client.sent.messages"
	consumedMessages  = "messaging.client.consumed.messages"
	processDuration   = "messaging.process.duration"
	operationDuration = "messaging.client.operation.duration"
)

// durationBounds are the bounds of durations in seconds, as the conventions have them.
var durationBounds = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}
