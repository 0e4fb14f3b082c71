package java

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gokasim/gokasim/parity/clients/internal/rig"
)

func numbered(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "k%d:v%d\n", i, i)
	}
	return b.String()
}

// lines are the lines of a text, sorted.
func lines(text string) []string {
	return slices.Sorted(strings.SplitSeq(strings.TrimSpace(text), "\n"))
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// fill has the console producer write n records into a topic.
func (b toolbox) fill(t *testing.T, topic string, n int) {
	t.Helper()
	b.feed(t, numbered(0, n), "kafka-console-producer", "--topic", topic, "--reader-property", "parse.key=true", "--reader-property", "key.separator=:")
}

func TestTopics(t *testing.T) {
	rig.Each(t, func(t *testing.T, broker rig.Broker) {
		b, topic := toolbox{broker: broker}, rig.Name("topics")
		b.say(t, []string{"Created topic " + topic}, "kafka-topics", "--create", "--topic", topic, "--partitions", "3", "--config", "cleanup.policy=compact")
		b.say(t, []string{"Topic '" + topic + "' already exists"}, "kafka-topics", "--create", "--topic", topic)
		b.run(t, "kafka-topics", "--create", "--topic", topic, "--if-not-exists")
		b.say(t, []string{"Unknown topic config name: nonsense"}, "kafka-topics", "--create", "--topic", rig.Name("topics"), "--config", "nonsense=1")
		b.say(t, []string{"The target replication factor of 9 cannot be reached because only "}, "kafka-topics", "--create", "--topic", rig.Name("topics"), "--replication-factor", "9")
		if all := lines(b.run(t, "kafka-topics", "--list")); !slices.Contains(all, topic) {
			t.Errorf("topics %q, no %s", all, topic)
		}
		b.say(t, []string{"PartitionCount: 3 ReplicationFactor: 1", "cleanup.policy=compact", "Partition: 2 Leader: ", "Elr:"}, "kafka-topics", "--describe", "--topic", topic)
		b.run(t, "kafka-topics", "--alter", "--topic", topic, "--partitions", "5")
		b.say(t, []string{"currently has 5 partition(s); 4 would not be an increase"}, "kafka-topics", "--alter", "--topic", topic, "--partitions", "4")
		b.say(t, []string{"PartitionCount: 5"}, "kafka-topics", "--describe", "--topic", topic)
		b.run(t, "kafka-topics", "--describe", "--under-replicated-partitions")
		b.run(t, "kafka-topics", "--delete", "--topic", topic)
		b.say(t, []string{"Topic '" + topic + "' does not exist as expected"}, "kafka-topics", "--describe", "--topic", topic)
	})
}

func TestConsole(t *testing.T) {
	rig.Each(t, func(t *testing.T, broker rig.Broker) {
		b, topic := toolbox{broker: broker}, rig.Name("console")
		b.run(t, "kafka-topics", "--create", "--topic", topic, "--partitions", "2")
		for i, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
			b.feed(t, strings.ReplaceAll(numbered(i*20, i*20+20), "k", "trace:7,from:"+codec+"\tk"), "kafka-console-producer", "--topic", topic, "--compression-codec", codec,
				"--reader-property", "parse.key=true", "--reader-property", "key.separator=:", "--reader-property", "parse.headers=true")
		}
		for _, protocol := range []string{"classic", "consumer"} {
			group := rig.Name("console")
			read := lines(b.run(t, "kafka-console-consumer", "--topic", topic, "--from-beginning", "--max-messages", "100", "--timeout-ms", "60000", "--group", group,
				"--command-property", "group.protocol="+protocol,
				"--formatter-property", "print.key=true", "--formatter-property", "print.headers=true", "--formatter-property", "key.separator==", "--formatter-property", "headers.separator=|"))
			if len(read) != 100 || !slices.Contains(read, "trace:7|from:zstd=k99=v99") {
				t.Errorf("%s: %d records, of them %q", protocol, len(read), read[:min(3, len(read))])
			}
			b.say(t, []string{"Processed a total of 0 messages"}, "kafka-console-consumer", "--topic", topic, "--timeout-ms", "3000", "--group", group) // all is committed
		}
		one := b.run(t, "kafka-console-consumer", "--topic", topic, "--partition", "1", "--offset", "3", "--max-messages", "2", "--formatter-property", "print.offset=true",
			"--formatter-property", "print.partition=true", "--isolation-level", "read_committed")
		if !regexp.MustCompile(`^Partition:1 Offset:3 v\d+\nPartition:1 Offset:4 v\d+\n$`).MatchString(one) {
			t.Errorf("from an offset: %q", one)
		}
	})
}

// caughtUp is a line on a partition of which the only member of a group has read and committed all.
var caughtUp = regexp.MustCompile(`(?m) 0 \S+ /127\.0\.0\.1 member$`)

func TestConsumerGroups(t *testing.T) {
	rig.Each(t, func(t *testing.T, broker rig.Broker) {
		b := toolbox{broker: broker}
		for _, protocol := range []string{"classic", "consumer"} {
			t.Run(protocol, func(t *testing.T) {
				topic, group := rig.Name("groups"), rig.Name("group")
				const groups = "kafka-consumer-groups"
				b.run(t, "kafka-topics", "--create", "--topic", topic, "--partitions", "2")
				b.fill(t, topic, 10)
				member := b.start(t, "kafka-console-consumer", "--topic", topic, "--from-beginning", "--group", group, "--command-property", "group.protocol="+protocol,
					"--command-property", "client.id=member", "--command-property", "auto.commit.interval.ms=100")
				for range 10 {
					member.Await(t, "a record", func(string) bool { return true })
				}
				rig.Eventually(t, "all is committed", func() (string, bool) {
					text := b.run(t, groups, "--describe", "--group", group)
					return text, len(caughtUp.FindAllString(text, -1)) == 2
				})
				if text := b.run(t, groups, "--list", "--state"); !strings.Contains(text, group+" Stable\n") {
					t.Errorf("no stable %s in:\n%s", group, text)
				}
				kind := "Classic"
				if protocol == "consumer" {
					kind = "Consumer"
				}
				if text := b.run(t, groups, "--list", "--type"); !strings.Contains(text, group+" "+kind+"\n") {
					t.Errorf("no %s of type %s in:\n%s", group, kind, text)
				}
				b.say(t, []string{group + " ", " Stable 1"}, groups, "--describe", "--group", group, "--state")
				b.say(t, []string{" /127.0.0.1 member 2 ", topic + ":0,1"}, groups, "--describe", "--group", group, "--members", "--verbose")
				b.say(t, []string{"is inactive, but the current state is Stable"}, groups, "--reset-offsets", "--group", group, "--topic", topic, "--to-earliest", "--execute")
				b.say(t, []string{"GroupNotEmptyException"}, groups, "--delete", "--group", group)
				member.Interrupt(t)

				b.say(t, []string{group + " " + topic + " 0 0", group + " " + topic + " 1 0"}, groups, "--reset-offsets", "--group", group, "--topic", topic, "--to-earliest", "--dry-run")
				b.say(t, []string{group + " " + topic + " 0 1"}, groups, "--reset-offsets", "--group", group, "--topic", topic+":0", "--to-offset", "1", "--execute")
				b.say(t, []string{group + " " + topic + " 0 2"}, groups, "--reset-offsets", "--group", group, "--topic", topic+":0", "--shift-by", "1", "--execute")
				b.say(t, []string{group + " " + topic + " 0 0"}, groups, "--reset-offsets", "--group", group, "--topic", topic+":0", "--to-datetime", "2020-01-01T00:00:00.000", "--execute")
				b.say(t, []string{group + " " + topic + " 0 0 "}, groups, "--describe", "--group", group)
				b.say(t, []string{topic + " 1 Successful"}, groups, "--delete-offsets", "--group", group, "--topic", topic+":1")
				if text := b.run(t, groups, "--describe", "--group", group); strings.Contains(text, topic+" 1 ") {
					t.Errorf("the offset of partition 1 is still there:\n%s", text)
				}
				if text := b.run(t, "kafka-groups", "--list"); !strings.Contains(text, group+" "+kind) {
					t.Errorf("kafka-groups lacks %s:\n%s", group, text)
				}
				b.say(t, []string{"Deletion of requested consumer groups ('" + group + "') was successful"}, groups, "--delete", "--group", group)
				b.say(t, []string{"GroupIdNotFoundException"}, groups, "--delete", "--group", group)
			})
		}
	})
}

func TestConfigs(t *testing.T) {
	rig.Each(t, func(t *testing.T, broker rig.Broker) {
		b, topic, user := toolbox{broker: broker}, rig.Name("configs"), rig.Name("user")
		b.run(t, "kafka-topics", "--create", "--topic", topic)
		const configs = "kafka-configs"
		of := []string{"--entity-type", "topics", "--entity-name", topic}
		with := func(args ...string) []string { return append(slices.Clone(of), args...) }
		b.say(t, []string{"Completed updating config for topic " + topic}, configs, with("--alter", "--add-config", "retention.ms=100000,cleanup.policy=[compact,delete]")...)
		b.say(t, []string{"cleanup.policy=compact,delete sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:cleanup.policy=compact,delete, DEFAULT_CONFIG:log.cleanup.policy=delete}", "retention.ms=100000 "}, configs, with("--describe")...)
		b.run(t, configs, with("--alter", "--delete-config", "retention.ms")...)
		if text := b.run(t, configs, with("--describe")...); strings.Contains(text, "retention.ms") {
			t.Errorf("retention.ms was deleted:\n%s", text)
		}
		b.say(t, []string{"retention.ms=604800000 ", "segment.bytes=1073741824 ", "max.message.bytes=1048588 "}, configs, with("--describe", "--all")...)
		b.say(t, []string{"Invalid value -5 for configuration retention.ms"}, configs, with("--alter", "--add-config", "retention.ms=-5")...)

		of = []string{"--entity-type", "brokers", "--entity-name", "1"}
		b.say(t, []string{"group.initial.rebalance.delay.ms=", "auto.create.topics.enable=true "}, configs, with("--describe", "--all")...)
		of = []string{"--entity-type", "brokers", "--entity-default"}
		b.run(t, configs, with("--alter", "--add-config", "message.max.bytes=2000000")...)
		rig.Eventually(t, "the brokers have a new default", func() (string, bool) {
			text := b.run(t, configs, with("--describe")...)
			return text, strings.Contains(text, "message.max.bytes=2000000 ")
		})
		b.run(t, configs, with("--alter", "--delete-config", "message.max.bytes")...)

		of = []string{"--entity-type", "users", "--entity-name", user}
		b.run(t, configs, with("--alter", "--add-config", "SCRAM-SHA-256=[iterations=8192,password=secret]")...)
		b.run(t, configs, with("--alter", "--add-config", "SCRAM-SHA-512=[password=secret]")...)
		b.say(t, []string{"SCRAM credential configs for user-principal '" + user + "' are ", "SCRAM-SHA-256=iterations=8192", "SCRAM-SHA-512=iterations=4096"}, configs, with("--describe")...)
		b.run(t, configs, with("--alter", "--delete-config", "SCRAM-SHA-256")...)
		b.say(t, []string{"'" + user + "' are SCRAM-SHA-512=iterations=4096"}, configs, with("--describe")...)
		b.run(t, configs, with("--alter", "--add-config", "producer_byte_rate=1024")...)
		b.say(t, []string{"Quota configs for user-principal '" + user + "' are producer_byte_rate=1024.0"}, configs, with("--describe")...)
		b.run(t, configs, with("--alter", "--delete-config", "producer_byte_rate")...)
	})
}

// TestTransactions has an open transaction be found, described and, as one that hangs, aborted.
func TestTransactions(t *testing.T) {
	rig.Each(t, func(t *testing.T, broker rig.Broker) {
		b, id := toolbox{broker: broker}, rig.Name("transaction")
		topic := rig.Topic(t, broker, "transactions", 1)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		writer, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(broker.Servers, ",")...), kgo.TransactionalID(id), kgo.DefaultProduceTopic(topic))
		if err != nil {
			t.Fatal(err)
		}
		defer writer.Close()
		if err := writer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := writer.ProduceSync(ctx, kgo.StringRecord("open")).FirstErr(); err != nil {
			t.Fatal(err)
		}
		const transactions = "kafka-transactions"
		if text := b.run(t, transactions, "list"); !regexp.MustCompile(`(?m)^` + id + ` \d+ \d+ Ongoing$`).MatchString(text) {
			t.Errorf("no open %s in:\n%s", id, text)
		}
		if text := b.run(t, transactions, "describe", "--transactional-id", id); !regexp.MustCompile(`(?m)^\d+ ` + id + ` \d+ \d+ Ongoing \d+ \d+ \d+ ` + topic + `-0$`).MatchString(text) {
			t.Errorf("description:\n%s", text)
		}
		if text := b.run(t, transactions, "describe-producers", "--topic", topic, "--partition", "0"); !regexp.MustCompile(`(?m)^\d+ \d+ -?\d+ 0 \d+ 0$`).MatchString(text) {
			t.Errorf("producers:\n%s", text)
		}
		b.run(t, transactions, "find-hanging", "--broker-id", "1")
		b.run(t, transactions, "abort", "--topic", topic, "--partition", "0", "--start-offset", "0")
		if text := b.run(t, "kafka-get-offsets", "--topic", topic); text != topic+":0:2\n" { // the record and the marker
			t.Errorf("the log ends at %s", text)
		}
	})
}

func TestPerformance(t *testing.T) {
	rig.Each(t, func(t *testing.T, broker rig.Broker) {
		b := toolbox{broker: broker}
		topic := rig.Topic(t, broker, "performance", 4)
		if text := b.run(t, "kafka-producer-perf-test", "--topic", topic, "--num-records", "200000", "--record-size", "100", "--throughput", "-1"); !strings.Contains(text, "200000 records sent, ") {
			t.Error(text)
		}
		if text := b.run(t, "kafka-producer-perf-test", "--topic", topic, "--num-records", "2000", "--record-size", "100", "--throughput", "-1",
			"--transactional-id", rig.Name("performance"), "--transaction-duration-ms", "100"); !strings.Contains(text, "2000 records sent, ") {
			t.Error(text)
		}
		if text := b.run(t, "kafka-consumer-perf-test", "--topic", topic, "--num-records", "202000"); !regexp.MustCompile(`, 20\d{4}, `).MatchString(text) {
			t.Error(text)
		}
		if text := b.run(t, "kafka-e2e-latency", "--topic", rig.Topic(t, broker, "latency", 1), "--num-records", "500", "--producer-acks", "all", "--record-size", "100"); !strings.Contains(text, "Percentiles: 50th") {
			t.Error(text)
		}
	})
}

func TestBrokers(t *testing.T) {
	rig.Each(t, func(t *testing.T, broker rig.Broker) {
		b := toolbox{broker: broker}
		topic := rig.Topic(t, broker, "brokers", 2)
		b.fill(t, topic, 100)
		b.say(t, []string{"(id: 1 rack: null isFenced: false) -> (", "Produce(0): 0 to 13 [usable: 13]", "Fetch(1): 4 to 18 [usable: 18]", "ConsumerGroupHeartbeat(68): 0 to 1 [usable: 1]"}, "kafka-broker-api-versions")
		b.say(t, []string{"Feature: transaction.version SupportedMinVersion: 0 SupportedMaxVersion: 2 FinalizedVersionLevel: 2", "Feature: group.version SupportedMinVersion: 0 SupportedMaxVersion: 1 FinalizedVersionLevel: 1", "Feature: metadata.version SupportedMinVersion: 3.3-IV3 SupportedMaxVersion: 4.3-IV0 FinalizedVersionLevel: 4.3-IV0"}, "kafka-features", "describe")
		b.say(t, []string{"Cluster ID: "}, "kafka-cluster", "cluster-id")
		b.say(t, []string{"unfenced broker"}, "kafka-cluster", "list-endpoints")
		ends := func(args ...string) []string {
			return lines(b.run(t, "kafka-get-offsets", append([]string{"--topic", topic}, args...)...))
		}
		if got := ends("--time", "earliest"); !slices.Equal(got, []string{topic + ":0:0", topic + ":1:0"}) {
			t.Errorf("earliest offsets %q", got)
		}
		before := ends()
		b.say(t, []string{"partition: " + topic + "-0 low_watermark: 5"}, "kafka-delete-records", "--offset-json-file", file(t, `{"partitions":[{"topic":"`+topic+`","partition":0,"offset":5}],"version":1}`))
		if got := ends("--time", "-2"); !slices.Equal(got, []string{topic + ":0:5", topic + ":1:0"}) {
			t.Errorf("earliest offsets %q, after records were deleted", got)
		}
		if got := ends("--time", "latest"); !slices.Equal(got, before) {
			t.Errorf("latest offsets %q, and %q before records were deleted", got, before)
		}
		if got := ends("--time", "max-timestamp", "--partitions", "1"); len(got) != 1 {
			t.Errorf("offsets of the youngest records %q", got)
		}
		b.say(t, []string{`"partition":"` + topic + `-0","size":`, `"offsetLag":0,"isFuture":false`}, "kafka-log-dirs", "--describe", "--topic-list", topic)
		b.say(t, []string{"Valid replica already elected for partitions " + topic + "-0"}, "kafka-leader-election", "--election-type", "preferred", "--topic", topic, "--partition", "0")
		b.say(t, []string{"No partition reassignments found"}, "kafka-reassign-partitions", "--list")
	})
}

// TestACLs has who may do what be said by the tool, as the administrator, and be felt by another client.
func TestACLs(t *testing.T) {
	broker := rig.Serve(t, "--sasl", "PLAIN", "--user", "admin:a", "--user", "bob:b", "--acls", "--super-user", "User:admin")
	as := func(user, password string) toolbox {
		return toolbox{broker, file(t, "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\n"+
			"sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username=\""+user+"\" password=\""+password+"\";\n")}
	}
	admin, bob := as("admin", "a"), as("bob", "b")
	const acls, topic = "kafka-acls", "guarded"
	admin.run(t, "kafka-topics", "--create", "--topic", topic)
	if text := bob.run(t, "kafka-topics", "--list"); strings.TrimSpace(text) != "" {
		t.Errorf("bob sees %s", text)
	}
	admin.say(t, []string{"Adding ACLs for resource", "(principal=User:bob, host=*, operation=WRITE, permissionType=ALLOW)"}, acls, "--add", "--allow-principal", "User:bob", "--producer", "--topic", topic)
	admin.run(t, acls, "--add", "--allow-principal", "User:bob", "--consumer", "--group", "bobs-", "--topic", topic, "--resource-pattern-type", "prefixed")
	admin.run(t, acls, "--add", "--deny-principal", "User:eve", "--operation", "All", "--cluster")
	admin.say(t, []string{
		"Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=guarded, patternType=LITERAL)`:",
		"Current ACLs for resource `ResourcePattern(resourceType=GROUP, name=bobs-, patternType=PREFIXED)`:",
		"(principal=User:eve, host=*, operation=ALL, permissionType=DENY)",
	}, acls, "--list")
	if text := bob.run(t, "kafka-topics", "--list"); strings.TrimSpace(text) != topic {
		t.Errorf("bob sees %s", text)
	}
	bob.feed(t, "in\n", "kafka-console-producer", "--topic", topic)
	if text := bob.run(t, "kafka-console-consumer", "--topic", topic, "--from-beginning", "--max-messages", "1", "--group", "bobs-own"); text != "in\n" {
		t.Errorf("bob reads %q", text)
	}
	bob.say(t, []string{"GroupAuthorizationException"}, "kafka-console-consumer", "--topic", topic, "--from-beginning", "--max-messages", "1", "--group", "others")
	bob.say(t, []string{"ClusterAuthorizationException"}, acls, "--list")
	bob.say(t, []string{"TopicAuthorizationException"}, "kafka-topics", "--delete", "--topic", topic)
	admin.run(t, acls, "--remove", "--force", "--allow-principal", "User:bob", "--producer", "--topic", topic)
	if text := admin.run(t, acls, "--list", "--topic", topic); strings.Contains(text, "WRITE") {
		t.Errorf("what was removed is still there:\n%s", text)
	}
	as("bob", "guess").say(t, []string{"SaslAuthenticationException"}, "kafka-topics", "--list")
}
