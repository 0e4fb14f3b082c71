package goka

import (
	"fmt"
	"strings"
)

// MessageError is the failure of one message, as errors.As finds it in what Run, Error and WaitForReady return: its
// callback failed, its value could not be decoded, or something that it caused did not succeed. The message is not
// committed, so that it is delivered again.
type MessageError struct {
	Topic     Stream // of the message; empty for a visit
	Visitor   string // the name of the visitor, empty for a message
	Partition int32  // of the message, or of the visited row
	Offset    int64  // of the message; -1 for a visit
	Key       string // of the message, or of the visited row
	Err       error  // what went wrong
}

// Error names the cause and the message, without its value.
func (e *MessageError) Error() string {
	text := fmt.Sprintf("error processing message (partition=%d): %v", e.Partition, e.Err)
	gap := " "
	if strings.HasSuffix(text, "\n") { // the frames of a panic
		gap = ""
	}
	if e.Visitor != "" {
		return fmt.Sprintf("%s%s(visitor %s, key %q)", text, gap, e.Visitor, e.Key)
	}
	return fmt.Sprintf("%s%s(topic %s, offset %d, key %q)", text, gap, e.Topic, e.Offset, e.Key)
}

// Unwrap returns the cause.
func (e *MessageError) Unwrap() error { return e.Err }

// messageError is the failure of m because of err.
func (r *partitionRun) messageError(m *inflight, err error) error {
	e := &MessageError{Partition: r.pp.partition, Offset: m.offset, Key: m.key, Err: err}
	if m.visit != nil {
		e.Visitor, e.Offset = m.visit.name, -1
	} else {
		e.Topic = Stream(m.lane.topic)
	}
	return e
}
