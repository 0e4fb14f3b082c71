package api_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/memkafka"
)

// TestLeadersMoveWhileOthersSaySo moves the leader all the time while a broker that may not lead says who does: answers tell
// what was true when the request was looked at. It is for the race detector.
func TestLeadersMoveWhileOthersSaySo(t *testing.T) {
	cluster := newCluster(t, memkafka.WithBrokers(2))
	if err := cluster.CreateTopic("t", 1, memkafka.WithReplication(2)); err != nil {
		t.Fatal(err)
	}
	c := dial(t, cluster, 1)
	asked := reading(0)
	asked.Topics[0].TopicID = topicID(t, c, "t")
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := cluster.MoveLeader("t", 0, 0); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for range 200 {
		ask[*kmsg.ProduceResponse](c, 10, produceTo("t", [16]byte{}, 0, records("a", "1").Bytes()))
		ask[*kmsg.FetchResponse](c, 16, asked)
	}
	close(stop)
	<-stopped
}
