package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/storage/disk"
)

// The environment that makes the test binary a worker.
const (
	workerName    = "GOKA_SOAK_WORKER"
	workerPrefix  = "GOKA_SOAK_PREFIX"
	workerBrokers = "GOKA_SOAK_BROKERS"
	workerTables  = "GOKA_SOAK_TABLES"
)

func TestMain(m *testing.M) {
	if name := os.Getenv(workerName); name != "" {
		if err := work(name); err != nil {
			fmt.Fprintln(os.Stderr, "worker failed:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// work runs a processor of each group until SIGTERM, or until the test is gone.
func work(name string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends with the test, in whatever way that ended
		stop()
	}()
	var (
		running sync.WaitGroup
		failed  sync.Map
	)
	for _, graph := range (names{os.Getenv(workerPrefix)}).graphs() {
		p, err := goka.NewProcessor(strings.Split(os.Getenv(workerBrokers), ","), graph, goka.WithConfig(config()), goka.WithClientID(name),
			goka.WithStorageBuilder(disk.Builder(os.Getenv(workerTables))))
		if err != nil {
			return err
		}
		running.Go(func() {
			if err := p.Run(ctx); err != nil {
				failed.Store(graph.Group(), err)
				stop()
			}
		})
	}
	running.Wait()
	var errs []error
	failed.Range(func(group, err any) bool {
		errs = append(errs, fmt.Errorf("%v: %w", group, err.(error)))
		return true
	})
	return errors.Join(errs...)
}

// worker is a process that is started again whenever it ended. Its tables stay where they are.
type worker struct {
	name   string
	tables string
	env    []string
	log    string
	cmd    *exec.Cmd
	stdin  io.Closer
	ended  chan error
}

func newWorker(dir, name, prefix string, brokers []string) *worker {
	w := &worker{name: name, tables: filepath.Join(dir, name), log: filepath.Join(dir, name+".log")}
	w.env = append(os.Environ(), workerName+"="+name, workerPrefix+"="+prefix, workerBrokers+"="+strings.Join(brokers, ","), workerTables+"="+w.tables)
	return w
}

func (w *worker) start() error {
	log, err := os.OpenFile(w.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	w.cmd = exec.Command(os.Args[0])
	w.cmd.Env, w.cmd.Stdout, w.cmd.Stderr = w.env, log, log
	if w.stdin, err = w.cmd.StdinPipe(); err != nil {
		return err
	}
	if err := w.cmd.Start(); err != nil {
		return err
	}
	w.ended = make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan<- error) { ended <- cmd.Wait() }(w.cmd, w.ended)
	return nil
}

// kill ends the process without a chance to finish anything.
func (w *worker) kill() error {
	if err := w.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("%s ended by itself: %w", w.name, errors.Join(err, <-w.ended))
	}
	if err := <-w.ended; !strings.Contains(fmt.Sprint(err), "signal: killed") {
		return fmt.Errorf("%s ended by itself: %w", w.name, err)
	}
	return nil
}

// stop asks the process to end, which takes it a minute at most.
func (w *worker) stop() error {
	if err := w.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("%s ended by itself: %w", w.name, errors.Join(err, <-w.ended))
	}
	select {
	case err := <-w.ended:
		if err != nil {
			return fmt.Errorf("%s was told to end: %w", w.name, err)
		}
		return nil
	case <-time.After(time.Minute):
		return fmt.Errorf("%s was told to end and still runs after a minute: %w", w.name, w.kill())
	}
}
