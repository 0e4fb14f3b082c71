package group

import "github.com/gokasim/gokasim/internal/kafka"

// AssignedTo lists the partitions that a member may work on, sorted; nil when its assignment is not a consumer's.
func (g *Group) AssignedTo(m MemberDescription) []kafka.TopicPartition {
	if m.Assigned != nil {
		return g.Named(m.Assigned)
	}
	list, err := decodeAssignment(m.Assignment)
	if err != nil {
		return nil
	}
	return list
}
