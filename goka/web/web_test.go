package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/gorilla/mux"
	"go.uber.org/goleak"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/goka/web/actions"
	"github.com/gokasim/gokasim/goka/web/index"
	"github.com/gokasim/gokasim/goka/web/monitor"
	"github.com/gokasim/gokasim/goka/web/query"
	"github.com/gokasim/gokasim/internal/page/pagetest"
	"github.com/gokasim/gokasim/memkafka"
	_ "github.com/gokasim/gokasim/memkafka/saramaclient"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick")) // never ends once sarama was used
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// shows asks for a page, which has to have all parts.
func shows(t *testing.T, h http.Handler, target string, parts ...string) string {
	t.Helper()
	w := pagetest.Ask(h, "GET", target, nil)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", target, w.Code, w.Body)
	}
	for _, part := range parts {
		if !strings.Contains(w.Body.String(), part) {
			t.Errorf("%s lacks %q:\n%s", target, part, w.Body)
		}
	}
	if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe-inline") && !strings.HasSuffix(target, ".svg") {
		t.Errorf("%s has the policy %q", target, policy)
	}
	return w.Body.String()
}

const script = "<script>alert(1)</script>"

// program is a program with processors, a view and all servers.
type program struct {
	t         *testing.T
	cluster   *memkafka.Cluster
	brokers   []string
	root      http.Handler
	monitor   *monitor.Server
	query     *query.Server
	actions   *actions.Server
	processor *goka.Processor
	view      *goka.View
}

// inProgram runs a test on a program whose servers are attached to one kind of router.
func inProgram(t *testing.T, gorilla bool, f func(p *program)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cluster := memkafka.New(memkafka.WithInitialRebalanceDelay(0))
		defer cluster.Close()
		release, err := memkafka.SetNamed(t.Name(), cluster)
		check(t, err)
		defer release()
		p := &program{t: t, cluster: cluster, brokers: []string{"mem://" + t.Name()}}
		check(t, cluster.CreateTopic("in", 2))
		p.processor, err = goka.NewProcessor(p.brokers, goka.DefineGroup("g",
			goka.Input("in", new(codec.String), func(ctx goka.Context, msg any) { ctx.SetValue(msg) }),
			goka.Persist(new(codec.String)), goka.TableSuffix(".state")), goka.WithLogger(logger.Discard()))
		check(t, err)
		p.view, err = goka.NewView(p.brokers, "g.state", new(codec.String), goka.WithViewLogger(logger.Discard()))
		check(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		ran, viewed := make(chan error, 1), make(chan error, 1)
		go func() { ran <- p.processor.Run(ctx) }()
		go func() { viewed <- p.view.Run(ctx) }()
		check(t, p.processor.WaitForReady())
		<-p.view.WaitRunning()
		e, err := goka.NewEmitter(p.brokers, "in", new(codec.String), goka.WithEmitterLogger(logger.Discard()))
		check(t, err)
		for i := range 120 {
			check(t, e.EmitSync(fmt.Sprintf("key-%03d", i), fmt.Sprint("value ", i)))
		}
		check(t, e.EmitSync(script, script))
		check(t, e.EmitSync("a/b..//c?d", "slashes"))
		check(t, e.Finish())
		synctest.Wait()

		var router any
		if gorilla {
			r := mux.NewRouter()
			router, p.root = r, r
		} else {
			m := http.NewServeMux()
			router, p.root = m, m
		}
		p.monitor = monitor.NewServer("/monitor", router, monitor.WithLogger(logger.Discard()))
		p.query = query.NewServer("/query/", router, query.WithLogger(logger.Discard()))
		p.actions = actions.NewServer("/actions", router, actions.WithLogger(logger.Discard()))
		i := index.NewServer("/", router)
		i.AddComponent(p.monitor, "Monitor")
		i.AddComponent(p.query, script)
		for range 2 { // the second time is of no effect
			p.monitor.AttachProcessor(p.processor)
			p.monitor.AttachView(p.view)
		}
		check(t, p.query.AttachView("rows", p.view))
		check(t, p.query.AttachSource("own", p.processor.Get))
		check(t, p.query.AttachProcessor("here", p.processor))
		f(p)
		check(t, p.actions.Close(t.Context()))
		cancel()
		check(t, <-ran)
		check(t, <-viewed)
	})
}

func TestM2_PagesOnBothRouters(t *testing.T) {
	for name, gorilla := range map[string]bool{"net/http": false, "gorilla": true} {
		t.Run(strings.ReplaceAll(name, "/", "-"), func(t *testing.T) {
			inProgram(t, gorilla, func(p *program) {
				shows(t, p.root, "/", `href="/monitor/"`, "&lt;script&gt;")
				shows(t, p.root, "/monitor/", "running", `href="/monitor/processor/0"`, "<svg", "2 running")
				shows(t, p.root, "/monitor/processor/0", "g.state", "Rebalances", "in")
				shows(t, p.root, "/monitor/view/0", "g.state", "running")
				shows(t, p.root, "/monitor/data/processor/0", `"Group"`, `"OffsetLag": 0`)
				shows(t, p.root, "/monitor/data/view/0", `"Partitions"`)
				shows(t, p.root, "/monitor/graph.svg", "<svg", "g.state")
				shows(t, p.root, "/monitor/graph.mmd", "flowchart")
				shows(t, p.root, "/monitor/graph.json", `"groups"`)
				shows(t, p.root, "/query/", `href="/query/rows"`)
				shows(t, p.root, "/query/rows", "key-000", "Next rows")
				shows(t, p.root, "/query/rows/key-001", "value 1")
				shows(t, p.root, "/query/own/key-001", "value 1")
				shows(t, p.root, "/query/rows?key=nobody", "no value")
				shows(t, p.root, "/query/here", "key-000", "Next rows")
				shows(t, p.root, "/query/here?prefix=key-01", "key-010", "value 10")
				shows(t, p.root, "/query/here/key-001", "value 1")
				shows(t, p.root, "/actions/", "Nothing is attached")
				for _, gone := range []string{
					"/monitor/processor/1", "/monitor/processor/-1", "/monitor/view/1", "/monitor/view/x", "/monitor/data/processor/1", "/monitor/data/other/0",
					"/query/nobody", "/query/nobody/key", "/monitor/_assets/..%2f..%2fpage.go", "/monitor/_assets/nothing",
				} {
					if w := pagetest.Ask(p.root, "GET", gone, nil); w.Code != http.StatusNotFound && w.Code != http.StatusMovedPermanently {
						t.Errorf("%s: %d", gone, w.Code)
					}
				}
				style := regexp.MustCompile(`href="(/monitor/_assets/style[^"]*)"`).FindStringSubmatch(shows(t, p.root, "/monitor/"))[1]
				shows(t, p.root, style, "body {")
			})
		})
	}
}

func TestWhatKeysAndValuesHoldIsText(t *testing.T) {
	inProgram(t, false, func(p *program) {
		for _, target := range []string{"/query/rows?prefix=%3Cscript", "/query/rows?key=" + url.QueryEscape(script)} {
			if text := shows(t, p.root, target, "&lt;script&gt;"); strings.Contains(text, script) {
				t.Errorf("%s has a script", target)
			}
		}
		shows(t, p.root, "/query/rows?key="+url.QueryEscape("a/b..//c?d"), "slashes")
		check(t, p.query.AttachSource("panics", func(string) (any, error) { panic(script) }))
		check(t, p.query.AttachSource("fails", func(string) (any, error) { return nil, errors.New(script) }))
		check(t, p.query.AttachSource("huge", func(string) (any, error) { return strings.Repeat("é", 20<<20), nil }))
		shows(t, p.root, "/query/panics?key=k", "panicked", "&lt;script&gt;")
		shows(t, p.root, "/query/fails?key=k", "&lt;script&gt;")
		if n := len(shows(t, p.root, "/query/huge?key=k", "the beginning of 40.0 MiB")); n > 1<<20 {
			t.Errorf("a page of %d bytes", n)
		}
		if err := p.query.AttachSource("huge", p.processor.Get); !errors.Is(err, query.ErrAttached) {
			t.Errorf("a second source of one name: %v", err)
		}
	})
}

func TestBrowsingPageByPage(t *testing.T) {
	inProgram(t, false, func(p *program) {
		var keys []string
		from := ""
		for range 10 {
			var rows query.Rows
			w := pagetest.Ask(p.root, "GET", "/query/rows?prefix=key-&size=50&from="+url.QueryEscape(from), nil, "Accept", "application/json")
			check(t, json.Unmarshal(w.Body.Bytes(), &rows))
			for _, row := range rows.Rows {
				keys = append(keys, row.Key)
			}
			if from = rows.Next; from == "" {
				break
			}
		}
		if len(keys) != 120 || keys[0] != "key-000" || keys[119] != "key-119" {
			t.Errorf("%d keys, from %q to %q", len(keys), keys[0], keys[len(keys)-1])
		}
		var a query.Answer
		check(t, json.Unmarshal(pagetest.Ask(p.root, "GET", "/query/rows?key=key-007&format=json", nil).Body.Bytes(), &a))
		if !a.Found || a.Value != "value 7" {
			t.Errorf("answer is %+v", a)
		}
		var o monitor.Overview
		check(t, json.Unmarshal(pagetest.Ask(p.root, "GET", "/monitor/?format=json", nil).Body.Bytes(), &o))
		if len(o.Processors) != 1 || o.Processors[0].State != "running" || len(o.Processors[0].Partitions) != 2 || len(o.Processors[0].Rebalances) != 1 || len(o.Views) != 1 || o.Views[0].Lag != 0 {
			t.Errorf("overview is %+v", o)
		}
		if table := o.Processors[0].Partitions[0].Tables[0]; table.Topic != "g.state" {
			t.Errorf("the group's table is %+v", table)
		}
	})
}

func TestActionsStartProgressAndStop(t *testing.T) {
	inProgram(t, false, func(p *program) {
		began := make(chan string, 10)
		check(t, p.actions.AttachFuncAction("repair", "Repairs "+script, func(ctx context.Context, value string) error {
			actions.Progress(ctx, 3, 10, "rows")
			began <- value
			<-ctx.Done()
			return ctx.Err()
		}))
		check(t, p.actions.AttachAction("panic", actions.FuncActor("Panics", func(context.Context, string) error { panic("oh") })))
		if err := p.actions.AttachFuncAction("panic", "", func(context.Context, string) error { return nil }); !errors.Is(err, actions.ErrAttached) {
			t.Errorf("a second action of one name: %v", err)
		}
		token := regexp.MustCompile(`name="token" value="([^"]+)"`).FindStringSubmatch(shows(t, p.root, "/actions/", "never started", "&lt;script&gt;"))[1]
		if token != p.actions.Token() {
			t.Errorf("the page's token is %q", token)
		}
		good := url.Values{"token": {token}, "value": {"x"}}
		for what, w := range map[string]*httptest.ResponseRecorder{
			"no token":      pagetest.Ask(p.root, "POST", "/actions/start/repair", url.Values{}),
			"a wrong token": pagetest.Ask(p.root, "POST", "/actions/start/repair", url.Values{"token": {"x"}}),
			"another site":  pagetest.Ask(p.root, "POST", "/actions/start/repair", good, "Origin", "http://evil.example"),
			"cross-site":    pagetest.Ask(p.root, "POST", "/actions/start/repair", good, "Sec-Fetch-Site", "cross-site"),
			"an image":      pagetest.Ask(p.root, "GET", "/actions/", nil, "Sec-Fetch-Site", "cross-site"),
		} {
			if w.Code != http.StatusForbidden {
				t.Errorf("%s: %d", what, w.Code)
			}
		}
		if len(began) != 0 {
			t.Fatal("it was started")
		}
		if w := pagetest.Ask(p.root, "POST", "/actions/start/repair", good, "Origin", "http://example.com"); w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), "/actions/?note=") {
			t.Errorf("start: %d %v", w.Code, w.Header())
		}
		if v := <-began; v != "x" {
			t.Errorf("it began with %q", v)
		}
		shows(t, p.root, "/actions/", "running", `max="10" value="3"`, "Stop")
		pagetest.Ask(p.root, "POST", "/actions/start/repair", url.Values{"token": {token}, "value": {"again"}})
		if v := <-began; v != "again" {
			t.Errorf("it began again with %q", v)
		}
		pagetest.Ask(p.root, "POST", "/actions/stop/repair", good)
		synctest.Wait()
		shows(t, p.root, "/actions/", "stopped")
		pagetest.Ask(p.root, "POST", "/actions/start/panic", good)
		synctest.Wait()
		shows(t, p.root, "/actions/", "failed", "the action panicked: oh")
		pagetest.Ask(p.root, "POST", "/actions/start/panic", nil, "X-Token", token)
		for _, gone := range []string{"/actions/start/nobody", "/actions/stop/nobody"} {
			if w := pagetest.Ask(p.root, "POST", gone, good); w.Code != http.StatusNotFound {
				t.Errorf("%s: %d", gone, w.Code)
			}
		}
		if w := pagetest.Ask(p.root, "GET", "/actions/start/repair", nil); w.Code != http.StatusMethodNotAllowed {
			t.Errorf("a start by GET: %d", w.Code)
		}
	})
}

func TestBasicAuth(t *testing.T) {
	s := index.NewServer("/", nil, index.WithBasicAuth("me", "secret"))
	if w := pagetest.Ask(s, "GET", "/", nil); w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") == "" {
		t.Errorf("without a password: %d", w.Code)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.SetBasicAuth("me", "secret")
	w := httptest.NewRecorder()
	if s.ServeHTTP(w, r); w.Code != http.StatusOK {
		t.Errorf("with it: %d", w.Code)
	}
	r.SetBasicAuth("me", "Secret")
	w = httptest.NewRecorder()
	if s.ServeHTTP(w, r); w.Code != http.StatusUnauthorized {
		t.Errorf("with another: %d", w.Code)
	}
}

func TestARouterOfNoKnownKindIsAMistake(t *testing.T) {
	defer func() {
		if x := fmt.Sprint(recover()); !strings.Contains(x, "int") {
			t.Errorf("it panicked with %q", x)
		}
	}()
	index.NewServer("/", 7)
}

func TestProcessorsComeAndGoWhilePagesAreLoaded(t *testing.T) {
	inProgram(t, false, func(p *program) {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for i := range 50 {
					p.monitor.AttachProcessor(p.processor)
					p.monitor.AttachView(p.view)
					name := fmt.Sprint("source ", i)
					_ = p.query.AttachSource(name, p.processor.Get) // another may have the name
					_ = p.actions.AttachFuncAction(name, "", func(context.Context, string) error { return nil })
					p.query.Detach(name)
					p.monitor.DetachView(p.view)
					p.monitor.DetachProcessor(p.processor)
				}
			})
			wg.Go(func() {
				for _, target := range []string{"/", "/monitor/", "/monitor/processor/7", "/monitor/data/view/3", "/query/", "/query/rows", "/actions/", "/monitor/graph.svg"} {
					if w := pagetest.Ask(p.root, "GET", target, nil); w.Code != http.StatusOK && w.Code != http.StatusNotFound {
						t.Errorf("%s: %d", target, w.Code)
					}
				}
			})
		}
		wg.Wait()
	})
}

// broken is an action whose every method panics.
type broken struct{}

func (broken) RunAction(context.Context, string) error { panic("oh") }
func (broken) Description() string                     { panic("oh") }

func TestActionsThatPanicHoldUpNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := actions.NewServer("/", nil, actions.WithLogger(nil))
		check(t, s.AttachAction("panic", actions.FuncActor("Panics", func(context.Context, string) error { panic("oh") })))
		pagetest.Ask(s, "POST", "/start/panic", nil, "X-Token", s.Token())
		synctest.Wait()
		shows(t, s, "/", "failed", "the action panicked: oh")

		check(t, s.AttachAction("broken", broken{}))
		func() {
			defer func() { _ = recover() }() // as a server does
			pagetest.Ask(s, "GET", "/", nil)
		}()
		check(t, s.AttachAction("other", actions.FuncActor("Works", func(context.Context, string) error { return nil })))
		check(t, s.Close(t.Context()))
	})
}
