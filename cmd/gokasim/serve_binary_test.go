package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program is gokasim, built; in short runs it is this test, called gokasim.
func program(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		path, err := exec.LookPath("gokasim")
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	path := filepath.Join(t.TempDir(), "gokasim")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// consecutive is the first of n ports that follow one another and are free.
func consecutive(t *testing.T, n int) int {
	t.Helper()
	for range 50 {
		first, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		held := []net.Listener{first}
		port := first.Addr().(*net.TCPAddr).Port
		for i := 1; i < n && err == nil; i++ {
			var l net.Listener
			if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+i))); err == nil {
				held = append(held, l)
			}
		}
		for _, l := range held {
			_ = l.Close() // it was not used
		}
		if err == nil {
			return port
		}
	}
	t.Skip("no ports in a row are free")
	return 0
}

// TestServeAsAProgram starts brokers as their users do, and ends them by a signal.
func TestServeAsAProgram(t *testing.T) {
	path := program(t)
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			port := consecutive(t, 3)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, path, "serve", "--listen", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), "--brokers", "3",
				"--topic", "orders:3", "-c", "num.partitions=2", "--as-version", "3.6")
			var stderr strings.Builder
			cmd.Stderr = &stderr
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewReader(out)
			first, err := lines.ReadString('\n')
			if err != nil {
				t.Fatalf("no first line: %v", err)
			}
			var want []string
			for i := range 3 {
				want = append(want, net.JoinHostPort("127.0.0.1", strconv.Itoa(port+i)))
			}
			if first != strings.Join(want, ",")+"\n" {
				t.Errorf("the first line is %q, want %v", first, want)
			}
			for _, broker := range want {
				const metadataOfAll = "\x00\x03\x00\x00\x00\x00\x00\x07\x00\x04test\x00\x00\x00\x00" // version 0
				if answer := asks(t, broker, metadataOfAll); !strings.Contains(answer, "\x00\x06orders") {
					t.Errorf("broker %s says %q", broker, answer)
				}
			}
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			rest, err := io.ReadAll(lines)
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil || len(rest) > 0 {
				t.Errorf("%v after %q on standard output, want exit status 0 and no more; standard error:\n%s", err, rest, &stderr)
			}
		})
	}
}

// TestServeThatCannotStart ends at once, with a line that says why.
func TestServeThatCannotStart(t *testing.T) {
	path := program(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }() // it was not used
	for _, tc := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"port in use", []string{"--listen", taken.Addr().String()}, 1, "address already in use; give another --listen, or port 0 for a free one"},
		{"unknown flag", []string{"--partitions", "3"}, 2, "unknown flag: --partitions"},
		{"unknown release", []string{"--as-version", "9.9"}, 2, `"9.9" is no release of Apache Kafka`},
		{"bad value", []string{"-c", "num.partitions=many"}, 2, "Invalid value many for configuration num.partitions"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, path, append([]string{"serve"}, tc.args...)...)
			var stdout, stderr strings.Builder
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			var exit *exec.ExitError
			if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != tc.code {
				t.Errorf("%v, want exit status %d", err, tc.code)
			}
			if stdout.Len() > 0 || !strings.Contains(stderr.String(), tc.want) {
				t.Errorf("standard output %q, standard error:\n%s\nwant: %s", &stdout, &stderr, tc.want)
			}
		})
	}
}

func TestHelpOfServeSaysWhatDiffersFromKafka(t *testing.T) {
	_, stdout, _ := runWith(t, "serve", "--help")
	for _, want := range []string{"group.initial.rebalance.delay.ms", "127.0.0.1:9092", "--as-version", "SIGTERM"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("it does not mention %s:\n%s", want, stdout)
		}
	}
}
