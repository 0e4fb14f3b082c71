package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/rogpeppe/go-internal/testscript"
)

// TestClusterScripts runs the command against gokasim serve as a program of its own, and against Apache Kafka where KAFKA_BROKERS names
// one, as testdata/cluster tells.
func TestClusterScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:             "testdata/cluster",
		ContinueOnError: true,
		Deadline:        time.Now().Add(3 * time.Minute),
		Setup: func(env *testscript.Env) error {
			env.Setenv("KAFKA", os.Getenv("KAFKA_BROKERS"))
			env.Setenv("RUN", fmt.Sprint(os.Getpid())) // for names of topics on a cluster that is used again
			env.Setenv("HOME", env.WorkDir)            // nobody's kcat.conf
			env.Setenv("KCAT_CONFIG", "")
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "kafka" {
				return os.Getenv("KAFKA_BROKERS") != "", nil
			}
			return false, fmt.Errorf("there is no condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"serve": serveInScript},
	})
}

// serveInScript is the command serve NAME ARGUMENT...: it starts gokasim serve, puts its bootstrap servers into the variable NAME, and ends it with the script.
func serveInScript(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: serve NAME ARGUMENT...")
	}
	cmd := exec.Command("gokasim", append([]string{"serve", "--listen", "127.0.0.1:0"}, args[1:]...)...)
	cmd.Dir = ts.Getenv("WORK")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = cmd.Wait() // it has ended
		ts.Fatalf("serve: %v; standard error:\n%s", err, &stderr)
	}
	ts.Setenv(args[0], strings.TrimSpace(line))
	ts.Defer(func() {
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended
		if err := cmd.Wait(); err != nil {
			ts.Logf("serve: %v; standard error:\n%s", err, &stderr)
		}
	})
}

// saramaProgram is a program as users write it: it produces records with sarama, and counts them in a consumer group until all were seen.
func saramaProgram() {
	brokers, topic, group := strings.Split(os.Args[1], ","), os.Args[2], os.Args[3]
	if err := produceAndCount(brokers, topic, group, 500); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func produceAndCount(brokers []string, topic, group string, n int) (err error) {
	config := sarama.NewConfig()
	config.Version = sarama.V3_6_0_0
	config.Producer.Return.Successes = true
	config.Producer.Idempotent, config.Producer.RequiredAcks, config.Net.MaxOpenRequests = true, sarama.WaitForAll, 1
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	producer, err := sarama.NewSyncProducer(brokers, config)
	if err != nil {
		return err
	}
	batch := make([]*sarama.ProducerMessage, n)
	for i := range batch {
		batch[i] = &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder(fmt.Sprint(i)), Value: sarama.StringEncoder("v")}
	}
	if err := producer.SendMessages(batch); err != nil {
		return err
	}
	if err := producer.Close(); err != nil {
		return err
	}
	members, err := sarama.NewConsumerGroup(brokers, group, config)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := &counter{seen: map[string]bool{}, want: n}
	if err := members.Consume(ctx, []string{topic}, c); err != nil {
		return err
	}
	if err := members.Close(); err != nil {
		return err
	}
	_, err = fmt.Printf("%d of %d\n", len(c.seen), n)
	return err
}

// counter counts the keys of one partition.
type counter struct {
	seen map[string]bool
	want int
}

func (*counter) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (*counter) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (c *counter) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for len(c.seen) < c.want {
		select {
		case m, ok := <-claim.Messages():
			if !ok {
				return nil
			}
			c.seen[string(m.Key)] = true
			session.MarkMessage(m, "")
		case <-session.Context().Done():
			return nil
		}
	}
	return nil
}
