//go:build unix

package load

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gokasim/gokasim/cmd/gokasim/internal/connect"
	"github.com/gokasim/gokasim/memkafka"
)

// loading is a load from a pipe into a cluster.
func loading(ctx context.Context, t *testing.T) (c *memkafka.Cluster, pipe string, result func() error) {
	t.Helper()
	t.Setenv("HOME", t.TempDir()) // nobody's kcat.conf
	c = memkafka.New()
	t.Cleanup(c.Close)
	l, err := c.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	pipe = filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	config, err := (&connect.Flags{Brokers: []string{l.Bootstrap()}}).Read()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := Run(ctx, config, Options{
			Inputs: []string{pipe}, Topic: "ticks", Patience: 10 * time.Second, Stuck: time.Second,
			Say: func(string, ...any) {}, Begin: func(int64) {}, Show: func(int64, int64) {}, Broken: func(string) {},
		})
		done <- err
	}()
	return c, pipe, func() error {
		select {
		case err := <-done:
			return err
		case <-time.After(30 * time.Second):
			return errStuck
		}
	}
}

var errStuck = errors.New("the load does not end")

const record = `{"topic":"ticks","partition":0,"ts":1700000000000,"key":"k","payload":"v"}` + "\n"

func open(t *testing.T, pipe string) *os.File {
	t.Helper()
	w, err := os.OpenFile(pipe, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() }) // a test may have closed it
	return w
}

func write(t *testing.T, w *os.File, text string) {
	t.Helper()
	if _, err := w.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func TestAPipeIsLoadedWhole(t *testing.T) {
	c, pipe, result := loading(t.Context(), t)
	w := open(t, pipe)
	write(t, w, strings.Repeat(record, 10))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := result(); err != nil {
		t.Fatal(err)
	}
	if records, err := c.Fetch("ticks", 0, 0, 20); err != nil || len(records) != 10 {
		t.Errorf("%d records, %v", len(records), err)
	}
}

func TestALoadEndsWhenTheClusterIsGone(t *testing.T) {
	c, pipe, result := loading(t.Context(), t)
	w := open(t, pipe)
	write(t, w, record)
	for deadline := time.Now().Add(20 * time.Second); ; {
		if records, err := c.Fetch("ticks", 0, 0, 1); err == nil && len(records) == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the first record does not arrive")
		}
	}
	c.Close()
	write(t, w, record)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	// Whether the acknowledgement of the first record came through before the end is up to the broker.
	if err := result(); err == nil || errors.Is(err, errStuck) || !strings.Contains(err.Error(), "records were loaded before") {
		t.Errorf("got %v", err)
	}
}

func TestALoadIsInterruptedWhileItsPipeGivesNothing(t *testing.T) {
	ctx, interrupt := context.WithCancelCause(t.Context())
	_, pipe, result := loading(ctx, t)
	open(t, pipe)
	interrupt(errors.New("terminated signal received")) // as signal.NotifyContext says
	if err := result(); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "context canceled; 0 records were loaded before") {
		t.Errorf("got %v", err)
	}
}
