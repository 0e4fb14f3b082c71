package api

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// describeLogDirs is DescribeLogDirs (KIP-113): how large the replicas are that a broker holds, from version 4 on beside
// the size of the disk (KIP-827). There is one directory, which is no place on any disk, and its sizes are unknown.
var describeLogDirs = serving(35, 1, 5, serveDescribeLogDirs)

// logDir is the directory that this is (log.dirs).
const logDir = "/memkafka"

func serveDescribeLogDirs(c *call, request *kmsg.DescribeLogDirsRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.DescribeLogDirsResponse)
	dir := kmsg.NewDescribeLogDirsResponseDir()
	dir.Dir, dir.TotalBytes, dir.UsableBytes = logDir, -1, -1
	dir.Topics = []kmsg.DescribeLogDirsResponseDirTopic{}
	asked := map[string][]int32{}
	for _, t := range request.Topics {
		asked[t.Topic] = append(asked[t.Topic], t.Partitions...)
	}
	ok := c.do(func(core *cluster.Cluster, _ millis) {
		if !c.mayCluster(core, cluster.Describe) {
			response.ErrorCode = int16(kafka.ClusterAuthorizationFailed)
			return
		}
		for _, name := range core.Topics() {
			partitions, named := asked[name]
			if request.Topics != nil && !named {
				continue
			}
			t := kmsg.DescribeLogDirsResponseDirTopic{Topic: name}
			for _, p := range core.Topic(name).Partitions {
				wanted := request.Topics == nil || slices.Contains(partitions, p.TP.Partition)
				if wanted && slices.Contains(p.Replicas, c.broker.id) {
					t.Partitions = append(t.Partitions, kmsg.DescribeLogDirsResponseDirTopicPartition{Partition: p.TP.Partition, Size: p.Log.Bytes()})
				}
			}
			if len(t.Partitions) > 0 {
				dir.Topics = append(dir.Topics, t)
			}
		}
	})
	if !ok {
		return nil
	}
	if response.ErrorCode != 0 {
		response.Dirs = []kmsg.DescribeLogDirsResponseDir{}
		return response
	}
	response.Dirs = []kmsg.DescribeLogDirsResponseDir{dir}
	return response
}
