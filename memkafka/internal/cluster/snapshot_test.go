package cluster_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/txn"
)

// file is a cluster's snapshot as a file.
func file(t testing.TB, c *cluster.Cluster) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := c.Snapshot().WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func restored(t testing.TB, c *cluster.Cluster, now kafka.Millis) *cluster.Cluster {
	t.Helper()
	s, err := cluster.ReadSnapshot(bytes.NewReader(file(t, c)))
	if err != nil {
		t.Fatal(err)
	}
	r, err := cluster.Restore(now, s, c.Settings().Seed)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// busy is a world with something of everything: an ACL, credentials, quotas, settings, a member, offsets, an open transaction with offsets, a follower that lost
// its leader's tail, and a broker that is down.
func busy(w *world) (memberID string, generation int32, p txn.Producer) {
	memberID, generation = w.member("g\xff") // no UTF-8
	must(w.t, w.commit("g\xff", memberID, generation, 3).Err())
	p = w.init("tx\xff")
	must(w.t, w.write("tx\xff", p, 0, "a", true))
	w.c.TxnOffsetCommit(w.now, "g\xff", "tx\xff", group.TxnCommit{
		Tag: 1, Transaction: group.Transaction{ProducerID: p.ID, ProducerEpoch: p.Epoch}, MemberID: memberID, Generation: generation,
		Offsets: []group.OffsetCommit{{TP: w.p.TP, Offset: 9, LeaderEpoch: -1}},
	}, true)
	w.c.Take()
	w.c.AddACL(cluster.ACL{
		Resource: cluster.TopicResource, Name: "t", Pattern: cluster.Prefixed, Principal: "User:a", Host: "*", Operation: cluster.Read, Permission: cluster.Deny,
	})
	w.c.SetScram("ü", "SCRAM-SHA-256", cluster.ScramCredential{Iterations: 4096, Salt: []byte{0, 255}, StoredKey: []byte{1}, ServerKey: []byte{2}})
	name := "u"
	for _, of := range [][]cluster.QuotaPart{
		{{Type: cluster.QuotaUser, Name: &name}, {Type: cluster.QuotaClientID}}, {{Type: cluster.QuotaClientID}}, {{Type: cluster.QuotaUser}, {Type: cluster.QuotaClientID, Name: &name}},
	} {
		must(w.t, w.c.AlterQuotas(of, []cluster.QuotaOp{{Key: cluster.ProducerByteRate, Value: 1 << 60}, {Key: cluster.RequestPercentage, Value: 0.5}}, false))
	}
	must(w.t, w.c.AlterQuotas([]cluster.QuotaPart{{Type: cluster.QuotaIP}}, []cluster.QuotaOp{{Key: cluster.ConnectionCreationRate, Value: 5}}, false))
	value := "123456"
	must(w.t, w.c.AlterBrokerConfigs(w.now, 0, []cluster.ConfigChange{{Name: "log.retention.ms", Value: &value}}, false))
	must(w.t, w.c.AlterTopicConfigs(w.now, "t", []cluster.ConfigChange{{Name: "segment.ms", Value: &value}}, false))
	must(w.t, w.c.HoldReplication(w.now, w.p.TP, true))
	must(w.t, put(w.c, w.p, w.now, 1, "tail"))
	must(w.t, w.c.BrokerDown(w.now, w.p.Leader))
	return memberID, generation, p
}

func TestARestoredClusterIsTheSame(t *testing.T) {
	inBothWays(t, func(t *testing.T, w *world) {
		memberID, generation, p := busy(w)
		original := w.c
		copied := restored(t, w.c, w.now)
		if diff := cmp.Diff(original.Snapshot(), copied.Snapshot(), cmpopts.IgnoreFields(cluster.Snapshot{}, "TxnEpoch"),
			cmpopts.IgnoreUnexported(cluster.Snapshot{}), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("snapshots (-original +restored):\n%s", diff)
		}
		if diff := cmp.Diff(original.Group("g\xff").Describe(), copied.Group("g\xff").Describe()); diff != "" {
			t.Errorf("group (-original +restored):\n%s", diff)
		}
		// Both give the same answers from here on.
		var answers [2][]any
		for i, c := range []*cluster.Cluster{original, copied} {
			w.c, w.p = c, c.Partition("t", 0)
			note := func(a any) { answers[i] = append(answers[i], a) }
			note(w.commit("g\xff", memberID, generation, 4))
			note(ask[txn.EndTxnResponse](w, txn.EndTxn{Tag: 1, TransactionalID: "tx\xff", Producer: p, Commit: true, V2: true}))
			note(c.Group("g\xff").Offsets())
			note(w.read(true))
			note(w.init("other"))
			join := groupAsk[group.JoinResponse](w, "h", group.Join{Tag: 1, ClientID: "c", ProtocolType: "consumer", SessionTimeout: 10_000, Protocols: []group.Protocol{{Name: "x"}}})
			note(join)
			topic, err := c.CreateTopic(cluster.TopicSpec{Name: "new", Partitions: 2})
			must(t, err)
			note(topic.ID)
			must(t, c.BrokerUp(w.now, 1))
			must(t, c.BrokerUp(w.now, 2))
			must(t, c.BrokerUp(w.now, 3))
			note(w.read(false))
			c.Fire(w.now + 40_000)
			note(shape(c.PartitionMetadata(w.p)).String())
			note(c.Group("g\xff").State())
			at, set := c.NextTimer()
			note(at)
			note(set)
		}
		if diff := cmp.Diff(answers[0], answers[1], cmpopts.IgnoreUnexported()); diff != "" {
			t.Errorf("answers (-original +restored):\n%s", diff)
		}
	})
}

func TestSnapshotsThatAreNone(t *testing.T) {
	w := newWorld(t, nil)
	must(t, put(w.c, w.p, w.now, 1, "a"))
	good := file(t, w.c)
	change := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(good)) }
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"empty":          {nil, "it does not begin with"},
		"something else": {[]byte("PK\x03\x04 and so on, long enough to be read"), "it does not begin with"},
		"cut short":      {good[:30], "it is cut short after 30 bytes"},
		"a later cut":    {good[:len(good)-1], "the file is damaged or cut short"},
		"a flipped bit":  {change(func(b []byte) []byte { b[len(b)/2] ^= 1; return b }), "the file is damaged"},
		"version 9":      {change(func(b []byte) []byte { b[11] = 9; return b }), "it has version 9, this build reads version 1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := cluster.ReadSnapshot(bytes.NewReader(c.file))
			if !errors.Is(err, cluster.ErrSnapshot) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
	for name, c := range map[string]struct {
		spoil func(s *cluster.Snapshot)
		want  string
	}{
		"no brokers":         {func(s *cluster.Snapshot) { s.Settings.Brokers = 0 }, "brokers is 0"},
		"a broker too many":  {func(s *cluster.Snapshot) { s.Down = []int32{7} }, "broker 7 does not exist"},
		"a topic's id":       {func(s *cluster.Snapshot) { s.Topics[0].ID = nil }, "its id has 0 bytes"},
		"a topic twice":      {func(s *cluster.Snapshot) { s.Topics = append(s.Topics, s.Topics[0]) }, "already exists"},
		"a setting":          {func(s *cluster.Snapshot) { s.Topics[0].Configs = map[string]string{"x": "y"} }, "x"},
		"a leader elsewhere": {func(s *cluster.Snapshot) { s.Topics[0].Partitions[0].Leader = 5 }, "leader 5 is down or not in sync"},
		"no replicas":        {func(s *cluster.Snapshot) { s.Topics[0].Partitions[0].Replicas = nil }, "replicas are []"},
		"a log":              {func(s *cluster.Snapshot) { s.Topics[0].Partitions[0].Log.HighWatermark = 5 }, "high watermark 5"},
		"segments":           {func(s *cluster.Snapshot) { s.Topics[0].Partitions[0].Log.Segments[0].Base = 8 }, "segment 8"},
		"epochs":             {func(s *cluster.Snapshot) { s.Topics[0].Partitions[0].Log.Epochs[0].Start = 8 }, "leader epoch 0 at 8"},
		"chance":             {func(s *cluster.Snapshot) { s.Chance = nil }, "streams of chance"},
		"transactions":       {func(s *cluster.Snapshot) { s.Transactions = []kafka.Record{{Key: []byte{0, 0, 0}}} }, "key"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := cluster.ReadSnapshot(bytes.NewReader(good))
			must(t, err)
			c.spoil(s)
			_, err = cluster.Restore(w.now, s, 0)
			if !errors.Is(err, cluster.ErrSnapshot) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// FuzzRestore changes what stands between the version and the checksum, which is made to fit.
func FuzzRestore(f *testing.F) {
	const prefix = 12 // magic and version
	w := newWorld(f, func(s *cluster.Settings) { s.Brokers, s.DefaultReplication, s.Group.InitialRebalanceDelay = 3, 3, 0 })
	busy(w)
	for _, c := range []*cluster.Cluster{w.c, cluster.New(cluster.DefaultSettings())} {
		good := file(f, c)
		f.Add(good[prefix : len(good)-sha256.Size])
	}
	f.Fuzz(func(t *testing.T, middle []byte) {
		body := append(binary.BigEndian.AppendUint32([]byte("gokasim\x00"), 1), middle...)
		sum := sha256.Sum256(body)
		s, err := cluster.ReadSnapshot(bytes.NewReader(append(body, sum[:]...)))
		if err != nil {
			if !errors.Is(err, cluster.ErrSnapshot) {
				t.Errorf("error %v does not wrap ErrSnapshot", err)
			}
			return
		}
		c, err := cluster.Restore(1_000_000, s, s.Settings.Seed)
		if err != nil {
			if !errors.Is(err, cluster.ErrSnapshot) {
				t.Errorf("error %v does not wrap ErrSnapshot", err)
			}
			return
		}
		// What was accepted can be used and written again.
		for _, name := range c.Topics() {
			for _, p := range c.Topic(name).Partitions {
				if _, _, err := p.Log.ReadInto(nil, p.Log.LogStart(), 10, true); err != nil {
					t.Errorf("%s: %v", p.TP, err)
				}
			}
		}
		restored(t, c, 1_000_000)
	})
}
