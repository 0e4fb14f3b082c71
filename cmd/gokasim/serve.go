package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gokasim/gokasim/memkafka"
)

// serveOptions is what serve is told on its command line.
type serveOptions struct {
	listen    string
	advertise string
	brokers   int32
	topics    []string
	settings  []string
	asVersion string
}

func newServe() *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Runs a Kafka cluster in memory, for development and tests",
		Long: `Runs a Kafka cluster in memory that any Kafka client can use. What it holds is gone when it ends.

When all brokers listen, the bootstrap servers are written to standard output, comma-separated in one line, and nothing
else is. SIGINT and SIGTERM end it.

Brokers have the settings of Apache Kafka 4.3, with one difference: group.initial.rebalance.delay.ms is 0, as every
development set-up has it, so that a new consumer group does not wait 3 s for more members.
-c group.initial.rebalance.delay.ms=3000 sets it back. Topics are created when they are first asked for, with
num.partitions partitions (1); -c auto.create.topics.enable=false turns that off.`,
		Example: `  gokasim serve
  gokasim serve --listen 127.0.0.1:0 --brokers 3 --topic orders:6 --topic state:6:cleanup.policy=compact
  gokasim serve -c num.partitions=4 -c log.retention.hours=1`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("serve takes no arguments, and got %q", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:9092", "`address` of the first broker; the others take the ports that follow, port 0 a free one each")
	f.StringVar(&o.advertise, "advertise", "", "`host` that clients are told to connect to (default: the one of --listen)")
	f.Int32Var(&o.brokers, "brokers", 1, "number of brokers")
	f.StringArrayVar(&o.topics, "topic", nil, "topic to create, `NAME:PARTITIONS[:key=value,...]`; may be given several times")
	f.StringArrayVarP(&o.settings, "config", "c", nil, "broker setting, `NAME=VALUE` under Kafka's name; may be given several times")
	f.StringVar(&o.asVersion, "as-version", "", "pose as an older Apache `Kafka`, from 2.1 on: its requests, versions and features (default 4.3)")
	return cmd
}

// serve runs a cluster until ctx ends.
func serve(ctx context.Context, o serveOptions, stdout, stderr io.Writer) error {
	options := []memkafka.Option{memkafka.WithBrokers(o.brokers), memkafka.WithSetting("group.initial.rebalance.delay.ms", "0"), memkafka.AsVersion(o.asVersion)}
	var wrong []error
	for _, s := range o.settings {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			wrong = append(wrong, fmt.Errorf("-c %s: it has no =; give NAME=VALUE", s))
			continue
		}
		options = append(options, memkafka.WithSetting(strings.TrimSpace(name), value))
	}
	topics := make([]servedTopic, len(o.topics))
	for i, t := range o.topics {
		var err error
		if topics[i], err = parseTopic(t); err != nil {
			wrong = append(wrong, err)
		}
	}
	cluster, err := memkafka.Open(options...)
	if err != nil {
		wrong = append(wrong, err)
	}
	if err := errors.Join(wrong...); err != nil {
		return &usageError{err}
	}
	defer cluster.Close()
	log := slog.New(slog.NewTextHandler(stderr, nil))
	cluster.LogTo(log)
	for _, t := range topics {
		if err := cluster.CreateTopic(t.name, t.partitions, t.options...); err != nil {
			return usagef("--topic %s: %w", t.name, err)
		}
	}
	var listenOptions []memkafka.ListenOption
	if o.advertise != "" {
		listenOptions = append(listenOptions, memkafka.WithAdvertisedHost(o.advertise))
	}
	l, err := cluster.Listen(o.listen, listenOptions...)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(stdout, l.Bootstrap()); err != nil {
		return fmt.Errorf("write the bootstrap servers: %w", err)
	}
	log.Info("brokers are up", "bootstrap.servers", l.Bootstrap(), "topics", len(topics))
	<-ctx.Done()
	log.Info("brokers go down", "cause", context.Cause(ctx))
	return nil
}

// servedTopic is a topic that exists from the beginning.
type servedTopic struct {
	name       string
	partitions int32
	options    []memkafka.TopicOption
}

// parseTopic reads NAME:PARTITIONS[:key=value,...]. A value may have commas itself, as cleanup.policy=compact,delete.
func parseTopic(text string) (servedTopic, error) {
	parts := strings.SplitN(text, ":", 3)
	if len(parts) < 2 {
		return servedTopic{}, fmt.Errorf("--topic %s: it has no number of partitions; give NAME:PARTITIONS", text)
	}
	n, err := strconv.ParseInt(parts[1], 10, 32)
	if err != nil || n < 1 {
		return servedTopic{}, fmt.Errorf("--topic %s: %q is not a number of partitions; give 1 or more", text, parts[1])
	}
	t := servedTopic{name: parts[0], partitions: int32(n)}
	if len(parts) < 3 {
		return t, nil
	}
	var name, value string
	add := func() {
		if name != "" {
			t.options = append(t.options, memkafka.WithConfig(name, value))
		}
	}
	for _, word := range strings.Split(parts[2], ",") {
		key, v, ok := strings.Cut(word, "=")
		switch {
		case ok:
			add()
			name, value = strings.TrimSpace(key), v
		case name != "":
			value += "," + word
		default:
			return servedTopic{}, fmt.Errorf("--topic %s: %q has no =; give key=value", text, word)
		}
	}
	add()
	return t, nil
}
