package java

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gokasim/gokasim/parity/clients/internal/rig"
)

// distribution is the release of Kafka whose tools and clients are run; pom.xml says the same.
const distribution = "kafka-4.3.0"

func TestMain(m *testing.M) {
	rig.Main(m, theShell.close)
}

// jars is the directory of the distribution's jars.
func jars(t *testing.T) string {
	t.Helper()
	rig.Tool(t, "java", "install a JDK, 17 or newer")
	rig.Tool(t, "javac", "install a JDK, 17 or newer")
	return rig.Fetched(t, distribution, func(dir string) error {
		out, err := exec.Command("mvn", "-q", "-B", "-f", "pom.xml", "dependency:copy-dependencies", "-DoutputDirectory="+dir).CombinedOutput()
		if errors.Is(err, exec.ErrNotFound) {
			return fmt.Errorf("Maven is not installed: %w", err)
		}
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
}

var compiled struct {
	once sync.Once
	dir  string
	err  error
}

// classes is the directory of the compiled programs beside this file.
func classes(t *testing.T) string {
	t.Helper()
	all := filepath.Join(jars(t), "*")
	compiled.once.Do(func() {
		if compiled.dir, compiled.err = os.MkdirTemp("", "gokasim-parity-classes-"); compiled.err != nil {
			return
		}
		sources, err := filepath.Glob("*.java")
		if err != nil {
			compiled.err = err
			return
		}
		args := append([]string{"-J-Xmx256m", "-J-XX:TieredStopAtLevel=1", "-proc:none", "-cp", all, "-d", compiled.dir}, sources...)
		if out, err := exec.Command("javac", args...).CombinedOutput(); err != nil {
			compiled.err = fmt.Errorf("javac: %w\n%s", err, out)
		}
	})
	if compiled.err != nil {
		t.Fatal(compiled.err)
	}
	return compiled.dir
}

// machine is the command line of a Java virtual machine, small and quick to start, and of a program.
func machine(classpath []string, class string, args ...string) []string {
	return append([]string{
		"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
		"-cp", strings.Join(classpath, string(filepath.ListSeparator)), class,
	}, args...)
}

// start runs a program of the distribution, or one beside this file, in a process of its own.
func start(t *testing.T, class string, args ...string) *rig.Process {
	t.Helper()
	return rig.Start(t, "java", machine([]string{classes(t), filepath.Join(jars(t), "*")}, class, args...)...)
}

// shell is a Java virtual machine in which programs run one after the other; Shell.java is its other end.
type shell struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout io.Reader
}

var theShell shell

func (s *shell) open(t *testing.T) {
	t.Helper()
	if s.cmd != nil {
		return
	}
	all, err := filepath.Glob(filepath.Join(jars(t), "*.jar"))
	if err != nil {
		t.Fatal(err)
	}
	shared, each := []string{classes(t)}, []string{}
	for _, jar := range all {
		if name := filepath.Base(jar); strings.HasPrefix(name, "kafka-tools-4") || strings.HasPrefix(name, "kafka_") {
			each = append(each, jar)
		} else {
			shared = append(shared, jar)
		}
	}
	if len(each) != 2 {
		t.Fatalf("%s lacks the jars of the tools", jars(t))
	}
	cmd := exec.Command("java", machine(shared, "Shell", each...)...)
	cmd.Stderr = os.Stderr
	if s.stdin, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if s.stdout, err = cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.cmd = cmd
}

// close ends the machine.
func (s *shell) close() {
	if s.cmd != nil {
		_ = s.stdin.Close() // which ends it
		_ = s.cmd.Wait()
		s.cmd = nil
	}
	if compiled.dir != "" {
		_ = os.RemoveAll(compiled.dir)
	}
}

// run runs a program to its end. One that takes too long ends the test, and the machine.
func (s *shell) run(t *testing.T, stdin, class string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	s.open(t)
	cmd := s.cmd
	late := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	request := binary.BigEndian.AppendUint32(nil, uint32(len(args)+1))
	for _, word := range append(append([]string{class}, args...), stdin) {
		request = append(binary.BigEndian.AppendUint32(request, uint32(len(word))), word...)
	}
	fail := func(err error) {
		_ = s.stdin.Close()
		_ = s.cmd.Wait()
		s.cmd = nil
		t.Fatalf("%s %q: %v", class, args, err)
	}
	if _, err := s.stdin.Write(request); err != nil {
		fail(err)
	}
	number := func() int {
		var b [4]byte
		if _, err := io.ReadFull(s.stdout, b[:]); err != nil {
			fail(err)
		}
		return int(binary.BigEndian.Uint32(b[:]))
	}
	text := func() string {
		b := make([]byte, number())
		if _, err := io.ReadFull(s.stdout, b); err != nil {
			fail(err)
		}
		return string(b)
	}
	code = number()
	return text(), text(), code
}
