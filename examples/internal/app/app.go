// Package app is what the examples have around what they show: the -brokers flag, topics with a single replica, and
// processors and views that run until the example ends.
package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"golang.org/x/sync/errgroup"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/logger"
	_ "github.com/gokasim/gokasim/memkafka/saramaclient" // serves mem:// brokers
	"github.com/gokasim/gokasim/storage"
)

// App is one run of an example.
type App struct {
	Brokers []string  // Apache Kafka's, or mem://NAME
	Out     io.Writer // what the example prints
	Made    Made      // what the example asked for, to be looked at when Run has returned

	ctx     context.Context
	running *errgroup.Group
}

// Made is the topics and groups of an example.
type Made struct {
	Topics, Groups []string
}

// Add adds the topics and groups that goka makes for these graphs.
func (m *Made) Add(graphs ...*goka.GroupGraph) {
	for _, gg := range graphs {
		m.Groups = append(m.Groups, string(gg.Group()))
		for _, edge := range []goka.Edge{gg.GroupTable(), gg.LoopStream()} {
			if edge != nil {
				m.Topics = append(m.Topics, edge.Topic())
			}
		}
	}
}

// InProcess reports whether the cluster is in this process, and was made for this run or an earlier one of it.
func (a *App) InProcess() bool { return strings.HasPrefix(a.Brokers[0], "mem://") }

// Main runs an example as its command line says, and exits with 1 when it fails.
func Main(name string, example func(ctx context.Context, a *App) error) {
	brokers := flag.String("brokers", "mem://"+name, "`LIST` of brokers; mem://NAME is a cluster in this process")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := (&App{Brokers: strings.Split(*brokers, ","), Out: os.Stdout}).Run(ctx, example)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
}

// Run runs an example, and ends what it started.
func (a *App) Run(ctx context.Context, example func(ctx context.Context, a *App) error) error {
	ctx, stop := context.WithCancel(ctx)
	running, ctx := errgroup.WithContext(ctx)
	a.ctx, a.running = ctx, running
	err := example(ctx, a)
	stop()
	if failed := running.Wait(); failed != nil {
		return failed // the cause, where the example only saw it end
	}
	return err
}

// Config is goka's, for groups that begin with the first record of their topics, and not with the next one to come.
func Config() *sarama.Config {
	config := goka.DefaultConfig()
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	return config
}

// Topics opens the topic manager with which the examples and goka make topics: with one replica, so that a single broker is
// enough.
func Topics(brokers []string) (goka.TopicManager, error) {
	return TopicsOver(goka.DefaultConfig())(brokers)
}

// TopicsOver is Topics with a configuration for the way to Kafka.
func TopicsOver(kafka *sarama.Config) goka.TopicManagerBuilder {
	config := goka.NewTopicManagerConfig()
	config.Table.Replication = 1
	config.Stream.Replication = 1
	return goka.TopicManagerBuilderWithConfig(kafka, config)
}

// Streams makes the streams that are not there yet.
func (a *App) Streams(partitions int, names ...goka.Stream) error {
	return a.topics(func(m goka.TopicManager) error {
		for _, name := range names {
			a.Made.Topics = append(a.Made.Topics, string(name))
			if err := m.EnsureStreamExists(string(name), partitions); err != nil {
				return err
			}
		}
		return nil
	})
}

// Tables makes the tables that are not there yet and that no group of the example makes.
func (a *App) Tables(partitions int, names ...goka.Table) error {
	return a.topics(func(m goka.TopicManager) error {
		for _, name := range names {
			a.Made.Topics = append(a.Made.Topics, string(name))
			if err := m.EnsureTableExists(string(name), partitions); err != nil {
				return err
			}
		}
		return nil
	})
}

func (a *App) topics(use func(goka.TopicManager) error) error {
	m, err := Topics(a.Brokers)
	if err != nil {
		return err
	}
	return errors.Join(use(m), m.Close())
}

// Go runs f until the example ends; an error ends the example.
func (a *App) Go(f func(ctx context.Context) error) {
	a.running.Go(func() error { return f(a.ctx) })
}

// NewProcessor makes a processor as the examples want theirs: with tables in memory, which are read back from Kafka at each
// start, and without a log.
func (a *App) NewProcessor(gg *goka.GroupGraph, options ...goka.ProcessorOption) (*goka.Processor, error) {
	a.Made.Add(gg)
	return goka.NewProcessor(a.Brokers, gg, append([]goka.ProcessorOption{
		goka.WithConfig(Config()),
		goka.WithTopicManagerBuilder(Topics),
		goka.WithStorageBuilder(storage.MemoryBuilder()),
		goka.WithLogger(logger.Discard()),
	}, options...)...)
}

// Process starts a processor and waits until it is ready.
func (a *App) Process(gg *goka.GroupGraph, options ...goka.ProcessorOption) (*goka.Processor, error) {
	p, err := a.NewProcessor(gg, options...)
	if err != nil {
		return nil, err
	}
	a.Go(p.Run)
	return p, p.WaitForReadyContext(a.ctx)
}

// View starts a view and waits until it has caught up.
func (a *App) View(table goka.Table, codec goka.Codec, options ...goka.ViewOption) (*goka.View, error) {
	v, err := goka.NewView(a.Brokers, table, codec, append([]goka.ViewOption{
		goka.WithViewConfig(Config()),
		goka.WithViewTopicManagerBuilder(Topics),
		goka.WithViewStorageBuilder(storage.MemoryBuilder()),
		goka.WithViewLogger(logger.Discard()),
	}, options...)...)
	if err != nil {
		return nil, err
	}
	a.Go(v.Run)
	select {
	case <-v.WaitRunning():
		return v, nil
	case <-a.ctx.Done():
		return nil, context.Cause(a.ctx)
	}
}

// Message is a key and a value.
type Message struct {
	Key   string
	Value any
}

// Emit writes messages to a stream, in order, and returns when Kafka has all of them.
func (a *App) Emit(stream goka.Stream, codec goka.Codec, messages ...Message) error {
	emitter, err := goka.NewEmitter(a.Brokers, stream, codec)
	if err != nil {
		return err
	}
	for _, m := range messages {
		if err := emitter.EmitSync(m.Key, m.Value); err != nil {
			return errors.Join(err, emitter.Finish())
		}
	}
	return emitter.Finish()
}

// patience bounds every wait of an example.
const patience = 30 * time.Second

// Until asks again and again until the answer is yes.
func (a *App) Until(what string, ask func() (bool, error)) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	end := time.NewTimer(patience)
	defer end.Stop()
	for {
		if yes, err := ask(); yes || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-end.C:
			return fmt.Errorf("waited %s for %s", patience, what)
		case <-a.ctx.Done():
			return context.Cause(a.ctx)
		}
	}
}

// Table is what a view and a processor have in common: rows.
type Table interface {
	Get(key string) (any, error)
}

// UntilRow waits until a table has this value for the key.
func (a *App) UntilRow(table Table, key string, want any) error {
	return a.Until(fmt.Sprintf("the row of %s to be %v", key, want), func() (bool, error) {
		got, err := table.Get(key)
		return got == want, err
	})
}

// Count returns the number in a row, 0 when there is none. Examples ask for it before they begin: on brokers where they ran
// before, they go on from there.
func Count(table Table, key string) (int64, error) {
	row, err := table.Get(key)
	n, _ := row.(int64)
	return n, err
}

// UntilCount waits until the number in a row is no less than want.
func (a *App) UntilCount(table Table, key string, want int64) error {
	return a.Until(fmt.Sprintf("the row of %s to be %d", key, want), func() (bool, error) {
		n, err := Count(table, key)
		return n >= want, err
	})
}

// Printf prints a line of the example's output.
func (a *App) Printf(format string, args ...any) { fmt.Fprintf(a.Out, format+"\n", args...) }
