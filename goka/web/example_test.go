package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/url"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/goka/web/actions"
	"github.com/gokasim/gokasim/goka/web/index"
	"github.com/gokasim/gokasim/goka/web/monitor"
	"github.com/gokasim/gokasim/goka/web/query"
	"github.com/gokasim/gokasim/internal/page/pagetest"
	"github.com/gokasim/gokasim/tester"
)

// noTest stands in for the *testing.T that a test would give its tester.
type noTest struct{}

func (noTest) Errorf(format string, args ...interface{}) { log.Fatalf(format, args...) }
func (noTest) Fatalf(format string, args ...interface{}) { log.Fatalf(format, args...) }
func (noTest) Fatal(args ...interface{})                 { log.Fatal(args...) }

// A program with all pages. Here a test asks for them; a program serves root on an address, as 127.0.0.1:9095.
func Example() {
	tt := tester.New(noTest{})
	defer tt.Close()
	clicks := tt.StartProcessor(goka.DefineGroup("clicks",
		goka.Input("clicked", new(codec.String), func(ctx goka.Context, _ any) {
			n, _ := ctx.Value().(int64)
			ctx.SetValue(n + 1)
		}),
		goka.Persist(new(codec.Int64))), goka.WithLogger(nil)).Processor()
	tt.Consume("clicked", "ann", "home")

	root := http.NewServeMux() // or mux.NewRouter()
	mon := monitor.NewServer("/monitor", root)
	mon.AttachProcessor(clicks)
	tables := query.NewServer("/query", root)
	if err := tables.AttachProcessor("clicks", clicks); err != nil {
		log.Fatal(err)
	}
	act := actions.NewServer("/actions", root)
	defer act.Close(context.Background())
	greeted := make(chan string)
	err := act.AttachFuncAction("greet", "says hello", func(_ context.Context, name string) error {
		greeted <- "hello " + name
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	idx := index.NewServer("/", root)
	idx.AddComponent(mon, "Monitor")
	idx.AddComponent(tables, "Tables")
	idx.AddComponent(act, "Actions")

	var overview monitor.Overview
	read(root, "/monitor/?format=json", &overview)
	fmt.Println(overview.Processors[0].Group, overview.Processors[0].State)
	var answer query.Answer
	read(root, "/query/clicks?key=ann&format=json", &answer)
	fmt.Println(answer.Key, answer.Value)
	started := pagetest.Ask(root, http.MethodPost, "/actions/start/greet", url.Values{"token": {act.Token()}, "value": {"ann"}})
	fmt.Println(started.Code == http.StatusSeeOther, <-greeted)
	// Output:
	// clicks running
	// ann 1
	// true hello ann
}

func read(h http.Handler, target string, into any) {
	if err := json.Unmarshal(pagetest.Ask(h, http.MethodGet, target, nil).Body.Bytes(), into); err != nil {
		log.Fatal(err)
	}
}
