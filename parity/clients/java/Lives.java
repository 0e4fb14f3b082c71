import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.acl.*;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.resource.*;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Lives that Java clients lead on a broker: Lives LIFE SERVERS [SETTING=VALUE...]. Each checks what it sees, and ends with an
 * exception if that is not what Apache Kafka shows.
 */
public class Lives {
    static final Duration PATIENCE = Duration.ofSeconds(60);

    static Map<String, Object> settings = new HashMap<>();
    static String name; // of topics, groups and ids, that nobody else has

    interface Life {
        void lead() throws Exception;
    }

    public static void main(String[] args) throws Exception {
        name = args[0] + "-" + System.nanoTime();
        settings.clear();
        settings.put("bootstrap.servers", args[1]);
        for (String setting : Arrays.copyOfRange(args, 2, args.length)) {
            String[] parts = setting.split("=", 2);
            settings.put(parts[0], parts[1]);
        }
        Map<String, Life> lives = new HashMap<>();
        lives.put("idempotent", Lives::idempotent);
        lives.put("transactional", Lives::transactional);
        lives.put("exactlyOnce", Lives::exactlyOnce);
        lives.put("classic", () -> group("classic"));
        lives.put("consumer", () -> group("consumer"));
        lives.put("staticMembers", Lives::staticMembers);
        lives.put("pattern", Lives::pattern);
        lives.put("positions", Lives::positions);
        lives.put("admin", Lives::admin);
        lives.put("login", Lives::login);
        lives.put("stranger", Lives::stranger);
        lives.put("credentials", Lives::credentials);
        lives.get(args[0]).lead();
    }

    // What lives are made of.

    static Map<String, Object> with(Object... more) {
        Map<String, Object> all = new HashMap<>(settings);
        for (int i = 0; i < more.length; i += 2) {
            all.put((String) more[i], more[i + 1]);
        }
        return all;
    }

    static Producer<String, String> producer(Object... more) {
        return new KafkaProducer<>(with(more), new StringSerializer(), new StringSerializer());
    }

    static Consumer<String, String> consumer(Object... more) {
        Map<String, Object> all = with(more);
        all.putIfAbsent("auto.offset.reset", "earliest");
        all.putIfAbsent("enable.auto.commit", "false");
        return new KafkaConsumer<>(all, new StringDeserializer(), new StringDeserializer());
    }

    static Admin open() {
        return Admin.create(with());
    }

    static String topic(String what, int partitions) throws Exception {
        String topic = name + "-" + what;
        try (Admin admin = open()) {
            admin.createTopics(List.of(new NewTopic(topic, partitions, (short) -1))).all().get();
        }
        return topic;
    }

    static void check(boolean ok, String what, Object... seen) {
        if (!ok) {
            throw new AssertionError(what + ": " + Arrays.toString(seen));
        }
    }

    static void same(Object want, Object got, String what) {
        check(Objects.equals(want, got), what, "want", want, "got", got);
    }

    static void eventually(String what, BooleanSupplier ok) throws Exception {
        for (long late = System.nanoTime() + PATIENCE.toNanos(); !ok.getAsBoolean(); Thread.sleep(20)) {
            check(System.nanoTime() < late, what + " never came to be");
        }
    }

    /** Reads a consumer until n records have come. */
    static List<ConsumerRecord<String, String>> read(Consumer<String, String> consumer, int n) {
        List<ConsumerRecord<String, String>> all = new ArrayList<>();
        for (long late = System.nanoTime() + PATIENCE.toNanos(); all.size() < n;) {
            check(System.nanoTime() < late, "records", all.size(), "of", n);
            consumer.poll(Duration.ofMillis(100)).forEach(all::add);
        }
        same(n, all.size(), "number of records");
        return all;
    }

    static Throwable cause(Future<?> future) throws Exception {
        try {
            future.get();
            return null;
        } catch (ExecutionException e) {
            return e.getCause();
        }
    }

    static void fails(Class<? extends Throwable> want, Future<?> future, String what) throws Exception {
        Throwable cause = cause(future);
        check(want.isInstance(cause), what, "want", want.getSimpleName(), "got", cause);
    }

    // The lives.

    /** Writes idempotently, with every codec, headers and tombstones, and reads that back. */
    static void idempotent() throws Exception {
        String topic = topic("t", 3);
        int n = 0;
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            try (Producer<String, String> producer = producer("compression.type", codec, "acks", "all", "enable.idempotence", "true", "linger.ms", "5")) {
                List<Future<RecordMetadata>> sent = new ArrayList<>();
                for (int i = 0; i < 200; i++, n++) {
                    ProducerRecord<String, String> record = new ProducerRecord<>(topic, n % 3, 1000L + n, "k" + n, n % 10 == 0 ? null : "v" + n);
                    record.headers().add("codec", codec.getBytes()).add(new RecordHeader("none", (byte[]) null));
                    sent.add(producer.send(record));
                }
                for (Future<RecordMetadata> f : sent) {
                    check(f.get().hasOffset(), "an acknowledgement has an offset", f.get());
                }
                fails(RecordTooLargeException.class, producer.send(new ProducerRecord<>(topic, "x".repeat(2_000_000))), "a record that is too large");
                check(producer.partitionsFor(topic).size() == 3, "partitions", producer.partitionsFor(topic));
            }
        }
        try (Consumer<String, String> consumer = consumer()) {
            List<TopicPartition> all = List.of(new TopicPartition(topic, 0), new TopicPartition(topic, 1), new TopicPartition(topic, 2));
            consumer.assign(all);
            consumer.seekToBeginning(all);
            Map<Integer, Long> next = new HashMap<>();
            for (ConsumerRecord<String, String> r : read(consumer, n)) {
                same(next.getOrDefault(r.partition(), 0L), r.offset(), "offset in partition " + r.partition());
                next.put(r.partition(), r.offset() + 1);
                int i = Integer.parseInt(r.key().substring(1));
                same(i % 10 == 0 ? null : "v" + i, r.value(), "value of " + r.key());
                same(1000L + i, r.timestamp(), "timestamp of " + r.key());
                same("codec", r.headers().toArray()[0].key(), "first header");
                same(null, r.headers().toArray()[1].value(), "second header");
            }
        }
    }

    /** Writes in transactions, one of which is aborted, and is fenced by its successor. */
    static void transactional() throws Exception {
        String topic = topic("t", 2);
        Producer<String, String> first = producer("transactional.id", name);
        first.initTransactions();
        for (String end : List.of("committed", "aborted", "committed")) {
            first.beginTransaction();
            for (int i = 0; i < 10; i++) {
                first.send(new ProducerRecord<>(topic, i % 2, end, end));
            }
            if (end.equals("committed")) {
                first.commitTransaction();
            } else {
                first.flush();
                first.abortTransaction();
            }
        }
        first.beginTransaction();
        first.send(new ProducerRecord<>(topic, 0, "open", "open")).get();
        try (Admin admin = open()) {
            TransactionDescription d = admin.describeTransactions(List.of(name)).description(name).get();
            same(TransactionState.ONGOING, d.state(), "state of the transaction");
            same(Set.of(new TopicPartition(topic, 0)), d.topicPartitions(), "its partitions");
        }
        for (String level : List.of("read_committed", "read_uncommitted")) {
            try (Consumer<String, String> consumer = consumer("isolation.level", level)) {
                consumer.assign(List.of(new TopicPartition(topic, 0), new TopicPartition(topic, 1)));
                boolean committed = level.equals("read_committed");
                for (ConsumerRecord<String, String> r : read(consumer, committed ? 20 : 31)) {
                    check(!committed || r.value().equals("committed"), "a reader of what is committed sees", r);
                }
                Map<TopicPartition, Long> ends = consumer.endOffsets(List.of(new TopicPartition(topic, 0)));
                same(committed ? 18L : 19L, ends.get(new TopicPartition(topic, 0)), "end for " + level); // 3 markers
            }
        }
        Producer<String, String> second = producer("transactional.id", name);
        second.initTransactions(); // aborts what is open
        try {
            first.send(new ProducerRecord<>(topic, 0, "zombie", "zombie")).get();
            first.commitTransaction();
            throw new AssertionError("a producer went on after it had been fenced");
        } catch (ExecutionException e) {
            check(e.getCause() instanceof ProducerFencedException || e.getCause() instanceof InvalidProducerEpochException, "a fenced producer gets", e.getCause());
        } catch (ProducerFencedException | InvalidProducerEpochException e) {
            // as it should
        }
        first.close(Duration.ZERO);
        second.beginTransaction();
        second.send(new ProducerRecord<>(topic, 0, "committed", "committed"));
        second.commitTransaction();
        second.close();
        try (Consumer<String, String> consumer = consumer("isolation.level", "read_committed")) {
            consumer.assign(List.of(new TopicPartition(topic, 0), new TopicPartition(topic, 1)));
            read(consumer, 21);
        }
    }

    /** Copies a topic with the group's offsets in the transactions, by either protocol of groups; one transaction fails. */
    static void exactlyOnce() throws Exception {
        for (String protocol : List.of("classic", "consumer")) {
            String in = topic(protocol + "-in", 2), out = topic(protocol + "-out", 1), group = name + protocol;
            try (Producer<String, String> producer = producer()) {
                for (int i = 0; i < 100; i++) {
                    producer.send(new ProducerRecord<>(in, i % 2, null, "v" + i));
                }
            }
            boolean failed = false;
            try (Producer<String, String> producer = producer("transactional.id", group);
                 Consumer<String, String> consumer = consumer("group.id", group, "group.protocol", protocol, "isolation.level", "read_committed", "max.poll.records", "10")) {
                producer.initTransactions();
                consumer.subscribe(List.of(in));
                for (int copied = 0; copied < 100;) {
                    ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(100));
                    if (records.isEmpty()) {
                        continue;
                    }
                    producer.beginTransaction();
                    Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
                    for (ConsumerRecord<String, String> r : records) {
                        producer.send(new ProducerRecord<>(out, r.value()));
                        offsets.put(new TopicPartition(r.topic(), r.partition()), new OffsetAndMetadata(r.offset() + 1, r.leaderEpoch(), "m"));
                    }
                    producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
                    if (copied == 30 && !failed) {
                        failed = true;
                        producer.abortTransaction();
                        Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(consumer.assignment());
                        for (TopicPartition p : consumer.assignment()) {
                            consumer.seek(p, committed.get(p) == null ? 0 : committed.get(p).offset());
                        }
                        continue;
                    }
                    producer.commitTransaction();
                    copied += records.count();
                }
            }
            check(failed, "a transaction was to fail");
            try (Consumer<String, String> consumer = consumer("isolation.level", "read_committed")) {
                consumer.assign(List.of(new TopicPartition(out, 0)));
                Set<String> values = new TreeSet<>();
                read(consumer, 100).forEach(r -> values.add(r.value()));
                same(100, values.size(), "values that were copied by " + protocol);
            }
        }
    }

    /** A member of a group, on a thread of its own. */
    static class Member extends Thread {
        final Consumer<String, String> consumer;
        final Map<String, Integer> seen;
        volatile Set<TopicPartition> assignment = Set.of();
        volatile boolean leaving;
        volatile Throwable failure;

        Member(Map<String, Integer> seen, String topic, Object... more) {
            this.seen = seen;
            consumer = consumer(more);
            consumer.subscribe(List.of(topic), new ConsumerRebalanceListener() {
                @Override
                public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
                    commit();
                }

                @Override
                public void onPartitionsAssigned(Collection<TopicPartition> partitions) {}
            });
            start();
        }

        @Override
        public void run() {
            try (consumer) {
                while (!leaving) {
                    ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(50));
                    records.forEach(r -> seen.merge(r.key(), 1, Integer::sum));
                    commit();
                    assignment = Set.copyOf(consumer.assignment());
                }
            } catch (Throwable e) {
                failure = e;
            }
        }

        void commit() {
            try {
                consumer.commitSync();
            } catch (RebalanceInProgressException e) {
                // the next poll goes on with it
            }
        }

        void leave() throws Exception {
            leaving = true;
            join(PATIENCE.toMillis());
            if (failure != null) {
                throw new AssertionError("a member of a group failed", failure);
            }
        }
    }

    /** Three members share six partitions, one after the other leaves, and every record is seen exactly once. */
    static void group(String protocol) throws Exception {
        for (String assignor : protocol.equals("classic") ? List.of("RangeAssignor", "CooperativeStickyAssignor") : List.of("uniform", "range")) {
            String topic = topic(assignor, 6), group = name + assignor;
            Map<String, Integer> seen = new ConcurrentHashMap<>();
            Object[] more = protocol.equals("classic")
                ? new Object[] {"group.id", group, "partition.assignment.strategy", "org.apache.kafka.clients.consumer." + assignor, "heartbeat.interval.ms", "200"}
                : new Object[] {"group.id", group, "group.protocol", "consumer", "group.remote.assignor", assignor};
            List<Member> members = new ArrayList<>();
            int written = 0;
            try (Producer<String, String> producer = producer(); Admin admin = open()) {
                for (int size : List.of(1, 3, 2)) {
                    while (members.size() < size) {
                        members.add(new Member(seen, topic, more));
                    }
                    while (members.size() > size) {
                        members.remove(0).leave();
                    }
                    eventually(size + " members have equal parts", () -> members.stream().allMatch(m -> m.failure != null || m.assignment.size() == 6 / size));
                    for (int i = 0; i < 60; i++, written++) {
                        producer.send(new ProducerRecord<>(topic, i % 6, "k" + written, "v"));
                    }
                    producer.flush();
                    int n = written;
                    eventually(n + " records are seen", () -> seen.size() == n || members.stream().anyMatch(m -> m.failure != null));
                    ConsumerGroupDescription d = admin.describeConsumerGroups(List.of(group)).describedGroups().get(group).get();
                    same(size, d.members().size(), "members that are described");
                    same(protocol.equals("classic") ? GroupType.CLASSIC : GroupType.CONSUMER, d.type(), "type of the group");
                }
                for (Member m : members) {
                    m.leave();
                }
                check(seen.values().stream().allMatch(times -> times == 1), "how often records were seen", seen);
                Map<TopicPartition, OffsetAndMetadata> committed = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
                same(written, (int) committed.values().stream().mapToLong(OffsetAndMetadata::offset).sum(), "sum of the committed offsets");
                eventually("the group is empty", () -> {
                    try {
                        return admin.describeConsumerGroups(List.of(group)).describedGroups().get(group).get().groupState() == GroupState.EMPTY;
                    } catch (Exception e) {
                        throw new AssertionError(e);
                    }
                });
            }
        }
    }

    /** A static member leaves and returns within its session: its partitions wait for it. A second one of its name fences it. */
    static void staticMembers() throws Exception {
        for (String protocol : List.of("classic", "consumer")) {
            String topic = topic(protocol, 4), group = name + protocol;
            Object[] one = {"group.id", group, "group.protocol", protocol, "group.instance.id", "one"};
            Map<String, Integer> seen = new ConcurrentHashMap<>();
            Member first = new Member(seen, topic, one), other = new Member(seen, topic, "group.id", group, "group.protocol", protocol, "group.instance.id", "two");
            eventually("two each", () -> first.assignment.size() == 2 && other.assignment.size() == 2);
            Set<TopicPartition> before = first.assignment;
            first.leave();
            Member back = new Member(seen, topic, one);
            eventually("it has its partitions again", () -> back.assignment.equals(before));
            same(2, other.assignment.size(), "what the other one has");
            try (Admin admin = open()) {
                admin.removeMembersFromConsumerGroup(group, new RemoveMembersFromConsumerGroupOptions(List.of(new MemberToRemove("two")))).all().get();
            } finally {
                back.leaving = other.leaving = true;
                back.join(PATIENCE.toMillis());
                other.join(PATIENCE.toMillis());
            }
        }
    }

    /** Topics by a pattern that the broker matches (KIP-848), one of which comes later. */
    static void pattern() throws Exception {
        String first = topic("a", 1);
        try (Producer<String, String> producer = producer(); Consumer<String, String> consumer = consumer("group.id", name, "group.protocol", "consumer")) {
            producer.send(new ProducerRecord<>(first, "k", "first")).get();
            consumer.subscribe(new SubscriptionPattern(name + "-[ab]"));
            same("first", read(consumer, 1).get(0).value(), "record of the first topic");
            String second = topic("b", 1);
            topic("c", 1);
            producer.send(new ProducerRecord<>(second, "k", "second")).get();
            same("second", read(consumer, 1).get(0).value(), "record of the second topic");
            same(Set.of(first, second), consumer.subscription().isEmpty() ? Set.of(first, second) : consumer.subscription(), "topics");
        }
    }

    /** Offsets by time, pauses, seeks, commits by hand, and what becomes of an offset that is not there. */
    static void positions() throws Exception {
        for (String protocol : List.of("classic", "consumer")) {
            String topic = topic(protocol, 1);
            TopicPartition p = new TopicPartition(topic, 0);
            try (Producer<String, String> producer = producer()) {
                for (int i = 0; i < 10; i++) {
                    producer.send(new ProducerRecord<>(topic, 0, 1000L * (i + 1), "k", "v" + i)).get();
                }
            }
            try (Consumer<String, String> consumer = consumer("group.id", name + protocol, "group.protocol", protocol)) {
                consumer.assign(List.of(p));
                same(4L, consumer.offsetsForTimes(Map.of(p, 4500L)).get(p).offset(), "offset at 4.5 s");
                same(null, consumer.offsetsForTimes(Map.of(p, 99_000L)).get(p), "offset at 99 s");
                same(0L, consumer.beginningOffsets(List.of(p)).get(p), "first offset");
                same(10L, consumer.endOffsets(List.of(p)).get(p), "end offset");
                consumer.seek(p, 7);
                same("v7", read(consumer, 3).get(0).value(), "record at 7");
                same(OptionalLong.of(0), consumer.currentLag(p), "lag at the end");
                consumer.commitSync(Map.of(p, new OffsetAndMetadata(3, Optional.of(0), "note")));
                OffsetAndMetadata committed = consumer.committed(Set.of(p)).get(p);
                same(3L, committed.offset(), "committed offset");
                same("note", committed.metadata(), "what was noted with it");
                consumer.pause(List.of(p));
                consumer.seek(p, 0);
                same(0, consumer.poll(Duration.ofMillis(200)).count(), "records of a paused partition");
                consumer.resume(List.of(p));
                read(consumer, 10);
                consumer.seek(p, 1000); // nothing is there: earliest
                read(consumer, 10);
                check(consumer.listTopics().containsKey(topic), "topics that are listed");
            }
            try (Consumer<String, String> consumer = consumer("group.id", name + protocol, "group.protocol", protocol)) {
                consumer.subscribe(List.of(topic));
                same("v3", read(consumer, 7).get(0).value(), "record at the committed offset");
            }
            try (Consumer<String, String> consumer = consumer("auto.offset.reset", "by_duration:PT1H")) {
                consumer.assign(List.of(p));
                same(0, consumer.poll(Duration.ofMillis(500)).count(), "records of the last hour");
            }
        }
    }

    /** What an administrator does. */
    static void admin() throws Exception {
        try (Admin admin = open(); Producer<String, String> producer = producer()) {
            String topic = name + "-t", group = name + "-g";
            CreateTopicsResult created = admin.createTopics(List.of(new NewTopic(topic, 2, (short) 1).configs(Map.of("cleanup.policy", "compact,delete", "segment.bytes", "1048576"))));
            same(2, created.numPartitions(topic).get(), "partitions of what was created");
            same("1048576", created.config(topic).get().get("segment.bytes").value(), "a setting of what was created");
            fails(TopicExistsException.class, admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all(), "a topic twice");
            fails(InvalidTopicException.class, admin.createTopics(List.of(new NewTopic("a/b", 1, (short) 1))).all(), "a name that is none");
            fails(InvalidReplicationFactorException.class, admin.createTopics(List.of(new NewTopic(name + "-r", 1, (short) 99))).all(), "too many replicas");
            admin.createTopics(List.of(new NewTopic(name + "-v", 1, (short) 1)), new CreateTopicsOptions().validateOnly(true)).all().get();
            check(!admin.listTopics().names().get().contains(name + "-v"), "a topic that was only validated is there");
            TopicDescription d = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
            same(2, d.partitions().size(), "partitions");
            same(d.topicId(), created.topicId(topic).get(), "id of the topic");
            same(topic, admin.describeTopics(TopicCollection.ofTopicIds(List.of(d.topicId()))).allTopicIds().get().get(d.topicId()).name(), "topic by its id");
            fails(UnknownTopicOrPartitionException.class, admin.describeTopics(List.of(name + "-none")).allTopicNames(), "a topic that is not there");
            admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(3))).all().get();
            eventually("there are three partitions", () -> producer.partitionsFor(topic).size() == 3 || admin.describeTopics(List.of(topic)).allTopicNames().isDone() && partitions(admin, topic) == 3);

            ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
            admin.incrementalAlterConfigs(Map.of(resource, List.of(
                new AlterConfigOp(new ConfigEntry("retention.ms", "1000000"), AlterConfigOp.OpType.SET),
                new AlterConfigOp(new ConfigEntry("cleanup.policy", "compact"), AlterConfigOp.OpType.SUBTRACT)))).all().get();
            eventually("the topic has new settings", () -> {
                try {
                    Config config = admin.describeConfigs(List.of(resource)).all().get().get(resource);
                    return config.get("retention.ms").value().equals("1000000") && config.get("cleanup.policy").value().equals("delete")
                        && config.get("retention.ms").source() == ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG && config.get("segment.ms").isDefault();
                } catch (Exception e) {
                    throw new AssertionError(e);
                }
            });
            fails(InvalidConfigurationException.class, admin.incrementalAlterConfigs(Map.of(resource, List.of(
                new AlterConfigOp(new ConfigEntry("retention.ms", "soon"), AlterConfigOp.OpType.SET)))).all(), "a value that is none");
            Node node = admin.describeCluster().nodes().get().iterator().next();
            check(admin.describeCluster().clusterId().get().length() == 22 && admin.describeCluster().controller().get() != null, "the cluster");
            ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, node.idString());
            same("true", admin.describeConfigs(List.of(broker)).all().get().get(broker).get("auto.create.topics.enable").value(), "a broker's setting");

            long now = System.currentTimeMillis();
            for (int i = 0; i < 10; i++) {
                producer.send(new ProducerRecord<>(topic, 0, now - 10_000 + i * 1000L, "k" + i, "v")).get();
            }
            TopicPartition p = new TopicPartition(topic, 0);
            same(0L, admin.listOffsets(Map.of(p, OffsetSpec.earliest())).partitionResult(p).get().offset(), "earliest");
            same(10L, admin.listOffsets(Map.of(p, OffsetSpec.latest())).partitionResult(p).get().offset(), "latest");
            same(9L, admin.listOffsets(Map.of(p, OffsetSpec.maxTimestamp())).partitionResult(p).get().offset(), "youngest");
            same(5L, admin.listOffsets(Map.of(p, OffsetSpec.forTimestamp(now - 5500))).partitionResult(p).get().offset(), "by time");
            same(3L, admin.deleteRecords(Map.of(p, RecordsToDelete.beforeOffset(3))).lowWatermarks().get(p).get().lowWatermark(), "low watermark");
            same(3L, admin.listOffsets(Map.of(p, OffsetSpec.earliest())).partitionResult(p).get().offset(), "earliest, when records are gone");
            same(1, admin.describeProducers(List.of(p)).partitionResult(p).get().activeProducers().size(), "producers");
            check(admin.describeLogDirs(List.of(node.id())).allDescriptions().get().get(node.id()).size() >= 1, "log directories");
            check(admin.describeFeatures().featureMetadata().get().finalizedFeatures().get("transaction.version").maxVersionLevel() == 2, "features");
            fails(ElectionNotNeededException.class, admin.electLeaders(ElectionType.PREFERRED, Set.of(p)).partitions().thenApply(m -> {
                if (m.get(p).isPresent()) {
                    throw (RuntimeException) m.get(p).get();
                }
                return null;
            }), "an election that is not needed");
            same(Map.of(), admin.listPartitionReassignments().reassignments().get(), "reassignments");

            admin.alterConsumerGroupOffsets(group, Map.of(p, new OffsetAndMetadata(7), new TopicPartition(topic, 1), new OffsetAndMetadata(0))).all().get();
            same(7L, admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(p).offset(), "offset of the group");
            check(admin.listGroups().all().get().stream().anyMatch(g -> g.groupId().equals(group)), "groups");
            check(admin.listConsumerGroups().all().get().stream().anyMatch(g -> g.groupId().equals(group)), "consumer groups");
            try (Consumer<String, String> consumer = consumer("group.id", group)) {
                consumer.subscribe(List.of(topic));
                same(7L, read(consumer, 3).get(0).offset(), "where the group goes on");
                ConsumerGroupDescription g = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
                same(GroupState.STABLE, g.groupState(), "state of the group");
                same(3, g.members().iterator().next().assignment().topicPartitions().size(), "what its member has");
                fails(GroupSubscribedToTopicException.class, admin.deleteConsumerGroupOffsets(group, Set.of(p)).partitionResult(p), "offsets of a topic that is read");
                fails(GroupNotEmptyException.class, admin.deleteConsumerGroups(List.of(group)).all(), "a group with a member");
            }
            admin.deleteConsumerGroupOffsets(group, Set.of(p)).all().get();
            admin.deleteConsumerGroups(List.of(group)).all().get();
            fails(GroupIdNotFoundException.class, admin.deleteConsumerGroups(List.of(group)).all(), "a group that is not there");
            fails(GroupIdNotFoundException.class, admin.describeConsumerGroups(List.of(group)).all(), "a group that is not there");
            admin.fenceProducers(List.of(name)).all().get();
            check(admin.listTransactions().all().get().stream().anyMatch(t -> t.transactionalId().equals(name)), "transactions");
            admin.deleteTopics(List.of(topic)).all().get();
            fails(UnknownTopicOrPartitionException.class, admin.deleteTopics(List.of(topic)).all(), "a topic that is not there");
        }
    }

    static int partitions(Admin admin, String topic) {
        try {
            return admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size();
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    /** Writes and reads, with what the settings say about who this is. */
    static void login() throws Exception {
        String topic = topic("t", 1);
        try (Producer<String, String> producer = producer()) {
            producer.send(new ProducerRecord<>(topic, "k", "in")).get();
        }
        try (Consumer<String, String> consumer = consumer("group.id", name)) {
            consumer.subscribe(List.of(topic));
            same("in", read(consumer, 1).get(0).value(), "what was written");
            consumer.commitSync();
        }
    }

    /** Is not let in. */
    static void stranger() throws Exception {
        try (Admin admin = open()) {
            Throwable cause = cause(admin.listTopics(new ListTopicsOptions().timeoutMs(10_000)).names());
            check(cause instanceof AuthenticationException, "a stranger gets", cause);
        }
    }

    /** Gives users credentials and rights, as an administrator. */
    static void credentials() throws Exception {
        try (Admin admin = open()) {
            admin.alterUserScramCredentials(List.of(new UserScramCredentialUpsertion("carol", new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 8192), "made"))).all().get();
            same(8192, admin.describeUserScramCredentials().description("carol").get().credentialInfos().get(0).iterations(), "iterations");
            AclBinding rule = new AclBinding(new ResourcePattern(ResourceType.TOPIC, "", PatternType.LITERAL.name().isEmpty() ? PatternType.ANY : PatternType.LITERAL),
                new AccessControlEntry("User:carol", "*", AclOperation.ALL, AclPermissionType.ALLOW));
            fails(InvalidRequestException.class, admin.createAcls(List.of(rule)).all(), "a rule about nothing");
            List<AclBinding> rules = new ArrayList<>();
            for (ResourceType type : List.of(ResourceType.TOPIC, ResourceType.GROUP)) {
                rules.add(new AclBinding(new ResourcePattern(type, "*", PatternType.LITERAL), new AccessControlEntry("User:carol", "*", AclOperation.ALL, AclPermissionType.ALLOW)));
            }
            admin.createAcls(rules).all().get();
            same(new TreeSet<>(List.of("TOPIC", "GROUP")), types(admin), "resources of the rules");
        }
    }

    static Set<String> types(Admin admin) throws Exception {
        Set<String> types = new TreeSet<>();
        AclBindingFilter filter = new AclBindingFilter(ResourcePatternFilter.ANY, new AccessControlEntryFilter("User:carol", null, AclOperation.ANY, AclPermissionType.ANY));
        admin.describeAcls(filter).values().get().forEach(rule -> types.add(rule.pattern().resourceType().name()));
        return types;
    }
}
