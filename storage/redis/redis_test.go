package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/gokasim/gokasim/storage"
	"github.com/gokasim/gokasim/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// client returns a client of the server at addr that is closed with the test.
func client(t *testing.T, addr string) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: addr, Protocol: 2, DisableIdentity: true, MaxRetries: -1})
	t.Cleanup(func() { c.Close() })
	return c
}

// open returns an open storage that is closed with the test.
func open(t *testing.T, c *redis.Client, hash string) storage.Storage {
	t.Helper()
	st, err := New(c, hash)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

func TestRedisKeepsTheContract(t *testing.T) {
	server := miniredis.RunT(t)
	rangesByLexAsRedisDoes(server)
	c := client(t, server.Addr())
	storagetest.Run(t, func(place string) (storage.Storage, error) { return New(c, place) }, storagetest.WithCrash(serverGoesOn))
}

// rangesByLexAsRedisDoes answers ZRANGEBYLEX key min max LIMIT 0 count in the place of miniredis, which takes the keys "+" and "-" of
// a bound, "(+" or "[-", for the end and the beginning of everything.
func rangesByLexAsRedisDoes(m *miniredis.Miniredis) {
	m.Server().SetPreHook(func(peer *server.Peer, command string, args ...string) bool {
		if command != "ZRANGEBYLEX" {
			return false
		}
		lowest, highest := args[1], args[2]
		most, err := strconv.Atoi(args[5])
		if err != nil {
			peer.WriteError("ERR " + err.Error())
			return true
		}
		all, _ := m.ZMembers(args[0]) // nothing where there is no such key
		slices.Sort(all)
		var members []string
		for _, member := range all {
			behind := member > lowest[1:] || lowest[0] == '[' && member == lowest[1:]
			before := highest == "+" || member < highest[1:]
			if behind && before && len(members) < most {
				members = append(members, member)
			}
		}
		peer.WriteStrings(members)
		return true
	})
}

// serverGoesOn is what a crash of this process leaves: all that the server was told.
func serverGoesOn(_ storage.Storage, place string) (string, error) { return place, nil }

func TestBuilderGivesEachPartitionKeysOfItsOwn(t *testing.T) {
	server := miniredis.RunT(t)
	build := RedisBuilder(client(t, server.Addr()), "app")
	for partition := range int32(2) {
		st, err := build("clicks", partition)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(st.Open(), st.Set("__offset", []byte{'0' + byte(partition)}), st.SetOffset(int64(partition)), st.Close()); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"{app:clicks:0}:offset", "{app:clicks:0}:order", "{app:clicks:0}:rows",
		"{app:clicks:1}:offset", "{app:clicks:1}:order", "{app:clicks:1}:rows",
	}
	if got := server.Keys(); !slices.Equal(got, want) {
		t.Errorf("keys of the server are %q, want %q", got, want)
	}
	if got := server.HGet("{app:clicks:1}:rows", "__offset"); got != "1" {
		t.Errorf("row of partition 1 is %q", got)
	}
}

func TestMissingSettingsAreNamed(t *testing.T) {
	if _, err := RedisBuilder(client(t, "localhost:1"), "")("clicks", 1); err == nil || !strings.Contains(err.Error(), "namespace") {
		t.Errorf("without a namespace: %v", err)
	}
	if _, err := RedisBuilder(nil, "app")("clicks", 1); err == nil || !strings.Contains(err.Error(), "client is nil") {
		t.Errorf("without a client: %v", err)
	}
	if _, err := New(nil, ""); err == nil || !strings.Contains(err.Error(), "client is nil") || !strings.Contains(err.Error(), "hash is empty") {
		t.Errorf("without anything: %v", err)
	}
}

func TestD44_IteratorReadsManyPagesInOrder(t *testing.T) {
	st := open(t, client(t, miniredis.RunT(t).Addr()), "many")
	const rows = 3*mostRows + 7
	var batch []storage.Row
	for i := range rows {
		batch = append(batch, storage.Row{Key: fmt.Sprintf("%05d", i), Value: []byte("old")})
	}
	if err := st.(storage.BatchWriter).WriteBatch(batch, 1); err != nil {
		t.Fatal(err)
	}
	it, err := st.Iterator()
	if err != nil {
		t.Fatal(err)
	}
	defer it.Release()
	for i := range rows {
		if !it.Next() || string(it.Key()) != fmt.Sprintf("%05d", i) {
			t.Fatalf("row %d is %q, %v", i, it.Key(), it.Err())
		}
		if value, _ := it.Value(); string(value) != "old" {
			t.Fatalf("row %d is %q", i, value)
		}
		// The writer changes the row shown, the one before it, and one that is pages ahead.
		err := st.(storage.BatchWriter).WriteBatch([]storage.Row{
			{Key: fmt.Sprintf("%05d", i), Value: []byte("new")},
			{Key: fmt.Sprintf("%05d", i-1)},
			{Key: fmt.Sprintf("%05d", (i+700)%rows)},
			{Key: fmt.Sprintf("%05d+", i+1), Value: []byte("new")},
		}, 2)
		if err != nil {
			t.Fatal(err)
		}
	}
	if it.Next() || it.Err() != nil {
		t.Errorf("after the last row: %q, %v", it.Key(), it.Err())
	}
}

func TestServerThatIsNotThereIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	st, err := New(client(t, l.Addr().String()), "away")
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Open(); err == nil || !strings.Contains(err.Error(), l.Addr().String()) || !strings.Contains(err.Error(), `"away"`) {
		t.Errorf("Open without a server: %v", err)
	}
	if _, err := st.Get("a"); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("Get after a failed Open: %v", err)
	}
}

func TestOpenEndsWithItsContext(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and never answers
	if err != nil {
		t.Fatal(err)
	}
	st, err := New(client(t, silent.Addr().String()), "silent")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	given := errors.New("partition is taken away")
	opened := make(chan error, 1)
	go func() { opened <- st.(storage.ContextOpener).OpenContext(ctx) }()
	conn, err := silent.Accept()
	if err != nil {
		t.Fatal(err)
	}
	cancel(given)
	if err := <-opened; !errors.Is(err, given) {
		t.Errorf("Open ended with %v", err)
	}
	conn.Close()
	silent.Close()
}

func TestFailureWhileIterating(t *testing.T) {
	server := miniredis.RunT(t)
	st := open(t, client(t, server.Addr()), "gone")
	for i := range 3 * firstPage {
		if err := st.Set(fmt.Sprintf("%03d", i), []byte("v")); err != nil {
			t.Fatal(err)
		}
	}
	it, err := st.Iterator()
	if err != nil {
		t.Fatal(err)
	}
	defer it.Release()
	if !it.Next() {
		t.Fatal(it.Err())
	}
	server.SetError("LOADING the server is busy")
	seen := 1
	for it.Next() {
		seen++
	}
	if seen != firstPage || it.Err() == nil || it.Key() != nil || it.Seek(nil) {
		t.Errorf("%d rows of the page that was read, error %v", seen, it.Err())
	}
	server.SetError("")
}

func TestServerThatIsFullSaysSo(t *testing.T) {
	server := miniredis.RunT(t)
	st := open(t, client(t, server.Addr()), "full")
	server.SetError("OOM command not allowed when used memory > 'maxmemory'.")
	if err := st.Set("a", []byte("v")); !errors.Is(err, storage.ErrFull) || !strings.Contains(err.Error(), "more memory") {
		t.Errorf("Set on a full server: %v", err)
	}
	server.SetError("")
}

func TestOtherDataUnderTheKeysIsAnError(t *testing.T) {
	server := miniredis.RunT(t)
	if err := errors.Join(server.Set("{taken}:rows", "text"), server.Set("{taken}:offset", "seven")); err != nil {
		t.Fatal(err)
	}
	st := open(t, client(t, server.Addr()), "taken")
	if _, err := st.Get("a"); !errors.Is(err, storage.ErrCorrupt) || !strings.Contains(err.Error(), "delete them") {
		t.Errorf("Get of other data: %v", err)
	}
	if _, err := st.GetOffset(0); !errors.Is(err, storage.ErrCorrupt) || !strings.Contains(err.Error(), `"seven"`) {
		t.Errorf("GetOffset of other data: %v", err)
	}
}

func TestCloseLeavesTheClientOpen(t *testing.T) {
	c := client(t, miniredis.RunT(t).Addr())
	if err := open(t, c, "one").Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Ping(t.Context()).Err(); err != nil {
		t.Errorf("the client is of no use after Close: %v", err)
	}
}
