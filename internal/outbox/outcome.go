package outbox

import (
	"errors"
	"net"

	"github.com/IBM/sarama"
)

// outcome is what an error says about a batch.
type outcome struct {
	retriable bool // it may go well the next time (Kafka's RetriableException)
	refused   bool // what it answers to was certainly not written, and will not be
	lost      bool // the broker does not know the producer as it should
	usedUp    bool // and a higher epoch does not help
	tooLarge  bool // smaller batches may go well
}

// Errors that have no code of Kafka's.
const (
	noAnswer   sarama.KError = -1000 - iota // a connection that broke, or an answer that was not whole
	notSent                                 // there was no connection
	unsendable                              // it cannot be encoded, or not for this broker
)

// outcomes has the errors that Kafka answers a produce request with. One that is not listed is final, and leaves open what was written.
//
// A leader that learns while it waits for other replicas that it leads no more answers NOT_LEADER_OR_FOLLOWER, so that this error leaves
// open what was written. The like is true of all that can become of a partition after the append.
var outcomes = map[sarama.KError]outcome{
	noAnswer:   {retriable: true},
	notSent:    {retriable: true, refused: true},
	unsendable: {refused: true},

	sarama.ErrInvalidMessage:               {retriable: true, refused: true}, // CORRUPT_MESSAGE
	sarama.ErrUnknownTopicOrPartition:      {retriable: true},
	sarama.ErrLeaderNotAvailable:           {retriable: true},
	sarama.ErrNotLeaderForPartition:        {retriable: true},
	sarama.ErrRequestTimedOut:              {retriable: true},
	sarama.ErrReplicaNotAvailable:          {retriable: true},
	sarama.ErrNetworkException:             {retriable: true},
	sarama.ErrNotEnoughReplicas:            {retriable: true, refused: true},
	sarama.ErrNotEnoughReplicasAfterAppend: {retriable: true},
	sarama.ErrKafkaStorageError:            {retriable: true},
	sarama.ErrFencedLeaderEpoch:            {retriable: true},
	sarama.ErrUnknownLeaderEpoch:           {retriable: true},
	sarama.ErrThrottlingQuotaExceeded:      {retriable: true},

	sarama.ErrOffsetsLoadInProgress:           {retriable: true, refused: true}, // these come when producer ids are not at hand
	sarama.ErrConsumerCoordinatorNotAvailable: {retriable: true, refused: true},
	sarama.ErrNotCoordinatorForConsumer:       {retriable: true, refused: true},

	sarama.ErrSASLAuthenticationFailed: {retriable: true, refused: true}, // when the connection was made, or its session had expired

	sarama.ErrMessageSizeTooLarge:         {refused: true, tooLarge: true},
	sarama.ErrMessageSetSizeTooLarge:      {refused: true, tooLarge: true}, // RECORD_LIST_TOO_LARGE
	sarama.ErrInvalidTopic:                {refused: true},
	sarama.ErrInvalidRequiredAcks:         {refused: true},
	sarama.ErrTopicAuthorizationFailed:    {refused: true},
	sarama.ErrClusterAuthorizationFailed:  {refused: true},
	sarama.ErrInvalidTimestamp:            {refused: true},
	sarama.ErrUnsupportedVersion:          {refused: true},
	sarama.ErrUnsupportedForMessageFormat: {refused: true},
	sarama.ErrPolicyViolation:             {refused: true},
	sarama.ErrUnsupportedCompressionType:  {refused: true},
	sarama.ErrInvalidRecord:               {refused: true},

	sarama.ErrOutOfOrderSequenceNumber: {refused: true, lost: true},
	sarama.ErrUnknownProducerID:        {refused: true, lost: true},
	sarama.ErrInvalidProducerEpoch:     {refused: true, lost: true, usedUp: true},
	sarama.ErrInvalidProducerIDMapping: {refused: true, lost: true, usedUp: true},
}

// kind returns under which code an error is listed in outcomes.
func kind(err error) sarama.KError {
	var encoding sarama.PacketEncodingError
	var network *net.OpError
	switch {
	case errors.As(err, &encoding), errors.Is(err, sarama.ErrUnsupportedVersion):
		return unsendable
	case errors.Is(err, sarama.ErrNotConnected), errors.As(err, &network) && network.Op == "dial":
		return notSent
	}
	var code sarama.KError
	if errors.As(err, &code) {
		return code
	}
	return noAnswer
}
