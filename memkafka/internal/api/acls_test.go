package api_test

import (
	"net"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka"
)

func rule(kind kmsg.ACLResourceType, name string, pattern kmsg.ACLResourcePatternType, principal string, op kmsg.ACLOperation, permission kmsg.ACLPermissionType) kmsg.CreateACLsRequestCreation {
	return kmsg.CreateACLsRequestCreation{
		ResourceType: kind, ResourceName: name, ResourcePatternType: pattern, Principal: principal, Host: "*", Operation: op, PermissionType: permission,
	}
}

func ruling(rules ...kmsg.CreateACLsRequestCreation) *kmsg.CreateACLsRequest {
	r := kmsg.NewPtrCreateACLsRequest()
	r.Creations = rules
	return r
}

const (
	literal  = kmsg.ACLResourcePatternTypeLiteral
	prefixed = kmsg.ACLResourcePatternTypePrefixed
	allow    = kmsg.ACLPermissionTypeAllow
	deny     = kmsg.ACLPermissionTypeDeny
)

// TestACLs is recorded with authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer and
// super.users=User:ANONYMOUS.
func TestACLs(t *testing.T) {
	transcript(t, func(s *script) {
		for v := int16(1); v <= 3; v++ {
			principal := "User:v" + string(rune('0'+v))
			say[*kmsg.CreateACLsResponse](s, "two rules", v, ruling(
				rule(kmsg.ACLResourceTypeTopic, "orders", literal, principal, kmsg.ACLOperationRead, allow),
				rule(kmsg.ACLResourceTypeGroup, "or", prefixed, principal, kmsg.ACLOperationAll, deny),
			))
			until(s, v, func() kmsg.Request { return about(principal) }, func(r *kmsg.DescribeACLsResponse) bool { return len(r.Resources) == 2 })
			say[*kmsg.DescribeACLsResponse](s, "described", v, about(principal))
			match := about(principal)
			name := "orders-archive"
			match.ResourceName, match.ResourcePatternType = &name, kmsg.ACLResourcePatternTypeMatch
			say[*kmsg.DescribeACLsResponse](s, "those that concern a name", v, match)
			drop := kmsg.NewPtrDeleteACLsRequest()
			filter := kmsg.NewDeleteACLsRequestFilter()
			filter.ResourceType, filter.ResourcePatternType = kmsg.ACLResourceTypeTopic, kmsg.ACLResourcePatternTypeAny
			filter.Principal, filter.Operation, filter.PermissionType = &principal, kmsg.ACLOperationAny, kmsg.ACLPermissionTypeAny
			drop.Filters = append(drop.Filters, filter)
			say[*kmsg.DeleteACLsResponse](s, "those about topics are deleted", v, drop)
			until(s, v, func() kmsg.Request { return about(principal) }, func(r *kmsg.DescribeACLsResponse) bool { return len(r.Resources) == 1 })
			say[*kmsg.DescribeACLsResponse](s, "what is left", v, about(principal))
		}
		say[*kmsg.CreateACLsResponse](s, "rules that are none", 3, ruling(
			rule(kmsg.ACLResourceTypeTopic, "", literal, "User:a", kmsg.ACLOperationRead, allow),
			rule(kmsg.ACLResourceTypeTopic, "a", literal, "a", kmsg.ACLOperationRead, allow),
			rule(kmsg.ACLResourceTypeCluster, "a", literal, "User:a", kmsg.ACLOperationRead, allow),
		))
	}, memkafka.WithAuthorizer("User:ANONYMOUS"))
}

func about(principal string) *kmsg.DescribeACLsRequest {
	r := kmsg.NewPtrDescribeACLsRequest()
	r.ResourceType, r.ResourcePatternType = kmsg.ACLResourceTypeAny, kmsg.ACLResourcePatternTypeAny
	r.Principal, r.Operation, r.PermissionType = &principal, kmsg.ACLOperationAny, kmsg.ACLPermissionTypeAny
	return r
}

// as connects to a broker and logs a user in.
func as(t *testing.T, addr, user string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, conn)
	shake := kmsg.NewPtrSASLHandshakeRequest()
	shake.Mechanism = "PLAIN"
	if r := ask[*kmsg.SASLHandshakeResponse](c, 1, shake); r.ErrorCode != 0 {
		t.Fatalf("handshake: error %d", r.ErrorCode)
	}
	login := kmsg.NewPtrSASLAuthenticateRequest()
	login.SASLAuthBytes = []byte("\x00" + user + "\x00secret")
	if r := ask[*kmsg.SASLAuthenticateResponse](c, 2, login); r.ErrorCode != 0 {
		t.Fatalf("login: %s", *r.ErrorMessage)
	}
	return c
}

// TestACLsSayWhoMayDoWhat asks everything that needs a permission, as somebody who has none and as somebody who has it.
func TestACLsSayWhoMayDoWhat(t *testing.T) {
	cluster := newCluster(t, memkafka.WithAuthorizer("User:admin"), memkafka.WithUser("admin", "secret"), memkafka.WithUser("alice", "secret"), memkafka.WithUser("bob", "secret"), memkafka.WithInitialRebalanceDelay(0))
	l, err := cluster.Listen("127.0.0.1:0", memkafka.WithSASL("PLAIN"))
	if err != nil {
		t.Fatal(err)
	}
	admin, alice, bob := as(t, l.Addrs()[0], "admin"), as(t, l.Addrs()[0], "alice"), as(t, l.Addrs()[0], "bob")
	if err := cluster.CreateTopic("orders", 1); err != nil {
		t.Fatal(err)
	}
	topicID := (&script{client: admin}).known("orders")
	granted := ask[*kmsg.CreateACLsResponse](admin, 3, ruling(
		rule(kmsg.ACLResourceTypeTopic, "ord", prefixed, "User:alice", kmsg.ACLOperationAll, allow),
		rule(kmsg.ACLResourceTypeGroup, "group", literal, "User:alice", kmsg.ACLOperationAll, allow),
		rule(kmsg.ACLResourceTypeTransactionalId, "txn", literal, "User:alice", kmsg.ACLOperationAll, allow),
		rule(kmsg.ACLResourceTypeCluster, "kafka-cluster", literal, "User:alice", kmsg.ACLOperationAll, allow),
		rule(kmsg.ACLResourceTypeTopic, "*", literal, "User:*", kmsg.ACLOperationRead, deny),
	))
	for _, r := range granted.Results {
		if r.ErrorCode != 0 {
			t.Fatalf("rules: %+v", granted.Results)
		}
	}
	topicDenied, groupDenied, txnDenied, clusterDenied := int16(kafka.TopicAuthorizationFailed), int16(kafka.GroupAuthorizationFailed), int16(kafka.TransactionalIDAuthFailed), int16(kafka.ClusterAuthorizationFailed)

	id := "txn"
	init := kmsg.NewPtrInitProducerIDRequest()
	init.TransactionalID, init.TransactionTimeoutMillis = &id, 1000
	addOffsets := kmsg.NewPtrAddOffsetsToTxnRequest()
	addOffsets.TransactionalID, addOffsets.Group, addOffsets.ProducerID = id, "group", 0
	leave := kmsg.NewPtrLeaveGroupRequest()
	leave.Group, leave.Members = "group", []kmsg.LeaveGroupRequestMember{{MemberID: "x"}}
	describeGroup := kmsg.NewPtrDescribeGroupsRequest()
	describeGroup.Groups = []string{"group"}
	deleteGroup := kmsg.NewPtrDeleteGroupsRequest()
	deleteGroup.Groups = []string{"group"}
	logDirs := kmsg.NewPtrDescribeLogDirsRequest()
	elect := kmsg.NewPtrElectLeadersRequest()
	grow := kmsg.NewPtrCreatePartitionsRequest()
	grow.Topics = []kmsg.CreatePartitionsRequestTopic{{Topic: "orders", Count: 1}}
	cut := kmsg.NewPtrDeleteRecordsRequest()
	cut.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: "orders", Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{}}}}
	alter := kmsg.NewPtrAlterConfigsRequest()
	alter.Resources = []kmsg.AlterConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: "orders"}}
	change := kmsg.NewPtrIncrementalAlterConfigsRequest()
	change.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeBroker}}
	epoch := kmsg.NewPtrOffsetForLeaderEpochRequest()
	epoch.Topics = []kmsg.OffsetForLeaderEpochRequestTopic{{Topic: "orders", Partitions: []kmsg.OffsetForLeaderEpochRequestTopicPartition{{CurrentLeaderEpoch: -1}}}}
	producers := kmsg.NewPtrDescribeProducersRequest()
	producers.Topics = []kmsg.DescribeProducersRequestTopic{{Topic: "orders", Partitions: []int32{0}}}
	transactions := kmsg.NewPtrDescribeTransactionsRequest()
	transactions.TransactionalIDs = []string{"txn"}
	markers := kmsg.NewPtrWriteTxnMarkersRequest()
	markers.Markers = []kmsg.WriteTxnMarkersRequestMarker{{Topics: []kmsg.WriteTxnMarkersRequestMarkerTopic{{Topic: "orders", Partitions: []int32{0}}}}}
	scram := kmsg.NewPtrDescribeUserSCRAMCredentialsRequest()
	reset := kmsg.NewPtrOffsetDeleteRequest()
	reset.Group = "group"
	partitions := kmsg.NewPtrDescribeTopicPartitionsRequest()
	partitions.Topics = []kmsg.DescribeTopicPartitionsRequestTopic{{Topic: "orders"}}
	resources := kmsg.NewPtrListConfigResourcesRequest()
	commit := kmsg.NewPtrTxnOffsetCommitRequest()
	commit.TransactionalID, commit.Group = "txn", "group"
	commit.Topics = []kmsg.TxnOffsetCommitRequestTopic{{Topic: "orders", Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{{}}}}

	for _, tc := range []struct {
		name    string
		version int16
		request kmsg.Request
		denied  int16
		code    func(r kmsg.Response) int16
	}{
		{"Produce", 9, produceTo("orders", topicID, 0, records("a", "1").Bytes()), topicDenied, func(r kmsg.Response) int16 {
			return r.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode
		}},
		{"Produce in a transaction", 9, transactionally("txn", "orders", topicID, from(records("a", "1"), 77, 0, 0)), txnDenied, func(r kmsg.Response) int16 {
			return r.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode
		}},
		{"ListOffsets", 7, offsetsOf("orders", 0, -1), topicDenied, func(r kmsg.Response) int16 {
			return r.(*kmsg.ListOffsetsResponse).Topics[0].Partitions[0].ErrorCode
		}},
		{"Metadata", 12, metadataOf(false, "orders"), topicDenied, func(r kmsg.Response) int16 {
			return r.(*kmsg.MetadataResponse).Topics[0].ErrorCode
		}},
		{"DescribeTopicPartitions", 0, partitions, topicDenied, func(r kmsg.Response) int16 {
			return r.(*kmsg.DescribeTopicPartitionsResponse).Topics[0].ErrorCode
		}},
		{"FindCoordinator of a group", 4, coordinatorOf(0, "group"), groupDenied, func(r kmsg.Response) int16 {
			return r.(*kmsg.FindCoordinatorResponse).Coordinators[0].ErrorCode
		}},
		{"FindCoordinator of a transactional id", 4, coordinatorOf(1, "txn"), txnDenied, func(r kmsg.Response) int16 {
			return r.(*kmsg.FindCoordinatorResponse).Coordinators[0].ErrorCode
		}},
		{"JoinGroup", 5, joining("group", "", nil), groupDenied, func(r kmsg.Response) int16 { return r.(*kmsg.JoinGroupResponse).ErrorCode }},
		{"SyncGroup", 5, syncing("group", "x", 1, nil), groupDenied, func(r kmsg.Response) int16 { return r.(*kmsg.SyncGroupResponse).ErrorCode }},
		{"Heartbeat", 4, beating("group", "x", 1), groupDenied, func(r kmsg.Response) int16 { return r.(*kmsg.HeartbeatResponse).ErrorCode }},
		{"LeaveGroup", 5, leave, groupDenied, func(r kmsg.Response) int16 { return r.(*kmsg.LeaveGroupResponse).ErrorCode }},
		{"ConsumerGroupHeartbeat", 1, heartbeatOf("group", "x", 0, "orders"), topicDenied, func(r kmsg.Response) int16 {
			return r.(*kmsg.ConsumerGroupHeartbeatResponse).ErrorCode
		}},
		{"ConsumerGroupDescribe", 1, describingConsumers("group"), groupDenied, func(r kmsg.Response) int16 {
			return r.(*kmsg.ConsumerGroupDescribeResponse).Groups[0].ErrorCode
		}},
		{"OffsetFetch", 8, fetching("group", "orders", topicID, 0), groupDenied, func(r kmsg.Response) int16 {
			return r.(*kmsg.OffsetFetchResponse).Groups[0].ErrorCode
		}},
		{"DescribeGroups", 5, describeGroup, groupDenied, func(r kmsg.Response) int16 { return r.(*kmsg.DescribeGroupsResponse).Groups[0].ErrorCode }},
		{"DeleteGroups", 2, deleteGroup, groupDenied, func(r kmsg.Response) int16 { return r.(*kmsg.DeleteGroupsResponse).Groups[0].ErrorCode }},
		{"OffsetDelete", 0, reset, groupDenied, func(r kmsg.Response) int16 { return r.(*kmsg.OffsetDeleteResponse).ErrorCode }},
		{"CreateTopics", 7, creating(topicSpec("orders-2", 1, 1)), topicDenied, func(r kmsg.Response) int16 { return r.(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode }},
		{"DeleteTopics", 5, deleting("orders-2"), topicDenied, func(r kmsg.Response) int16 { return r.(*kmsg.DeleteTopicsResponse).Topics[0].ErrorCode }},
		{"CreatePartitions", 3, grow, topicDenied, func(r kmsg.Response) int16 { return r.(*kmsg.CreatePartitionsResponse).Topics[0].ErrorCode }},
		{"DeleteRecords", 2, cut, topicDenied, func(r kmsg.Response) int16 { return r.(*kmsg.DeleteRecordsResponse).Topics[0].Partitions[0].ErrorCode }},
		{"DescribeConfigs of a topic", 4, describing(kmsg.ConfigResourceTypeTopic, "orders"), topicDenied, func(r kmsg.Response) int16 {
			return r.(*kmsg.DescribeConfigsResponse).Resources[0].ErrorCode
		}},
		{"DescribeConfigs of brokers", 4, describing(kmsg.ConfigResourceTypeBroker, ""), clusterDenied, func(r kmsg.Response) int16 {
			return r.(*kmsg.DescribeConfigsResponse).Resources[0].ErrorCode
		}},
		{"AlterConfigs", 2, alter, topicDenied, func(r kmsg.Response) int16 { return r.(*kmsg.AlterConfigsResponse).Resources[0].ErrorCode }},
		{"IncrementalAlterConfigs", 1, change, clusterDenied, func(r kmsg.Response) int16 { return r.(*kmsg.IncrementalAlterConfigsResponse).Resources[0].ErrorCode }},
		{"ListConfigResources", 1, resources, clusterDenied, func(r kmsg.Response) int16 { return r.(*kmsg.ListConfigResourcesResponse).ErrorCode }},
		{"DescribeLogDirs", 4, logDirs, clusterDenied, func(r kmsg.Response) int16 { return r.(*kmsg.DescribeLogDirsResponse).ErrorCode }},
		{"ElectLeaders", 2, elect, clusterDenied, func(r kmsg.Response) int16 { return r.(*kmsg.ElectLeadersResponse).ErrorCode }},
		{"OffsetForLeaderEpoch", 4, epoch, topicDenied, func(r kmsg.Response) int16 {
			return r.(*kmsg.OffsetForLeaderEpochResponse).Topics[0].Partitions[0].ErrorCode
		}},
		{"InitProducerId", 4, init, txnDenied, func(r kmsg.Response) int16 { return r.(*kmsg.InitProducerIDResponse).ErrorCode }},
		{"InitProducerId without a transaction", 4, kmsg.NewPtrInitProducerIDRequest(), clusterDenied, func(r kmsg.Response) int16 { return r.(*kmsg.InitProducerIDResponse).ErrorCode }},
		{"AddPartitionsToTxn", 3, adding("txn", 0, 0, "orders", 0), topicDenied, func(r kmsg.Response) int16 {
			return r.(*kmsg.AddPartitionsToTxnResponse).Topics[0].Partitions[0].ErrorCode
		}},
		{"AddOffsetsToTxn", 3, addOffsets, groupDenied, func(r kmsg.Response) int16 { return r.(*kmsg.AddOffsetsToTxnResponse).ErrorCode }},
		{"EndTxn", 3, ending("txn", 0, 0, true), txnDenied, func(r kmsg.Response) int16 { return r.(*kmsg.EndTxnResponse).ErrorCode }},
		{"DescribeTransactions", 0, transactions, txnDenied, func(r kmsg.Response) int16 {
			return r.(*kmsg.DescribeTransactionsResponse).TransactionStates[0].ErrorCode
		}},
		{"WriteTxnMarkers", 1, markers, clusterDenied, func(r kmsg.Response) int16 {
			return r.(*kmsg.WriteTxnMarkersResponse).Markers[0].Topics[0].Partitions[0].ErrorCode
		}},
		{"DescribeAcls", 3, about("User:alice"), clusterDenied, func(r kmsg.Response) int16 { return r.(*kmsg.DescribeACLsResponse).ErrorCode }},
		{"CreateAcls", 3, ruling(rule(kmsg.ACLResourceTypeTopic, "x", literal, "User:x", kmsg.ACLOperationRead, allow)), clusterDenied, func(r kmsg.Response) int16 {
			return r.(*kmsg.CreateACLsResponse).Results[0].ErrorCode
		}},
		{"DescribeUserScramCredentials", 0, scram, clusterDenied, func(r kmsg.Response) int16 { return r.(*kmsg.DescribeUserSCRAMCredentialsResponse).ErrorCode }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.request.SetVersion(tc.version)
			alice.t, bob.t = t, t
			if code := tc.code(bob.receive(tc.request, bob.send(tc.request))); code != tc.denied {
				t.Errorf("without a rule: %s, want %s", kafka.ErrorCode(code).Name(), kafka.ErrorCode(tc.denied).Name())
			}
			if code := tc.code(alice.receive(tc.request, alice.send(tc.request))); code == topicDenied || code == groupDenied || code == txnDenied || code == clusterDenied {
				t.Errorf("with a rule that allows: %s", kafka.ErrorCode(code).Name())
			}
		})
	}
	// Reading is denied to everybody, whatever allows it.
	for name, c := range map[string]*client{"alice": alice, "bob": bob} {
		c.t = t
		if code := ask[*kmsg.FetchResponse](c, 12, fetchFrom("orders", topicID, 0)).Topics[0].Partitions[0].ErrorCode; code != topicDenied {
			t.Errorf("%s reads: %s", name, kafka.ErrorCode(code).Name())
		}
		if code := ask[*kmsg.TxnOffsetCommitResponse](c, 3, commit).Topics[0].Partitions[0].ErrorCode; code != topicDenied {
			t.Errorf("%s commits offsets: %s", name, kafka.ErrorCode(code).Name())
		}
	}
	admin.t = t
	if code := ask[*kmsg.FetchResponse](admin, 12, fetchFrom("orders", topicID, 0)).Topics[0].Partitions[0].ErrorCode; code != 0 {
		t.Errorf("the super user reads: %s", kafka.ErrorCode(code).Name())
	}
}
