package tester_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// streamsVersion is that of kafka-streams-test-utils in streams/pom.xml.
const streamsVersion = "4.3.1"

// streamsJars returns where the jars are, which it fetches when they are missing.
var streamsJars = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "gokasim-bench", "kafka-streams-"+streamsVersion)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	part := dir + ".part"
	mvn := exec.Command("mvn", "-q", "-B", "-f", filepath.Join("streams", "pom.xml"), "dependency:copy-dependencies", "-DoutputDirectory="+part)
	if out, err := mvn.CombinedOutput(); err != nil {
		return "", fmt.Errorf("fetch Kafka Streams with %s: %w\n%s", mvn, err, out)
	}
	return dir, os.Rename(part, dir)
})

// jvm is a java that does one work of streams/Streams.java.
type jvm struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
}

var jvms = map[string]*jvm{} // by work, each started once: a benchmark runs several times until it is long enough

// endJVMs ends all of them.
func endJVMs() {
	for _, j := range jvms {
		_ = j.in.Close()
		_ = j.command.Wait()
	}
}

// jvmOf returns the java for a work, which it has done so many times.
func jvmOf(work string, before int) (*jvm, error) {
	if j := jvms[work]; j != nil {
		return j, nil
	}
	jars, err := streamsJars()
	if err != nil {
		return nil, err
	}
	j := &jvm{command: exec.Command("java", "-cp", filepath.Join(jars, "*"), filepath.Join("streams", "Streams.java"), work, fmt.Sprint(before))}
	j.command.Stderr = os.Stderr
	if j.in, err = j.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := j.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	j.out = bufio.NewReader(out)
	if err := j.command.Start(); err != nil {
		return nil, err
	}
	jvms[work] = j
	if line, err := j.out.ReadString('\n'); line != "ready\n" {
		return nil, fmt.Errorf("java began with %q (%v)", line, err)
	}
	return j, nil
}

// topologyTestDriver has a TopologyTestDriver do a work of streams/Streams.java as often as b asks for, after so many times
// without measuring.
func topologyTestDriver(b *testing.B, work string, before int) {
	for _, command := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(command); err != nil {
			b.Skipf("%v: TopologyTestDriver is measured where java and mvn are", err)
		}
	}
	j, err := jvmOf(work, before)
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	if _, err := fmt.Fprintln(j.in, b.N); err != nil {
		b.Fatal(err)
	}
	var nanoseconds, bytes int64
	if _, err := fmt.Fscan(j.out, &nanoseconds, &bytes); err != nil {
		b.Fatalf("answer of java: %v", err)
	}
	b.StopTimer()
	b.ReportMetric(float64(nanoseconds)/float64(b.N), "ns/op")
	b.ReportMetric(float64(bytes)/float64(b.N), "java-B/op")
}
