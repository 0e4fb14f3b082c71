package api_test

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka"
)

// troubled is a cluster with topic t of two partitions, two records in the first, and faults.
func troubled(t *testing.T, plan string) (*memkafka.Cluster, *client) {
	t.Helper()
	c := newCluster(t, memkafka.WithInitialRebalanceDelay(0))
	if err := c.CreateTopic("t", 2); err != nil {
		t.Fatal(err)
	}
	for _, v := range []string{"0", "1"} {
		if _, err := c.Produce("t", 0, memkafka.Record{Value: []byte(v), Timestamp: memkafka.NoTimestamp}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.SetFaults(plan); err != nil {
		t.Fatal(err)
	}
	return c, dial(t, c, 1)
}

// faults lists the errors in an answer, each with what it is about.
func faults(v reflect.Value, about string) (found []string) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return nil
	}
	for _, name := range []string{"Topic", "Partition", "Group", "Key", "TransactionalID", "ResourceName"} {
		f := v.FieldByName(name)
		if f.IsValid() && f.Kind() == reflect.Pointer && !f.IsNil() {
			f = f.Elem()
		}
		if f.IsValid() && (f.Kind() != reflect.String || f.Len() > 0) && f.Kind() != reflect.Pointer {
			about += fmt.Sprint("/", f)
		}
	}
	if f := v.FieldByName("ErrorCode"); f.IsValid() && f.Int() != 0 {
		found = append(found, strings.TrimSpace(strings.TrimPrefix(about, "/")+" "+kafka.ErrorCode(f.Int()).Name()))
	}
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Slice && v.Type().Field(i).Name != "Brokers" {
			for j := range f.Len() {
				found = append(found, faults(f.Index(j), about)...)
			}
		}
	}
	return found
}

func listingOffsets(partitions ...int32) *kmsg.ListOffsetsRequest {
	r := kmsg.NewPtrListOffsetsRequest()
	topic := kmsg.ListOffsetsRequestTopic{Topic: "t"}
	for _, p := range partitions {
		e := kmsg.NewListOffsetsRequestTopicPartition()
		e.Partition, e.Timestamp = p, -1
		topic.Partitions = append(topic.Partitions, e)
	}
	r.Topics = []kmsg.ListOffsetsRequestTopic{topic}
	return r
}

func reading(partitions ...int32) *kmsg.FetchRequest {
	r := kmsg.NewPtrFetchRequest()
	r.MaxBytes, r.MaxWaitMillis, r.MinBytes = 1<<20, 20_000, 1
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic = "t"
	for _, p := range partitions {
		e := kmsg.NewFetchRequestTopicPartition()
		e.Partition, e.PartitionMaxBytes, e.CurrentLeaderEpoch = p, 1<<20, -1
		topic.Partitions = append(topic.Partitions, e)
	}
	r.Topics = []kmsg.FetchRequestTopic{topic}
	return r
}

func TestFaultsAnswerWithErrors(t *testing.T) {
	name := "t"
	one := func(r kmsg.Request, version int16) kmsg.Request { // a copy
		made := kmsg.RequestForKey(r.Key())
		reflect.ValueOf(made).Elem().Set(reflect.ValueOf(r).Elem())
		made.SetVersion(version)
		return made
	}
	metadata := kmsg.NewPtrMetadataRequest()
	metadata.Topics = []kmsg.MetadataRequestTopic{{Topic: &name}}
	coordinators := kmsg.NewPtrFindCoordinatorRequest()
	coordinators.CoordinatorKey, coordinators.CoordinatorKeys = "g", []string{"g", "h"}
	deleted := kmsg.NewPtrDeleteTopicsRequest()
	deleted.TopicNames, deleted.Topics = []string{"t"}, []kmsg.DeleteTopicsRequestTopic{{Topic: &name}}
	created := kmsg.NewPtrCreateTopicsRequest()
	created.Topics = []kmsg.CreateTopicsRequestTopic{{Topic: "new", NumPartitions: 1, ReplicationFactor: 1}}
	added := kmsg.NewPtrAddPartitionsToTxnRequest()
	added.TransactionalID = "x"
	added.Topics = []kmsg.AddPartitionsToTxnRequestTopic{{Topic: "t", Partitions: []int32{0, 1}}}
	configs := kmsg.NewPtrDescribeConfigsRequest()
	configs.Resources = []kmsg.DescribeConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: "t"}}
	left := kmsg.NewPtrLeaveGroupRequest()
	left.Group, left.Members = "g", []kmsg.LeaveGroupRequestMember{{MemberID: "m"}}
	groups := kmsg.NewPtrDescribeGroupsRequest()
	groups.Groups = []string{"g", "h"}
	ended := kmsg.NewPtrEndTxnRequest()
	ended.TransactionalID = "x"
	began := kmsg.NewPtrInitProducerIDRequest()
	began.TransactionalID = kmsg.StringPtr("x")
	gone := kmsg.NewPtrDeleteGroupsRequest()
	gone.Groups = []string{"g"}
	erased := kmsg.NewPtrDeleteRecordsRequest()
	erased.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: "t", Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: 0, Offset: 1}}}}

	for _, test := range []struct {
		on      string
		request kmsg.Request
		want    string
	}{
		{"produce", one(produceTo("t", [16]byte{}, 0, records("a", "1").Bytes()), 9), "t/0"},
		{"fetch", one(reading(0, 1), 12), "t/0 t/1"},
		{"fetch partition=1", one(reading(0, 1), 12), "t/1"},
		{"list-offsets", one(listingOffsets(0, 1), 6), "t/0 t/1"},
		{"list-offsets partition=1", one(listingOffsets(0, 1), 6), "t/1"},
		{"list-offsets topic=t", one(listingOffsets(0, 1), 2), "t/0 t/1"},
		{"metadata", one(metadata, 9), "t"},
		{"metadata topic=t", one(metadata, 1), "t"},
		{"offset-commit", one(committing("g", "", -1, "t", [16]byte{}, 0, 1), 8), "t/0"},
		{"offset-commit group=g partition=0", one(committing("g", "", -1, "t", [16]byte{}, 0, 1), 8), "t/0"},
		{"offset-fetch", one(fetching("g", "t", [16]byte{}, 0, 1), 7), ""},
		{"offset-fetch", one(fetching("g", "t", [16]byte{}, 0, 1), 8), "g"},
		{"offset-fetch partition=1", one(fetching("g", "t", [16]byte{}, 0, 1), 8), "g/t/1"},
		{"find-coordinator group=g", one(coordinators, 3), ""},
		{"find-coordinator group=g", one(coordinators, 5), "g h"},
		{"join-group", one(joining("g", "", nil), 7), ""},
		{"sync-group", one(syncing("g", "m", 1, nil), 5), ""},
		{"heartbeat", one(beating("g", "m", 1), 4), ""},
		{"leave-group", one(left, 5), ""},
		{"describe-groups group=h", one(groups, 5), "g h"},
		{"delete-groups", one(gone, 2), "g"},
		{"create-topics topic=new", one(created, 7), "new"},
		{"delete-topics", one(deleted, 5), "t"},
		{"delete-topics", one(deleted, 6), "t"},
		{"delete-records", one(erased, 2), "t/0"},
		{"describe-configs topic=t", one(configs, 4), "t"},
		{"init-producer-id transactional-id=x", one(began, 4), ""},
		{"add-partitions-to-txn", one(added, 3), "t/0 t/1"},
		{"end-txn", one(ended, 4), ""},
		{"any", one(ended, 4), ""},
	} {
		var want []string
		for _, about := range strings.Split(test.want, " ") {
			want = append(want, strings.TrimSpace(about+" POLICY_VIOLATION"))
		}
		for _, after := range []string{"", " after-effect"} {
			t.Run(fmt.Sprint(test.on, " v", test.request.GetVersion(), after), func(t *testing.T) {
				_, c := troubled(t, "on "+test.on+" times=1: error POLICY_VIOLATION"+after)
				response := c.receive(test.request, c.send(test.request))
				if got := faults(reflect.ValueOf(response), ""); !slices.Equal(got, want) {
					t.Errorf("the answer has %q, want %q", got, want)
				}
			})
		}
	}
}

func TestFaultsOfPartitionsLeaveTheOthersAlone(t *testing.T) {
	cluster, c := troubled(t, "on produce partition=1: error NOT_LEADER_OR_FOLLOWER\non fetch partition=1: error NOT_LEADER_OR_FOLLOWER")
	r := produceTo("t", [16]byte{}, 0, records("a", "2").Bytes())
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = 1, records("a", "3").Bytes()
	r.Topics[0].Partitions = append(r.Topics[0].Partitions, p)
	answer := ask[*kmsg.ProduceResponse](c, 9, r)
	if got, want := faults(reflect.ValueOf(answer), ""), []string{"t/1 NOT_LEADER_OR_FOLLOWER"}; !slices.Equal(got, want) {
		t.Errorf("the answer has %q, want %q", got, want)
	}
	if n := len(answer.Topics[0].Partitions); len(answer.Topics) != 1 || n != 2 {
		t.Errorf("the answer has %d topics, and %d partitions, want 1 and 2", len(answer.Topics), n)
	}
	for partition, want := range []memkafka.Offset{3, 0} {
		if _, high, err := cluster.Offsets("t", int32(partition)); err != nil || high != want {
			t.Errorf("partition %d ends at %d (%v), want %d", partition, high, err, want)
		}
	}
	fetched := ask[*kmsg.FetchResponse](c, 12, reading(0, 1))
	for _, part := range fetched.Topics[0].Partitions {
		if got := len(part.RecordBatches) > 0; got != (part.Partition == 0) {
			t.Errorf("partition %d has records: %v", part.Partition, got)
		}
	}
}

func TestFaultsOfFetchSessions(t *testing.T) {
	cluster, c := troubled(t, "on fetch partition=0 nth=2: error NOT_LEADER_OR_FOLLOWER")
	r := reading(0, 1)
	r.SessionEpoch = 0
	first := ask[*kmsg.FetchResponse](c, 12, r)
	if first.SessionID == 0 {
		t.Fatal("there is no session")
	}
	next := kmsg.NewPtrFetchRequest()
	next.MaxBytes, next.MaxWaitMillis, next.MinBytes = 1<<20, 20_000, 1
	next.SessionID, next.SessionEpoch = first.SessionID, 1
	second := ask[*kmsg.FetchResponse](c, 12, next)
	if got, want := faults(reflect.ValueOf(second), ""), []string{"t/0 NOT_LEADER_OR_FOLLOWER"}; !slices.Equal(got, want) {
		t.Errorf("the answer has %q, want %q", got, want)
	}
	if missed := cluster.MissedFaults(); missed != nil {
		t.Errorf("missed %q", missed)
	}
}

func TestFaultsOfConnections(t *testing.T) {
	beat := func() kmsg.Request { r := beating("g", "m", 1); r.SetVersion(4); return r }
	for name, test := range map[string]struct {
		plan string
		want []string // what comes after each of three heartbeats
	}{
		"disconnect":              {"on heartbeat nth=2: disconnect", []string{"answer", "closed"}},
		"disconnect after effect": {"on heartbeat nth=2: disconnect after-effect", []string{"answer", "closed"}},
		"drop-request":            {"on heartbeat nth=2: drop-request", []string{"answer", "silence", "silence"}},
		"drop-response":           {"on heartbeat nth=2: drop-response", []string{"answer", "silence", "silence"}},
		"hold-response":           {"on heartbeat nth=2: hold-response", []string{"answer", "silence", "answer before the last"}},
		"delay-response":          {"on heartbeat nth=2: delay-response for=20ms", []string{"answer", "answer", "answer"}},
		"delay-request":           {"on heartbeat nth=2: delay-request for=20ms", []string{"answer", "answer", "answer"}},
		"slow-broker":             {"on heartbeat nth=2: slow-broker by=10ms", []string{"answer", "answer", "answer"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, c := troubled(t, test.plan)
			for i, want := range test.want {
				id := c.send(beat())
				switch want {
				case "answer":
					c.receive(beat(), id)
				case "answer before the last":
					c.receive(beat(), id)
					c.receive(beat(), id-1)
				case "closed":
					c.closed()
				case "silence":
					if err := c.conn.SetReadDeadline(time.Now().Add(30 * time.Millisecond)); err != nil {
						t.Fatal(err)
					}
					if frame, err := c.readFrame(); err == nil {
						t.Errorf("after heartbeat %d there is an answer of %d bytes", i+1, len(frame))
					}
					if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
	}
}

func TestFaultsDuplicateAndLoseProduces(t *testing.T) {
	cluster, c := troubled(t, "on produce nth=1: duplicate times=2\non produce nth=2: drop-response")
	ask[*kmsg.ProduceResponse](c, 9, produceTo("t", [16]byte{}, 1, records("a", "1").Bytes()))
	lost := produceTo("t", [16]byte{}, 1, records("a", "2").Bytes())
	lost.SetVersion(9)
	c.send(lost)
	deadline := time.Now().Add(patience)
	for {
		_, high, err := cluster.Offsets("t", 1)
		if err != nil {
			t.Fatal(err)
		}
		if high == 4 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("partition 1 ends at %d, want 4", high)
		}
		runtime.Gosched()
	}
}

func TestFaultsMoveCoordinators(t *testing.T) {
	cluster := newCluster(t, memkafka.WithBrokers(3))
	before := cluster.GroupCoordinator("g")
	if err := cluster.SetFaults("on heartbeat group=g: move-coordinator"); err != nil {
		t.Fatal(err)
	}
	c := dial(t, cluster, int(before))
	r := ask[*kmsg.HeartbeatResponse](c, 4, beating("g", "m", 1))
	if kafka.ErrorCode(r.ErrorCode) != kafka.NotCoordinator {
		t.Errorf("the heartbeat gave %v, want NOT_COORDINATOR", kafka.ErrorCode(r.ErrorCode))
	}
	after := cluster.GroupCoordinator("g")
	if after == before {
		t.Errorf("the coordinator is still broker %d", after)
	}
	if diff := cmp.Diff([]memkafka.FaultCount{{Fault: "on heartbeat group=g: move-coordinator", Seen: 1, Injected: 1}}, cluster.FaultCounts()); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}
