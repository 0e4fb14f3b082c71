//go:build unix

package main

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
)

func TestAnInterruptEndsItCleanly(t *testing.T) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGUSR1)
	defer stop()
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	var out, err strings.Builder
	if code := run(ctx, []string{"replay", "../../examples/flights"}, &out, &err); code != 1 || !strings.HasSuffix(err.String(), "gokasim: interrupted\n") {
		t.Errorf("status %d, stderr %q", code, err.String())
	}
}
