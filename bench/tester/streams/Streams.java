import com.sun.management.ThreadMXBean;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.TestInputTopic;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/** Runs one work of the benchmark through a TopologyTestDriver: a number of times in, a line "NANOSECONDS BYTES" out. */
public class Streams {
    /** Counts the records of each key in a store, and passes them on. */
    static class Counter implements Processor<String, String, String, String> {
        final String store;
        KeyValueStore<String, Long> counts;
        ProcessorContext<String, String> context;

        Counter(String store) {
            this.store = store;
        }

        @Override
        public void init(ProcessorContext<String, String> context) {
            this.context = context;
            counts = context.getStateStore(store);
        }

        @Override
        public void process(Record<String, String> record) {
            Long n = counts.get(record.key());
            counts.put(record.key(), n == null ? 1L : n + 1);
            context.forward(record);
        }
    }

    /** So many counters in a row, each behind a topic, with their counts in memory or in RocksDB, and in a changelog. */
    static Topology counters(int n, boolean memory) {
        Topology t = new Topology();
        for (int i = 0; i < n; i++) {
            String store = "counts" + i, name = "count" + i;
            t.addSource("source" + i, Serdes.String().deserializer(), Serdes.String().deserializer(), "t" + i);
            t.addProcessor(name, () -> new Counter(store), "source" + i);
            t.addStateStore(Stores.keyValueStoreBuilder(
                memory ? Stores.inMemoryKeyValueStore(store) : Stores.persistentKeyValueStore(store), Serdes.String(), Serdes.Long()), name);
            if (n > 1) {
                t.addSink("sink" + i, "t" + (i + 1), Serdes.String().serializer(), Serdes.String().serializer(), name);
            }
        }
        return t;
    }

    static Properties config() throws Exception {
        Properties p = new Properties();
        p.put(StreamsConfig.APPLICATION_ID_CONFIG, "bench");
        p.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, "unused:1");
        p.put(StreamsConfig.STATE_DIR_CONFIG, Files.createTempDirectory("streams").toString());
        return p;
    }

    interface Work {
        void run(long n);
    }

    static Work consume(TopologyTestDriver driver) {
        TestInputTopic<String, String> in = driver.createInputTopic("t0", new StringSerializer(), new StringSerializer());
        return n -> {
            for (long i = 0; i < n; i++) {
                in.pipeInput("k", "x");
            }
        };
    }

    static Work work(String name) throws Exception {
        switch (name) {
            case "consume": return consume(new TopologyTestDriver(counters(1, true), config()));
            case "consume-rocksdb": return consume(new TopologyTestDriver(counters(1, false), config()));
            case "pipeline": return consume(new TopologyTestDriver(counters(3, true), config()));
            case "start-and-stop":
                Properties config = config();
                return n -> {
                    for (long i = 0; i < n; i++) {
                        new TopologyTestDriver(counters(1, true), config).close();
                    }
                };
            default: throw new IllegalArgumentException("no work is called " + name);
        }
    }

    public static void main(String[] args) throws Exception {
        Work work = work(args[0]);
        work.run(Long.parseLong(args[1])); // until it is compiled
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long self = Thread.currentThread().getId();
        System.out.println("ready");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            long bytes = threads.getThreadAllocatedBytes(self), began = System.nanoTime();
            work.run(Long.parseLong(line));
            long took = System.nanoTime() - began;
            System.out.println(took + " " + (threads.getThreadAllocatedBytes(self) - bytes));
        }
        System.exit(0); // whatever threads are left
    }
}
