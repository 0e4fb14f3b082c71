package goka_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/goka/logger"
)

type foreignEdge struct{ goka.Edge }

func TestG2_WhatIsWrongWithAGraph(t *testing.T) {
	var (
		c  = new(codec.String)
		in = goka.Input("in", c, ignore)
	)
	for _, test := range []struct {
		name  string
		edges []goka.Edge
		want  []string // of the error, none when the graph is right
	}{
		{"one input", []goka.Edge{in}, nil},
		{"everything", []goka.Edge{
			in, goka.Inputs(goka.Streams{"a", "b"}, c, ignore), goka.Output("out", c), goka.Loop(c, ignore),
			goka.Persist(c), goka.Join("j", c), goka.Lookup("l", c), goka.Visitor("v", ignore),
		}, nil},
		{"a topic in and out", []goka.Edge{in, goka.Output("in", c)}, nil},
		{"D60: a join and a lookup of one table", []goka.Edge{in, goka.Join("t", c), goka.Lookup("t", c)}, nil},
		{"nothing", nil, []string{"no input stream in group graph"}},
		{"a loop only", []goka.Edge{goka.Loop(c, ignore)}, []string{"no input stream in group graph"}},
		{"a join only", []goka.Edge{goka.Join("j", c)}, []string{"no input stream in group graph"}},
		{"a lookup only", []goka.Edge{goka.Lookup("l", c)}, []string{"no input stream in group graph"}},
		{"two loops", []goka.Edge{in, goka.Loop(c, ignore), goka.Loop(c, ignore)}, []string{"more than one loop stream in group graph"}},
		{"two tables", []goka.Edge{in, goka.Persist(c), goka.Persist(c)}, []string{"more than one group table in group graph"}},
		{"own loop as output", []goka.Edge{in, goka.Output("g-loop", c)}, []string{`output "g-loop": should not directly use loop stream`}},
		{"own loop as input", []goka.Edge{goka.Input("g-loop", c, ignore)}, []string{"should not directly use loop stream"}},
		{"own loop as join", []goka.Edge{in, goka.Join("g-loop", c)}, []string{"should not directly use loop stream"}},
		{"own loop as lookup", []goka.Edge{in, goka.Lookup("g-loop", c)}, []string{"should not directly use loop stream"}},
		{"own table as output", []goka.Edge{in, goka.Output("g-table", c)}, []string{"should not directly use group table"}},
		{"own table as lookup", []goka.Edge{in, goka.Lookup("g-table", c)}, []string{`lookup "g-table": should not directly use group table`}},
		{
			"loop and table in one topic",
			[]goka.Edge{in, goka.Loop(c, ignore), goka.Persist(c), goka.TableSuffix("-x"), goka.LoopSuffix("-x")},
			[]string{`loop and table are one topic, "g-x"`},
		},
		{"one suffix, and a table only", []goka.Edge{in, goka.Persist(c), goka.TableSuffix("-x"), goka.LoopSuffix("-x")}, nil},
		{"an edge of another kind", []goka.Edge{in, foreignEdge{in}}, []string{"goka_test.foreignEdge is no edge of package goka"}},
		{"a visitor without a table", []goka.Edge{in, goka.Visitor("v", ignore)}, []string{"visitors cannot be used in a stateless processor"}},
		{"D53: two visitors of one name", []goka.Edge{in, goka.Persist(c), goka.Visitor("v", ignore), goka.Visitor("v", ignore)}, []string{`visitor "v" is defined twice`}},
		{"D53: an input without a name", []goka.Edge{goka.Input("", c, ignore)}, []string{"Input topic cannot be empty. This will not work."}},
		{"D53: an input twice", []goka.Edge{in, goka.Input("in", c, ignore)}, []string{"Callback for topic in already exists. It is illegal to consume a topic twice"}},
		{"D53: a lookup twice", []goka.Edge{in, goka.Lookup("l", c), goka.Lookup("l", c)}, []string{`lookup "l" is defined twice`}},
		{
			"D53: one topic with two codecs",
			[]goka.Edge{in, goka.Output("in", new(codec.Int64))},
			[]string{`input "in" has a *codec.String, and a *codec.Int64 in another role; give one codec to a topic`},
		},
		{
			"D53: one table with two codecs",
			[]goka.Edge{in, goka.Join("t", c), goka.Lookup("t", new(codec.Bytes))},
			[]string{`lookup "t" has a *codec.Bytes, and a *codec.String in another role`},
		},
		{
			"D53: no codec",
			[]goka.Edge{goka.Input("in", nil, ignore), goka.Output("out", nil), goka.Persist(nil), goka.Loop(nil, ignore)},
			[]string{`input "in" has no codec`, `output "out" has no codec`, `table "g-table" has no codec`, `loop "g-loop" needs a codec`},
		},
		{
			"D53: no callback",
			[]goka.Edge{goka.Input("in", c, nil), goka.Persist(c), goka.Visitor("v", nil)},
			[]string{`input "in" has no callback`, `visitor "v" has no callback`},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := goka.DefineGroup("g", test.edges...).Validate()
			if test.want == nil {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			refused(t, err, append(test.want, `group "g"`)...)
			if !errors.Is(err, goka.ErrInvalidGraph) {
				t.Error("the error is not an ErrInvalidGraph")
			}
			if _, err := goka.NewProcessor(nil, goka.DefineGroup("g", test.edges...)); !errors.Is(err, goka.ErrInvalidGraph) {
				t.Errorf("N1: NewProcessor returned %v", err)
			}
		})
	}
}

func TestG3_EdgesAndTheirNames(t *testing.T) {
	c := new(codec.String)
	if goka.Inputs(nil, c, ignore) != nil {
		t.Error("no input is an edge")
	}
	inputs := goka.Inputs(goka.Streams{"a", "b"}, c, ignore)
	if inputs.Topic() != "a,b" || inputs.Codec() != c || inputs.String() != "input streams: a,b/*codec.String" {
		t.Errorf("inputs are %s, %v, %s", inputs.Topic(), inputs.Codec(), inputs)
	}
	gg := goka.DefineGroup("g", goka.Inputs(nil, c, ignore), nil, inputs)
	if diff := cmp.Diff([]string{"a", "b"}, gg.InputStreams().Topics()); diff != "" {
		t.Errorf("inputs (-want +got):\n%s", diff)
	}
	if got := goka.Output("out", new(codec.Int64)).String(); got != "out/*codec.Int64" {
		t.Errorf("an output prints as %s", got)
	}
	if got := goka.Visitor("v", ignore).String(); got != "visitor v" {
		t.Errorf("a visitor prints as %s", got)
	}
	if topics := (goka.Edges{}).Topics(); topics != nil {
		t.Errorf("no edges have the topics %v", topics)
	}
}

func TestG4_AllEdgesMakeTheSameGraph(t *testing.T) {
	c := new(codec.String)
	gg := goka.DefineGroup("g", goka.Visitor("v", ignore), goka.Persist(c), goka.Loop(c, ignore), goka.Output("out", c),
		goka.Input("in", c, ignore), goka.Lookup("l", c), goka.Join("j", c))
	names := func(gg *goka.GroupGraph) string {
		var all []string
		for _, e := range gg.AllEdges() {
			all = append(all, e.String())
		}
		return strings.Join(all, " ")
	}
	want := "j/*codec.String l/*codec.String in/*codec.String out/*codec.String g-loop/*codec.String g-table/*codec.String visitor v"
	if got := names(gg); got != want {
		t.Errorf("edges are %s, want %s", got, want)
	}
	again := goka.DefineGroup("g", gg.AllEdges()...)
	if got := names(again); got != want || again.Validate() != nil {
		t.Errorf("the second graph is %s, %v", got, again.Validate())
	}
	bare := goka.DefineGroup("g", goka.Input("in", c, ignore))
	if bare.GroupTable() != nil || bare.LoopStream() != nil || bare.JointTables() != nil || bare.LookupTables() != nil || bare.OutputStreams() != nil {
		t.Error("a graph with one input has other edges")
	}
	if gg.GroupTable().Topic() != "g-table" || gg.LoopStream().Topic() != "g-loop" || gg.Group() != "g" {
		t.Error("names")
	}
}

func TestG5_SuffixesNameLoopAndTable(t *testing.T) {
	defer goka.ResetSuffixes()
	c := new(codec.String)
	before := goka.DefineGroup("g", goka.Input("in", c, ignore), goka.Persist(c), goka.Loop(c, ignore))
	goka.SetTableSuffix(".t")
	goka.SetLoopSuffix(".l")
	after := goka.DefineGroup("g", goka.Input("in", c, ignore), goka.Persist(c), goka.Loop(c, ignore))
	if after.GroupTable().Topic() != "g.t" || after.LoopStream().Topic() != "g.l" || goka.GroupTable("x") != "x.t" {
		t.Errorf("named %s, %s, %s", after.GroupTable().Topic(), after.LoopStream().Topic(), goka.GroupTable("x"))
	}
	if before.GroupTable().Topic() != "g-table" || before.Validate() != nil {
		t.Error("D53: a graph changed after it was defined")
	}
	goka.ResetSuffixes()
	if goka.GroupTable("x") != "x-table" {
		t.Error("not reset")
	}
}

func TestD53_AGraphKeepsItsNamesWhileItRuns(t *testing.T) {
	defer goka.ResetSuffixes()
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		c := new(codec.String)
		gg := goka.DefineGroup("g",
			goka.Input("in", c, func(ctx goka.Context, msg interface{}) { ctx.Loopback(ctx.Key(), msg) }),
			goka.Loop(c, func(ctx goka.Context, msg interface{}) { ctx.SetValue(msg) }),
			goka.Persist(c))
		goka.SetTableSuffix(".t")
		goka.SetLoopSuffix(".l")
		w.run(gg).ready()
		w.send("in", "k", "v")
		w.until("the row is there", func() bool { return w.rows("g-table")["k"] == "v" })
	})
}

func TestN2_OptionsThatFail(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		for _, c := range []struct {
			option goka.ProcessorOption
			want   string
		}{
			{goka.WithStorageBuilder(nil), "StorageBuilder not set"},
			{goka.WithProducerBuilder(nil), "ProducerBuilder not set"},
			{goka.WithTopicManagerBuilder(nil), "TopicManagerBuilder not set"},
			{goka.WithConsumerGroupBuilder(nil), "ConsumerGroupBuilder not set"},
			{goka.WithConsumerSaramaBuilder(nil), "ConsumerBuilder not set"},
			{goka.WithBackoffBuilder(nil), "BackoffBuilder not set"},
			{goka.WithHasher(nil), "Hasher not set"},
			{goka.WithNilHandling(9), "unknown NilHandling 9"},
		} {
			_, err := goka.NewProcessor(w.brokers, stateless("g"), c.option)
			w.refused(err, "error applying options", c.want)
		}
		hooked := ""
		_, err := goka.NewProcessor(w.brokers, stateless("hooked"), goka.WithLogger(nil),
			goka.WithGroupGraphHook(func(gg *goka.GroupGraph) { hooked = string(gg.Group()) }))
		w.check(err)
		if hooked != "hooked" {
			t.Error("the hook was not called")
		}
		_, err = goka.NewProcessor(w.brokers, nil)
		w.refused(err, "needs a group graph")
		_, err = goka.NewProcessor(w.brokers, stateless(""))
		w.refused(err, "the group has no name")
	})
}

func TestN2_NoAcksInTheGlobalConfigurationAreRefused(t *testing.T) {
	defer goka.ReplaceGlobalConfig(goka.DefaultConfig())
	config := goka.DefaultConfig()
	config.Producer.Idempotent, config.Producer.RequiredAcks = false, 0
	goka.ReplaceGlobalConfig(config)
	_, err := goka.NewProcessor([]string{"mem://nowhere"}, stateless("g"))
	refused(t, err, "error applying options", "NoResponse")
}

func TestN3_WhatTopicsHaveToBeLike(t *testing.T) {
	inWorld(t, func(w *world) {
		c := new(codec.String)
		gg := goka.DefineGroup("g", goka.Input("in", c, ignore), goka.Join("joined", c), goka.Persist(c), goka.Loop(c, ignore))
		_, err := goka.NewProcessor(w.brokers, gg)
		w.refused(err, "Error fetching partitions for topic in")
		if !errors.Is(err, goka.ErrTopicNotFound) {
			t.Errorf("got %v", err)
		}
		w.topic("in", 3)
		w.table("joined", 4)
		_, err = goka.NewProcessor(w.brokers, gg)
		w.refused(err, "topics are not copartitioned", "'joined' does not have 3 partitions like the rest but 4")
		if !errors.Is(err, goka.ErrNotCopartitioned) {
			t.Errorf("got %v", err)
		}
		gg = goka.DefineGroup("g", goka.Input("in", c, ignore), goka.Persist(c), goka.Loop(c, ignore), goka.Output("out", c))
		_, err = goka.NewProcessor(w.brokers, gg)
		w.check(err)
		want := map[string]int32{"g-loop": 3, "g-table": 3, "out": 0}
		for topic, n := range want {
			if got := w.cluster.Partitions(topic); got != n {
				t.Errorf("%s has %d partitions, want %d", topic, got, n)
			}
		}
	})
}

func TestN4_ALookupHasToExist(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		c := new(codec.String)
		_, err := goka.NewProcessor(w.brokers, goka.DefineGroup("g", goka.Input("in", c, ignore), goka.Lookup("missing", c)))
		w.refused(err, "error creating view for lookup table missing")
		if !errors.Is(err, goka.ErrTopicNotFound) {
			t.Errorf("got %v", err)
		}
	})
}

func TestN5_TopicManagersAreClosed(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.table("looked-up", 1)
		made, closed, asked := 0, 0, map[string]int{}
		option := goka.WithTopicManagerBuilder(func(brokers []string) (goka.TopicManager, error) {
			made++
			m, err := goka.DefaultTopicManagerBuilder(brokers)
			return &countingManager{m, &closed, asked}, err
		})
		c := new(codec.String)
		p := w.make(goka.DefineGroup("g", goka.Input("in", c, ignore), goka.Persist(c)), option)
		if made != 1 || closed != 1 || fmt.Sprint(asked) != "map[in:1]" {
			t.Errorf("NewProcessor made %d, closed %d, asked for %v", made, closed, asked)
		}
		i := w.start(p).ready()
		w.check(i.stop())
		if made != 2 || closed != 2 || fmt.Sprint(asked) != "map[in:1]" {
			t.Errorf("after Run: made %d, closed %d, asked for %v", made, closed, asked)
		}
	})
}

type countingManager struct {
	goka.TopicManager
	closed *int
	asked  map[string]int
}

func (m *countingManager) Partitions(topic string) ([]int32, error) {
	m.asked[topic]++
	return m.TopicManager.Partitions(topic)
}

func (m *countingManager) Close() error {
	*m.closed++
	return m.TopicManager.Close()
}

func TestD60_AJoinAndALookupOfOneTable(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.table("t", 1)
		w.topic("out", 1)
		c := new(codec.String)
		w.run(goka.DefineGroup("g",
			goka.Input("in", c, func(ctx goka.Context, _ interface{}) {
				ctx.Emit("out", "k", fmt.Sprint(ctx.Join("t"), "+", ctx.Lookup("t", ctx.Key())))
			}),
			goka.Join("t", c), goka.Lookup("t", c), goka.Output("out", c))).ready()
		w.send("t", "k", "v")
		w.until("both see it", func() bool {
			w.send("in", "k", "x")
			records := w.records("out")
			return len(records) > 0 && string(records[len(records)-1].Value) == "v+v"
		})
	})
}

func TestNoBrokersAreAnError(t *testing.T) {
	_, err := goka.NewProcessor([]string{"unheard-of://x"}, stateless("g"))
	refused(t, err, "unknown scheme")
	v, err := goka.NewView([]string{"unheard-of://x"}, "t", new(codec.String), goka.WithViewAutoReconnect())
	if err != nil {
		t.Fatalf("a view that may start without Kafka: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := v.Run(ctx); err != nil {
		t.Errorf("Run with a context that has ended: %v", err)
	}
}

func TestAViewWithoutKafkaConnects(t *testing.T) {
	refuses := func([]string) (goka.TopicManager, error) { return nil, errInjected }
	v, err := goka.NewView([]string{"mem://nobody"}, "t", new(codec.String), goka.WithViewAutoReconnect(),
		goka.WithViewTopicManagerBuilder(refuses), goka.WithViewLogger(logger.Discard()))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- v.Run(ctx) }()
		synctest.Wait()
		if state := v.CurrentState(); state != goka.ViewStateConnecting {
			t.Errorf("the state is %v", state)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
