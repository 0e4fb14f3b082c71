package rig

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// patience is how long anything here may take: clients start slowly on a busy machine.
const patience = 2 * time.Minute

// Broker is what a client is pointed at.
type Broker struct {
	// Servers are its bootstrap servers, comma-separated.
	Servers string
	// Kafka tells that it is Apache Kafka, named by KAFKA_BROKERS.
	Kafka bool
}

// shared is the gokasim serve that the cases of a package have in common.
var shared struct {
	once    sync.Once
	binary  string // of gokasim
	broker  Broker
	process *Process
	err     error
}

// Main is a package's TestMain: it runs the tests, then what ends is told, and ends the broker that they shared.
func Main(m *testing.M, end ...func()) {
	flag.Parse()
	code := m.Run()
	for _, f := range end {
		f()
	}
	if p := shared.process; p != nil {
		if err := p.end(); err != nil {
			fmt.Fprintf(os.Stderr, "gokasim serve: %v\n%s", err, p.Errors())
			code = 1
		}
	}
	if shared.binary != "" {
		_ = os.RemoveAll(filepath.Dir(shared.binary))
	}
	os.Exit(code)
}

// Each runs a case on a cluster of three brokers of gokasim serve, which the package's cases share and where members of
// KIP-848 groups speak ten times as often as usual, and then on
// Apache Kafka if KAFKA_BROKERS names its bootstrap servers. What the case expects is thereby known to be Kafka's own.
func Each(t *testing.T, run func(t *testing.T, b Broker)) {
	t.Helper()
	t.Run("memkafka", func(t *testing.T) {
		run(t, Shared(t))
	})
	if servers := os.Getenv("KAFKA_BROKERS"); servers != "" {
		t.Run("kafka", func(t *testing.T) { run(t, Broker{Servers: servers, Kafka: true}) })
	}
}

// Shared is the cluster of three brokers that the package's cases share.
func Shared(t *testing.T) Broker {
	t.Helper()
	shared.once.Do(func() {
		shared.process, shared.broker, shared.err = serve("--brokers", "3", "-c", "group.consumer.heartbeat.interval.ms=500")
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.broker
}

// Serve starts a gokasim serve of the case's own, with what args add to its command line. It ends with the case.
func Serve(t *testing.T, args ...string) Broker {
	t.Helper()
	p, b, err := serve(args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.end(); err != nil {
			t.Errorf("gokasim serve: %v", err)
		}
		if t.Failed() {
			t.Logf("gokasim serve said:\n%s", p.Errors())
		}
	})
	return b
}

func serve(args ...string) (*Process, Broker, error) {
	binary, err := gokasim()
	if err != nil {
		return nil, Broker{}, err
	}
	p, err := start(exec.Command(binary, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...))
	if err != nil {
		return nil, Broker{}, err
	}
	servers, err := p.await(func(line string) bool { return line != "" })
	if err != nil {
		return nil, Broker{}, errors.Join(fmt.Errorf("gokasim serve %q: no bootstrap servers: %w", args, err), p.end())
	}
	return p, Broker{Servers: servers}, nil
}

var building sync.Mutex // guards shared.binary

// gokasim is the binary that GOKASIM names, or else one built from this tree.
func gokasim() (string, error) {
	if binary := os.Getenv("GOKASIM"); binary != "" {
		return binary, nil
	}
	building.Lock()
	defer building.Unlock()
	if shared.binary != "" {
		return shared.binary, nil
	}
	dir, err := os.MkdirTemp("", "gokasim-parity-")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "gokasim")
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/gokasim/gokasim").Output()
	if err != nil {
		return "", fmt.Errorf("look for the module of gokasim: %w", err)
	}
	build := exec.Command("go", "build", "-o", binary, "./cmd/gokasim")
	build.Dir = strings.TrimSpace(string(root))
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build gokasim: %w\n%s", err, out)
	}
	shared.binary = binary
	return binary, nil
}

var names atomic.Int64

// Name makes a name for a topic or a group that nobody else has, on a broker that outlives the case.
func Name(base string) string {
	return fmt.Sprintf("%s-%d-%d", base, time.Now().UnixMilli(), names.Add(1))
}

// Missing ends a case whose client is not on this machine: it is skipped, or fails if PARITY=required.
func Missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("PARITY") == "required" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// Tool is the path of a program that has to be installed.
func Tool(t *testing.T, name, how string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, "%s is not installed: %s", name, how)
	}
	return path
}

// Fetched is a directory in the user's cache that fetch fills once, under a name that holds the version of what it fetches.
// If it cannot be fetched the case ends as in Missing.
func Fetched(t *testing.T, name string, fetch func(dir string) error) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "gokasim-parity", name)
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	part, err := os.MkdirTemp(filepath.Dir(dir), name+".part-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(part) }()
	if err := fetch(part); err != nil {
		Missing(t, "%s cannot be fetched: %v", name, err)
	}
	if err := os.Rename(part, dir); err != nil {
		if _, other := os.Stat(dir); other != nil { // else somebody else was first
			t.Fatal(err)
		}
	}
	return dir
}

// Process is a client, or a broker, that runs beside the test.
type Process struct {
	cmd    *exec.Cmd
	stderr buffer
	done   chan struct{} // closed when it has ended
	err    error         // how it ended; read after done

	mu    sync.Mutex    // guards all below
	lines []string      // what came on standard output, since the last line that was awaited
	rest  []byte        // a line that has not ended
	more  chan struct{} // closed and replaced when lines grow
}

// buffer is a bytes.Buffer that is written and read at once.
type buffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// Start runs a program beside the test. It is killed at the end of the case if it still runs.
func Start(t *testing.T, name string, args ...string) *Process {
	t.Helper()
	p, err := start(exec.Command(name, args...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%s said:\n%s\n%s", filepath.Base(name), strings.Join(p.lines, "\n"), p.Errors())
		}
	})
	return p
}

func start(cmd *exec.Cmd) (*Process, error) {
	p := &Process{cmd: cmd, done: make(chan struct{}), more: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = (*output)(p), &p.stderr
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// output takes a process's standard output.
type output Process

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.rest = append(o.rest, b...)
	for {
		line, rest, whole := bytes.Cut(o.rest, []byte("\n"))
		if !whole {
			break
		}
		o.lines, o.rest = append(o.lines, string(line)), rest
	}
	close(o.more)
	o.more = make(chan struct{})
	return len(b), nil
}

// Await waits for a line on standard output that is as wanted, drops those before it, and returns it.
func (p *Process) Await(t *testing.T, what string, wanted func(line string) bool) string {
	t.Helper()
	line, err := p.await(wanted)
	if err != nil {
		t.Fatalf("waiting for %s: %v", what, err)
	}
	return line
}

func (p *Process) await(wanted func(line string) bool) (string, error) {
	late := time.After(patience)
	for ended := false; ; {
		p.mu.Lock()
		for i, line := range p.lines {
			if wanted(line) {
				p.lines = p.lines[i+1:]
				p.mu.Unlock()
				return line, nil
			}
		}
		more := p.more
		p.mu.Unlock()
		if ended {
			return "", fmt.Errorf("it has ended: %w\n%s", p.err, p.Errors())
		}
		select {
		case <-more:
		case <-p.done:
			ended = true // what it said last is looked at once more
		case <-late:
			return "", fmt.Errorf("nothing of the kind in %v\n%s", patience, p.Errors())
		}
	}
}

// Errors is what the process wrote to standard error so far.
func (p *Process) Errors() string { return p.stderr.String() }

// Kill ends the process at once, as kill -9 does.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// Interrupt asks the process to end by a signal, and waits for that.
func (p *Process) Interrupt(t *testing.T) {
	t.Helper()
	if err := p.end(); err != nil {
		t.Errorf("%s: %v\n%s", p.cmd.Path, err, p.Errors())
	}
}

// Wait waits until the process has ended by itself, which has to be without an error.
func (p *Process) Wait(t *testing.T) {
	t.Helper()
	select {
	case <-p.done:
		if p.err != nil {
			t.Fatalf("%s: %v\n%s", p.cmd.Path, p.err, p.Errors())
		}
	case <-time.After(patience):
		t.Fatalf("%s has not ended in %v\n%s", p.cmd.Path, patience, p.Errors())
	}
}

// end asks the process to end, and kills it if it does not.
func (p *Process) end() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.done:
		var exit *exec.ExitError
		if errors.As(p.err, &exit) && (exit.ExitCode() == 143 || exit.Sys().(syscall.WaitStatus).Signaled()) {
			return nil // 143 is how Java says that it was asked to
		}
		return p.err
	case <-time.After(30 * time.Second):
		p.Kill()
		return errors.New("it did not end when asked to")
	}
}

// Run runs a program to its end, which has to be without an error, and returns its standard output.
func Run(t *testing.T, stdin, name string, args ...string) string {
	t.Helper()
	stdout, stderr, err := Try(t, stdin, name, args...)
	if err != nil {
		t.Fatalf("%s %q: %v\n%s\n%s", filepath.Base(name), args, err, stdout, stderr)
	}
	return stdout
}

// Try runs a program to its end.
func Try(t *testing.T, stdin, name string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	cmd.WaitDelay = 10 * time.Second
	err = cmd.Run()
	if ctx.Err() != nil {
		err = fmt.Errorf("it has not ended in %v: %w", patience, err)
	}
	return out.String(), errs.String(), err
}

// Eventually asks until the answer is as wanted: for what other processes bring about.
func Eventually(t *testing.T, what string, ask func() (answer string, ok bool)) {
	t.Helper()
	late := time.After(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		answer, ok := ask()
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s: not in %v, last seen:\n%s", what, patience, answer)
		}
	}
}
