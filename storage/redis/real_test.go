package redis

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gokasim/gokasim/storage"
	"github.com/gokasim/gokasim/storage/storagetest"
)

// realServer returns a client of the server that GOKASIM_REDIS names (host:port; the tests leave no key behind), or of
// one that is started for the test when redis-server is on PATH. Without either the test is skipped, or fails if
// GOKASIM_REDIS is "required".
func realServer(t *testing.T, config ...string) *redis.Client {
	t.Helper()
	named := os.Getenv("GOKASIM_REDIS")
	if named != "" && named != "required" && len(config) == 0 {
		c := client(t, named)
		t.Cleanup(func() { c.FlushDB(context.Background()) })
		return c
	}
	path, err := exec.LookPath("redis-server")
	if err != nil {
		if named == "required" {
			t.Fatalf("GOKASIM_REDIS=required: %v", err)
		}
		t.Skip("no redis-server on PATH and GOKASIM_REDIS not set")
	}
	dir, err := os.MkdirTemp("", "redis") // t.TempDir's names are too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	server := exec.Command(path, append([]string{"--port", "0", "--unixsocket", socket, "--save", "", "--dir", dir}, config...)...)
	var out strings.Builder
	server.Stdout, server.Stderr = &out, &out
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
		if t.Failed() {
			t.Logf("redis-server said:\n%s", &out)
		}
	})
	c := redis.NewClient(&redis.Options{
		Network: "unix", Addr: socket, Protocol: 2, DisableIdentity: true,
		MaxRetries: 30, MinRetryBackoff: time.Millisecond, MaxRetryBackoff: 200 * time.Millisecond,
	})
	t.Cleanup(func() { c.Close() })
	if err := c.Ping(context.Background()).Err(); err != nil { // tried again until the server listens
		t.Fatalf("redis-server does not answer: %v", err)
	}
	return c
}

func TestRealRedisKeepsTheContract(t *testing.T) {
	c := realServer(t)
	storagetest.Run(t, func(place string) (storage.Storage, error) { return New(c, place) }, storagetest.WithCrash(serverGoesOn))
}

func TestRealRedisThatIsFullSaysSoAndLosesNothing(t *testing.T) {
	c := realServer(t, "--maxmemory", "4mb", "--maxmemory-policy", "noeviction")
	st := open(t, c, "full")
	w := st.(storage.BatchWriter)
	value := make([]byte, 100_000)
	var err error
	last := int64(-1)
	for offset := int64(0); err == nil && offset < 100; offset++ {
		row := storage.Row{Key: string(rune('0' + offset)), Value: value}
		if err = w.WriteBatch([]storage.Row{row}, offset); err == nil {
			last = offset
		}
	}
	if !errors.Is(err, storage.ErrFull) || !strings.Contains(err.Error(), "maxmemory") {
		t.Fatalf("a server of 4 MB took everything, or: %v", err)
	}
	if offset, err := st.GetOffset(-1); err != nil || offset != last {
		t.Errorf("the offset is %d, %v, want %d, which was written last", offset, err, last)
	}
	for offset := range last + 1 {
		if value, err := st.Get(string(rune('0' + offset))); err != nil || len(value) != 100_000 {
			t.Errorf("row %d has %d bytes, %v", offset, len(value), err)
		}
	}
	if has, err := st.Has(string(rune('0' + last + 1))); err != nil || has {
		t.Errorf("a row of the batch that failed is there: %v, %v", has, err)
	}
}
