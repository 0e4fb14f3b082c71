package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gokasim/gokasim/internal/page"
)

// freePort is a port that nobody listens at.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return port
}

// answered returns what a server answers to a request.
func answered(t *testing.T, client *http.Client, r *http.Request) (code int, body string) {
	t.Helper()
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func TestServeShowsAPage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "word.avsc")
	if err := os.WriteFile(file, []byte(`"string"`), 0o600); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	brokers, stop := serving(t, "--listen", "127.0.0.1:0", "--topic", "words:1", "--http", ":"+port, "--schema", "words="+file, "--http-user", "me:secret")
	ask := func(path, password string) (int, string) {
		r, err := http.NewRequest(http.MethodGet, "http://127.0.0.1:"+port+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth("me", password)
		return answered(t, http.DefaultClient, r)
	}
	if code, text := ask("/", "secret"); code != http.StatusOK || !strings.Contains(text, "bootstrap.servers="+brokers[0]) {
		t.Errorf("%d %s", code, text)
	}
	if code, text := ask("/schemas?format=json", "secret"); code != http.StatusOK || !strings.Contains(text, `"words:value"`) {
		t.Errorf("%d %s", code, text)
	}
	if code, _ := ask("/", "wrong"); code != http.StatusUnauthorized {
		t.Errorf("with a wrong password: %d", code)
	}
	http.DefaultClient.CloseIdleConnections()
	code, _, stderr := stop()
	if code != 0 || !strings.Contains(stderr, "url=http://127.0.0.1:"+port+"/") { // for this machine only
		t.Errorf("status %d, standard error:\n%s", code, stderr)
	}
}

func TestThePageUsedWrongly(t *testing.T) {
	for args, want := range map[string]string{
		"--schema t=x.avsc":                        "say something only with --http",
		"--http-user a:b":                          "say something only with --http",
		"--http 127.0.0.1:0 --http-user a":         "give NAME:PASSWORD",
		"--http nowhere":                           "give HOST:PORT",
		"--http 127.0.0.1:0 --schema t":            "--schema t",
		"--http 127.0.0.1:0 --schema t=none.avsc":  "--schema t=none.avsc",
		"--http 127.0.0.1:0 --schema a:b=none.txt": "none.txt",
	} {
		code, _, stderr := runWith(t, append([]string{"serve", "--listen", "127.0.0.1:0"}, strings.Fields(args)...)...)
		if code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%s: status %d, standard error:\n%s\nwant %q", args, code, stderr, want)
		}
	}
}

func TestProfilesAreForThisMachine(t *testing.T) {
	server := httptest.NewServer(page.Private(profiles()))
	defer server.Close()
	for _, tc := range []struct {
		path, host, site string
		want             int
		says             string
	}{
		{"/debug/pprof/", "localhost:6060", "", http.StatusOK, "goroutine"},
		{"/debug/pprof/goroutine?debug=1", "127.0.0.1:6060", "same-origin", http.StatusOK, "goroutine profile"},
		{"/debug/pprof/", "rebound.example", "", http.StatusForbidden, `asked for as "rebound.example"`},
		{"/debug/pprof/profile?seconds=60", "localhost", "cross-site", http.StatusForbidden, "another site's page"},
		{"/debug/pprof/cmdline", "localhost", "", http.StatusNotFound, "passwords"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+tc.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = tc.host
		if tc.site != "" {
			r.Header.Set("Sec-Fetch-Site", tc.site)
			r.Header.Set("Sec-Fetch-Mode", "no-cors")
		}
		if code, body := answered(t, server.Client(), r); code != tc.want || !strings.Contains(body, tc.says) {
			t.Errorf("%s of %s: %d %.200s, want %d and %q", tc.path, tc.host, code, body, tc.want, tc.says)
		}
	}
}
