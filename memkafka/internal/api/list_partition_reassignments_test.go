package api_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestListPartitionReassignments asks where there are none.
func TestListPartitionReassignments(t *testing.T) {
	transcript(t, func(s *script) {
		say[*kmsg.ListPartitionReassignmentsResponse](s, "all reassignments", 0, kmsg.NewPtrListPartitionReassignmentsRequest())
		topic := kmsg.NewListPartitionReassignmentsRequestTopic()
		topic.Topic, topic.Partitions = "nowhere", []int32{0}
		some := kmsg.NewPtrListPartitionReassignmentsRequest()
		some.Topics = append(some.Topics, topic)
		say[*kmsg.ListPartitionReassignmentsResponse](s, "those of a topic that is not there", 0, some)
	})
}
