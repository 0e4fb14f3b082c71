package kafka

import "strconv"

// ErrorCode is an error as Kafka's protocol numbers it. The zero value, None, is success and not an error:
// use Err to turn a code into an error.
type ErrorCode int16

// The codes of Apache Kafka 4.3 that the simulator answers with.
const (
	UnknownServerError           ErrorCode = -1
	None                         ErrorCode = 0
	OffsetOutOfRange             ErrorCode = 1
	CorruptMessage               ErrorCode = 2
	UnknownTopicOrPartition      ErrorCode = 3
	InvalidFetchSize             ErrorCode = 4
	LeaderNotAvailable           ErrorCode = 5
	NotLeaderOrFollower          ErrorCode = 6
	RequestTimedOut              ErrorCode = 7
	BrokerNotAvailable           ErrorCode = 8
	ReplicaNotAvailable          ErrorCode = 9
	MessageTooLarge              ErrorCode = 10
	OffsetMetadataTooLarge       ErrorCode = 12
	NetworkException             ErrorCode = 13
	CoordinatorLoadInProgress    ErrorCode = 14
	CoordinatorNotAvailable      ErrorCode = 15
	NotCoordinator               ErrorCode = 16
	InvalidTopic                 ErrorCode = 17
	RecordListTooLarge           ErrorCode = 18
	NotEnoughReplicas            ErrorCode = 19
	NotEnoughReplicasAfterAppend ErrorCode = 20
	InvalidRequiredAcks          ErrorCode = 21
	IllegalGeneration            ErrorCode = 22
	InconsistentGroupProtocol    ErrorCode = 23
	InvalidGroupID               ErrorCode = 24
	UnknownMemberID              ErrorCode = 25
	InvalidSessionTimeout        ErrorCode = 26
	RebalanceInProgress          ErrorCode = 27
	InvalidCommitOffsetSize      ErrorCode = 28
	TopicAuthorizationFailed     ErrorCode = 29
	GroupAuthorizationFailed     ErrorCode = 30
	ClusterAuthorizationFailed   ErrorCode = 31
	InvalidTimestamp             ErrorCode = 32
	UnsupportedSASLMechanism     ErrorCode = 33
	IllegalSASLState             ErrorCode = 34
	UnsupportedVersion           ErrorCode = 35
	TopicAlreadyExists           ErrorCode = 36
	InvalidPartitions            ErrorCode = 37
	InvalidReplicationFactor     ErrorCode = 38
	InvalidReplicaAssignment     ErrorCode = 39
	InvalidConfig                ErrorCode = 40
	NotController                ErrorCode = 41
	InvalidRequest               ErrorCode = 42
	UnsupportedForMessageFormat  ErrorCode = 43
	PolicyViolation              ErrorCode = 44
	OutOfOrderSequenceNumber     ErrorCode = 45
	DuplicateSequenceNumber      ErrorCode = 46
	InvalidProducerEpoch         ErrorCode = 47
	InvalidTxnState              ErrorCode = 48
	InvalidProducerIDMapping     ErrorCode = 49
	InvalidTransactionTimeout    ErrorCode = 50
	ConcurrentTransactions       ErrorCode = 51
	TransactionCoordinatorFenced ErrorCode = 52
	TransactionalIDAuthFailed    ErrorCode = 53
	SecurityDisabled             ErrorCode = 54
	OperationNotAttempted        ErrorCode = 55
	KafkaStorageError            ErrorCode = 56
	UnknownProducerID            ErrorCode = 59
	ReassignmentInProgress       ErrorCode = 60
	NonEmptyGroup                ErrorCode = 68
	GroupIDNotFound              ErrorCode = 69
	FetchSessionIDNotFound       ErrorCode = 70
	InvalidFetchSessionEpoch     ErrorCode = 71
	FencedLeaderEpoch            ErrorCode = 74
	UnknownLeaderEpoch           ErrorCode = 75
	UnsupportedCompressionType   ErrorCode = 76
	StaleBrokerEpoch             ErrorCode = 77
	OffsetNotAvailable           ErrorCode = 78
	MemberIDRequired             ErrorCode = 79
	PreferredLeaderNotAvailable  ErrorCode = 80
	GroupMaxSizeReached          ErrorCode = 81
	FencedInstanceID             ErrorCode = 82
	EligibleLeadersNotAvailable  ErrorCode = 83
	ElectionNotNeeded            ErrorCode = 84
	NoReassignmentInProgress     ErrorCode = 85
	GroupSubscribedToTopic       ErrorCode = 86
	InvalidRecord                ErrorCode = 87
	UnstableOffsetCommit         ErrorCode = 88
	ThrottlingQuotaExceeded      ErrorCode = 89
	ProducerFenced               ErrorCode = 90
	UnknownTopicID               ErrorCode = 100
	InconsistentTopicID          ErrorCode = 103
	TransactionalIDNotFound      ErrorCode = 105
	FetchSessionTopicIDError     ErrorCode = 106
	FencedMemberEpoch            ErrorCode = 110
	UnreleasedInstanceID         ErrorCode = 111
	UnsupportedAssignor          ErrorCode = 112
	StaleMemberEpoch             ErrorCode = 113
	InvalidRegularExpression     ErrorCode = 128
	SASLAuthenticationFailed     ErrorCode = 58
	ResourceNotFound             ErrorCode = 91
	DuplicateResource            ErrorCode = 92
	UnacceptableCredential       ErrorCode = 93
	InvalidUpdateVersion         ErrorCode = 95
	FeatureUpdateFailed          ErrorCode = 96
	MismatchedEndpointType       ErrorCode = 114
	UnsupportedEndpointType      ErrorCode = 115
	UnknownSubscriptionID        ErrorCode = 117
	TransactionAbortable         ErrorCode = 120
)

// Err is c as an error, nil for None.
func (c ErrorCode) Err() error {
	if c == None {
		return nil
	}
	return c
}

// Name is the code as Kafka's documentation writes it, such as OFFSET_OUT_OF_RANGE.
func (c ErrorCode) Name() string {
	if t, ok := errorTexts[c]; ok {
		return t.name
	}
	return "ERROR_" + strconv.Itoa(int(c))
}

// Error is the name and Kafka's own sentence about it.
func (c ErrorCode) Error() string {
	if t, ok := errorTexts[c]; ok {
		return t.name + ": " + t.text
	}
	return c.Name()
}

var errorTexts = map[ErrorCode]struct{ name, text string }{
	UnknownServerError:           {"UNKNOWN_SERVER_ERROR", "the server experienced an unexpected error"},
	None:                         {"NONE", "no error"},
	OffsetOutOfRange:             {"OFFSET_OUT_OF_RANGE", "the requested offset is not within the range of offsets maintained by the server"},
	CorruptMessage:               {"CORRUPT_MESSAGE", "this message has failed its CRC checksum, exceeds the valid size, has a null key for a compacted topic, or is otherwise corrupt"},
	UnknownTopicOrPartition:      {"UNKNOWN_TOPIC_OR_PARTITION", "this server does not host this topic-partition"},
	InvalidFetchSize:             {"INVALID_FETCH_SIZE", "the requested fetch size is invalid"},
	LeaderNotAvailable:           {"LEADER_NOT_AVAILABLE", "there is no leader for this topic-partition as we are in the middle of a leadership election"},
	NotLeaderOrFollower:          {"NOT_LEADER_OR_FOLLOWER", "for requests intended only for the leader, this error indicates that the broker is not the current leader"},
	RequestTimedOut:              {"REQUEST_TIMED_OUT", "the request timed out"},
	BrokerNotAvailable:           {"BROKER_NOT_AVAILABLE", "the broker is not available"},
	ReplicaNotAvailable:          {"REPLICA_NOT_AVAILABLE", "the replica is not available for the requested topic-partition"},
	MessageTooLarge:              {"MESSAGE_TOO_LARGE", "the request included a message larger than the max message size the server will accept"},
	OffsetMetadataTooLarge:       {"OFFSET_METADATA_TOO_LARGE", "the metadata field of the offset request was too large"},
	NetworkException:             {"NETWORK_EXCEPTION", "the server disconnected before a response was received"},
	CoordinatorLoadInProgress:    {"COORDINATOR_LOAD_IN_PROGRESS", "the coordinator is loading and hence can't process requests"},
	CoordinatorNotAvailable:      {"COORDINATOR_NOT_AVAILABLE", "the coordinator is not available"},
	NotCoordinator:               {"NOT_COORDINATOR", "this is not the correct coordinator"},
	InvalidTopic:                 {"INVALID_TOPIC_EXCEPTION", "the request attempted to perform an operation on an invalid topic"},
	RecordListTooLarge:           {"RECORD_LIST_TOO_LARGE", "the request included message batch larger than the configured segment size on the server"},
	NotEnoughReplicas:            {"NOT_ENOUGH_REPLICAS", "messages are rejected since there are fewer in-sync replicas than required"},
	NotEnoughReplicasAfterAppend: {"NOT_ENOUGH_REPLICAS_AFTER_APPEND", "messages are written to the log, but to fewer in-sync replicas than required"},
	InvalidRequiredAcks:          {"INVALID_REQUIRED_ACKS", "produce request specified an invalid value for required acks"},
	IllegalGeneration:            {"ILLEGAL_GENERATION", "specified group generation id is not valid"},
	InconsistentGroupProtocol:    {"INCONSISTENT_GROUP_PROTOCOL", "the group member's supported protocols are incompatible with those of existing members or first group member tried to join with empty protocol type or empty protocol list"},
	InvalidGroupID:               {"INVALID_GROUP_ID", "the group id is invalid"},
	UnknownMemberID:              {"UNKNOWN_MEMBER_ID", "the coordinator is not aware of this member"},
	InvalidSessionTimeout:        {"INVALID_SESSION_TIMEOUT", "the session timeout is not within the range allowed by the broker (as configured by group.min.session.timeout.ms and group.max.session.timeout.ms)"},
	RebalanceInProgress:          {"REBALANCE_IN_PROGRESS", "the group is rebalancing, so a rejoin is needed"},
	InvalidCommitOffsetSize:      {"INVALID_COMMIT_OFFSET_SIZE", "the committing offset data size is not valid"},
	TopicAuthorizationFailed:     {"TOPIC_AUTHORIZATION_FAILED", "topic authorization failed"},
	GroupAuthorizationFailed:     {"GROUP_AUTHORIZATION_FAILED", "group authorization failed"},
	ClusterAuthorizationFailed:   {"CLUSTER_AUTHORIZATION_FAILED", "cluster authorization failed"},
	InvalidTimestamp:             {"INVALID_TIMESTAMP", "the timestamp of the message is out of acceptable range"},
	UnsupportedSASLMechanism:     {"UNSUPPORTED_SASL_MECHANISM", "the broker does not support the requested SASL mechanism"},
	IllegalSASLState:             {"ILLEGAL_SASL_STATE", "request is not valid given the current SASL state"},
	UnsupportedVersion:           {"UNSUPPORTED_VERSION", "the version of API is not supported"},
	TopicAlreadyExists:           {"TOPIC_ALREADY_EXISTS", "topic with this name already exists"},
	InvalidPartitions:            {"INVALID_PARTITIONS", "number of partitions is below 1"},
	InvalidReplicationFactor:     {"INVALID_REPLICATION_FACTOR", "replication factor is below 1 or larger than the number of available brokers"},
	InvalidReplicaAssignment:     {"INVALID_REPLICA_ASSIGNMENT", "replica assignment is invalid"},
	InvalidConfig:                {"INVALID_CONFIG", "configuration is invalid"},
	NotController:                {"NOT_CONTROLLER", "this is not the correct controller for this cluster"},
	InvalidRequest:               {"INVALID_REQUEST", "this most likely occurs because of a request being malformed by the client library or the message was sent to an incompatible broker"},
	UnsupportedForMessageFormat:  {"UNSUPPORTED_FOR_MESSAGE_FORMAT", "the message format version on the broker does not support the request"},
	PolicyViolation:              {"POLICY_VIOLATION", "request parameters do not satisfy the configured policy"},
	OutOfOrderSequenceNumber:     {"OUT_OF_ORDER_SEQUENCE_NUMBER", "the broker received an out of order sequence number"},
	DuplicateSequenceNumber:      {"DUPLICATE_SEQUENCE_NUMBER", "the broker received a duplicate sequence number"},
	InvalidProducerEpoch:         {"INVALID_PRODUCER_EPOCH", "producer attempted to produce with an old epoch"},
	InvalidTxnState:              {"INVALID_TXN_STATE", "the producer attempted a transactional operation in an invalid state"},
	InvalidProducerIDMapping:     {"INVALID_PRODUCER_ID_MAPPING", "the producer attempted to use a producer id which is not currently assigned to its transactional id"},
	InvalidTransactionTimeout:    {"INVALID_TRANSACTION_TIMEOUT", "the transaction timeout is larger than the maximum value allowed by the broker (as configured by transaction.max.timeout.ms)"},
	ConcurrentTransactions:       {"CONCURRENT_TRANSACTIONS", "the producer attempted to update a transaction while another concurrent operation on the same transaction was ongoing"},
	TransactionCoordinatorFenced: {"TRANSACTION_COORDINATOR_FENCED", "indicates that the transaction coordinator sending a WriteTxnMarker is no longer the current coordinator for a given producer"},
	TransactionalIDAuthFailed:    {"TRANSACTIONAL_ID_AUTHORIZATION_FAILED", "transactional id authorization failed"},
	SecurityDisabled:             {"SECURITY_DISABLED", "security features are disabled"},
	OperationNotAttempted:        {"OPERATION_NOT_ATTEMPTED", "the broker did not attempt to execute this operation"},
	KafkaStorageError:            {"KAFKA_STORAGE_ERROR", "disk error when trying to access log file on the disk"},
	UnknownProducerID:            {"UNKNOWN_PRODUCER_ID", "this exception is raised by the broker if it could not locate the producer metadata associated with the producer id in question"},
	ReassignmentInProgress:       {"REASSIGNMENT_IN_PROGRESS", "a partition reassignment is in progress"},
	NonEmptyGroup:                {"NON_EMPTY_GROUP", "the group is not empty"},
	GroupIDNotFound:              {"GROUP_ID_NOT_FOUND", "the group id does not exist"},
	FetchSessionIDNotFound:       {"FETCH_SESSION_ID_NOT_FOUND", "the fetch session id was not found"},
	InvalidFetchSessionEpoch:     {"INVALID_FETCH_SESSION_EPOCH", "the fetch session epoch is invalid"},
	FencedLeaderEpoch:            {"FENCED_LEADER_EPOCH", "the leader epoch in the request is older than the epoch on the broker"},
	UnknownLeaderEpoch:           {"UNKNOWN_LEADER_EPOCH", "the leader epoch in the request is newer than the epoch on the broker"},
	UnsupportedCompressionType:   {"UNSUPPORTED_COMPRESSION_TYPE", "the requesting client does not support the compression type of given partition"},
	StaleBrokerEpoch:             {"STALE_BROKER_EPOCH", "broker epoch has changed"},
	OffsetNotAvailable:           {"OFFSET_NOT_AVAILABLE", "the leader high watermark has not caught up from a recent leader election so the offsets cannot be guaranteed to be monotonically increasing"},
	MemberIDRequired:             {"MEMBER_ID_REQUIRED", "the group member needs to have a valid member id before actually entering a consumer group"},
	PreferredLeaderNotAvailable:  {"PREFERRED_LEADER_NOT_AVAILABLE", "the preferred leader was not available"},
	GroupMaxSizeReached:          {"GROUP_MAX_SIZE_REACHED", "the group has reached its maximum size"},
	FencedInstanceID:             {"FENCED_INSTANCE_ID", "the broker rejected this static consumer since another consumer with the same group.instance.id has registered with a different member.id"},
	EligibleLeadersNotAvailable:  {"ELIGIBLE_LEADERS_NOT_AVAILABLE", "eligible topic partition leaders are not available"},
	ElectionNotNeeded:            {"ELECTION_NOT_NEEDED", "leader election not needed for topic partition"},
	NoReassignmentInProgress:     {"NO_REASSIGNMENT_IN_PROGRESS", "no partition reassignment is in progress"},
	GroupSubscribedToTopic:       {"GROUP_SUBSCRIBED_TO_TOPIC", "deleting offsets of a topic is forbidden while the consumer group is actively subscribed to it"},
	InvalidRecord:                {"INVALID_RECORD", "this record has failed the validation on broker and hence will be rejected"},
	UnstableOffsetCommit:         {"UNSTABLE_OFFSET_COMMIT", "there are unstable offsets that need to be cleared"},
	ThrottlingQuotaExceeded:      {"THROTTLING_QUOTA_EXCEEDED", "the throttling quota has been exceeded"},
	ProducerFenced:               {"PRODUCER_FENCED", "there is a newer producer with the same transactionalId which fences the current one"},
	UnknownTopicID:               {"UNKNOWN_TOPIC_ID", "this server does not host this topic ID"},
	InconsistentTopicID:          {"INCONSISTENT_TOPIC_ID", "the log's topic ID did not match the topic ID in the request"},
	TransactionalIDNotFound:      {"TRANSACTIONAL_ID_NOT_FOUND", "the transactionalId could not be found"},
	FetchSessionTopicIDError:     {"FETCH_SESSION_TOPIC_ID_ERROR", "the fetch session encountered inconsistent topic ID usage"},
	FencedMemberEpoch:            {"FENCED_MEMBER_EPOCH", "the member epoch is fenced by the group coordinator; the member must abandon all its partitions and rejoin"},
	UnreleasedInstanceID:         {"UNRELEASED_INSTANCE_ID", "the instance ID is still used by another member in the consumer group; that member must leave first"},
	UnsupportedAssignor:          {"UNSUPPORTED_ASSIGNOR", "the assignor or its version range is not supported by the consumer group"},
	StaleMemberEpoch:             {"STALE_MEMBER_EPOCH", "the member epoch is stale; the member must retry after receiving its updated member epoch via the ConsumerGroupHeartbeat API"},
	SASLAuthenticationFailed:     {"SASL_AUTHENTICATION_FAILED", "SASL authentication failed"},
	ResourceNotFound:             {"RESOURCE_NOT_FOUND", "a request illegally referred to a resource that does not exist"},
	DuplicateResource:            {"DUPLICATE_RESOURCE", "a request illegally referred to the same resource twice"},
	UnacceptableCredential:       {"UNACCEPTABLE_CREDENTIAL", "requested credential would not meet criteria for acceptability"},
	InvalidUpdateVersion:         {"INVALID_UPDATE_VERSION", "the given update version was invalid"},
	FeatureUpdateFailed:          {"FEATURE_UPDATE_FAILED", "unable to update finalized features due to an unexpected server error"},
	MismatchedEndpointType:       {"MISMATCHED_ENDPOINT_TYPE", "the request was sent to an endpoint of the wrong type"},
	UnsupportedEndpointType:      {"UNSUPPORTED_ENDPOINT_TYPE", "this endpoint type is not supported yet"},
	UnknownSubscriptionID:        {"UNKNOWN_SUBSCRIPTION_ID", "client sent a push telemetry request with an invalid or outdated subscription ID"},
	TransactionAbortable:         {"TRANSACTION_ABORTABLE", "the server encountered an error with the transaction; the client can abort the transaction to continue using this transactional id"},
	InvalidRegularExpression:     {"INVALID_REGULAR_EXPRESSION", "the regular expression is not valid"},
}
