package wire

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// brokerProgram is command broker, built.
var brokerProgram string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "broker")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	brokerProgram = filepath.Join(dir, "broker")
	code := 1
	if out, err := exec.Command("go", "build", "-o", brokerProgram, "./broker").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir) // it is in the system's own place for such
	os.Exit(code)
}

// kinds are the brokers that are measured.
func kinds() []string {
	if os.Getenv("KAFKA_BROKERS") != "" {
		return []string{"memkafka", "kfake", "kafka"}
	}
	return []string{"memkafka", "kfake"}
}

// process is a broker in a process of its own.
type process struct {
	addr string
	in   io.WriteCloser
	out  *bufio.Reader
	cmd  *exec.Cmd
}

// start starts a broker, which ends with the benchmark.
func start(b *testing.B, kind string) *process {
	b.Helper()
	if kind == "kafka" {
		return &process{addr: os.Getenv("KAFKA_BROKERS")}
	}
	p := &process{cmd: exec.Command(brokerProgram, kind)}
	p.cmd.Stderr = os.Stderr
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		b.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	line, err := p.out.ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	p.addr = strings.TrimSpace(line)
	return p
}

func (p *process) stop(b *testing.B) {
	b.Helper()
	if p.cmd == nil {
		return
	}
	if err := errors.Join(p.in.Close(), p.cmd.Wait()); err != nil {
		b.Fatal(err)
	}
}

// cpu is how many seconds of processor time the broker took so far; 0 if nobody knows.
func (p *process) cpu(b *testing.B) float64 {
	b.Helper()
	if p.cmd == nil {
		return cpuOf(b, os.Getenv("KAFKA_PID"))
	}
	if _, err := fmt.Fprintln(p.in); err != nil {
		b.Fatal(err)
	}
	line, err := p.out.ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	seconds, err := strconv.ParseFloat(strings.TrimSpace(line), 64)
	if err != nil {
		b.Fatal(err)
	}
	return seconds
}

// cpuOf asks Linux for the processor time of another process.
func cpuOf(b *testing.B, pid string) float64 {
	b.Helper()
	if pid == "" {
		return 0
	}
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		b.Fatal(err)
	}
	const user, ticks = 11, 100 // fields after the name; ticks in a second
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	var sum float64
	for _, f := range fields[user : user+2] {
		n, err := strconv.ParseFloat(f, 64)
		if err != nil {
			b.Fatal(err)
		}
		sum += n
	}
	return sum / ticks
}

// newTopic makes a topic with a name of its own.
func newTopic(b *testing.B, addr string, partitions int32) string {
	b.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	request := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic = fmt.Sprintf("bench-%d", time.Now().UnixNano())
	topic.NumPartitions, topic.ReplicationFactor = partitions, 1
	request.Topics = append(request.Topics, topic)
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		b.Fatal(err)
	}
	if code := response.Topics[0].ErrorCode; code != 0 {
		b.Fatalf("create topic: error code %d", code)
	}
	return topic.Topic
}
