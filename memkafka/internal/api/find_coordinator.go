package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// findCoordinator is FindCoordinator: which broker looks after a group or, from version 1 on, a transactional id. From
// version 4 on several are asked for at once (KIP-699). Share groups (version 6, KIP-932) are not served.
var findCoordinator = serving(10, 0, 6, serveFindCoordinator)

// Types of coordinators.
const (
	coordinatesGroup       = 0
	coordinatesTransaction = 1
)

func serveFindCoordinator(c *call, request *kmsg.FindCoordinatorRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.FindCoordinatorResponse)
	keys := request.CoordinatorKeys
	if c.version < 4 {
		keys = []string{request.CoordinatorKey}
	}
	found := make([]kmsg.FindCoordinatorResponseCoordinator, len(keys))
	ok := c.do(func(core *cluster.Cluster, _ millis) {
		for i, key := range keys {
			found[i] = c.coordinator(core, request.CoordinatorType, key)
		}
	})
	if !ok {
		return nil
	}
	if c.version >= 4 {
		response.Coordinators = found
		return response
	}
	f := found[0]
	if f.ErrorMessage != nil && *f.ErrorMessage == "" {
		f.ErrorMessage = nil
	}
	if f.ErrorCode == 0 && c.version >= 1 {
		f.ErrorMessage = kmsg.StringPtr("NONE")
	}
	response.ErrorCode, response.ErrorMessage, response.NodeID, response.Host, response.Port = f.ErrorCode, f.ErrorMessage, f.NodeID, f.Host, f.Port
	return response
}

func (c *call) coordinator(core *cluster.Cluster, kind int8, key string) kmsg.FindCoordinatorResponseCoordinator {
	r := kmsg.NewFindCoordinatorResponseCoordinator()
	r.Key, r.NodeID, r.Port, r.ErrorMessage = key, -1, -1, kmsg.StringPtr("")
	var id int32
	switch kind {
	case coordinatesGroup:
		r.ErrorCode = int16(c.mayGroup(core, cluster.Describe, key))
		id = core.GroupCoordinator(key)
	case coordinatesTransaction:
		r.ErrorCode = int16(c.mayTransact(core, cluster.Describe, key))
		id = core.TransactionCoordinator(key)
	default:
		r.ErrorCode, r.ErrorMessage = int16(kafka.InvalidRequest), kmsg.StringPtr(malformed)
		return r
	}
	if r.ErrorCode != 0 {
		return r
	}
	for _, n := range c.nodes(core, func(n int32) bool { return n == id }) {
		r.NodeID, r.Host, r.Port = n.ID, n.Host, n.Port
		return r
	}
	r.ErrorCode = int16(kafka.CoordinatorNotAvailable)
	return r
}
