package goka

import "errors"

// Errors that callers may want to tell apart, with errors.Is.
var (
	// ErrEmitterAlreadyClosed reports an emit on an emitter, or a producer, that was finished.
	ErrEmitterAlreadyClosed error = errors.New("emitter already closed")

	// ErrVisitAborted reports a VisitAll that a rebalance or a shutdown ended.
	ErrVisitAborted error = errors.New("VisitAll aborted due to context cancel or rebalance")

	// ErrNotCopartitioned reports inputs, joins, loop and table of a group with different numbers of partitions.
	ErrNotCopartitioned = errors.New("topics are not copartitioned")

	// ErrTopicNotFound reports a topic that the cluster does not have.
	ErrTopicNotFound = errors.New("requested topic was not found")

	// ErrTopicMismatch reports a topic that exists and is not as it has to be.
	ErrTopicMismatch = errors.New("topic is not as configured")

	// ErrNotRunning reports a read of a table that is not ready to be read: not started, recovering or stopped.
	ErrNotRunning = errors.New("it is not safe to read values")

	// ErrNotAssigned reports a read of a partition that this instance of the group does not have.
	ErrNotAssigned = errors.New("partition is not assigned")

	// ErrInvalidGraph reports a group graph that contradicts itself.
	ErrInvalidGraph = errors.New("invalid group graph")
)
