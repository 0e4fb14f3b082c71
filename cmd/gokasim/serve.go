package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/gokasim/gokasim/cmd/gokasim/internal/schema"
	"github.com/gokasim/gokasim/internal/dump"
	"github.com/gokasim/gokasim/memkafka"
)

// serveOptions is what serve is told on its command line.
type serveOptions struct {
	json      bool
	listen    string
	advertise string
	brokers   int32
	topics    []string
	settings  []string
	asVersion string
	sasl      []string
	users     []string
	acls      bool
	super     []string

	counted  bool // brokers was given
	ports    []uint
	seeded   []string // topics, by the other name of --topic
	data     string
	sync     bool
	load     []string
	input    dump.Options
	faults   string
	logLevel string
	page     pageOptions
	tls      tlsOptions
	moreSets []string // settings, by the other name of --config
	auto     bool
	autoSet  bool // auto was given
	pprof    string
}

func newServe() *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Runs a Kafka cluster in memory, for development and tests",
		Long: `Runs a Kafka cluster in memory that any Kafka client can use. What it holds is gone when it ends, unless --data names a
directory to keep it in.

When all brokers listen, the bootstrap servers are written to standard output, comma-separated in one line, and nothing
else is. SIGINT and SIGTERM end it.

Brokers have the settings of Apache Kafka 4.3, with one difference: group.initial.rebalance.delay.ms is 0, as every
development set-up has it, so that a new consumer group does not wait 3 s for more members.
-c group.initial.rebalance.delay.ms=3000 sets it back. Topics are created when they are first asked for, with
num.partitions partitions (1); -c auto.create.topics.enable=false turns that off.

With --data, whatever a client was told is in the directory before it is told: records (but for acks=0), topics and their
settings, groups and their offsets, transactions, ACLs, users, quotas. They outlive the process however it ends, kill -9
included; with --sync they outlive the machine, too. Snapshots replace the journals as these become long. A file has its
name only when it is complete. Settings on the command line go before those that were kept.

--load fills topics from dumps, with times, headers and partitions, before anybody can come in. A topic that is missing is
created, with as many partitions as the dump has of it and retention.ms=-1, as old records would expire at once; one that
has records already is left alone.

--http shows a page of the cluster. --schema has it decode keys and values:
` + schema.Grammar + `.`,
		Example: `  gokasim serve
  gokasim serve --listen 127.0.0.1:0 --brokers 3 --topic orders:6 --topic state:6:cleanup.policy=compact
  gokasim serve -c num.partitions=4 -c log.retention.hours=1
  gokasim serve --ports 9092,9192,9292 --as-version 3.9
  gokasim serve --data ./kafka-data --load orders.jsonl.gz
  gokasim serve --load orders=orders.csv --key-column id --time-column placed
  gokasim serve --topic orders:3 --faults faults.txt
  gokasim serve --sasl PLAIN:alice:secret
  gokasim serve --http :8080 --schema orders=order.avsc --schema payments=shop.proto#shop.Payment
  gokasim serve --tls --tls-ca ca.pem
  gokasim serve --sasl SCRAM-SHA-256 --user alice:secret --acls --super-user User:alice`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("serve takes no arguments, and got %q", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.counted = cmd.Flags().Changed("brokers")
			o.autoSet = cmd.Flags().Changed("allow-auto-topic-creation")
			return serve(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.listen, "listen", "127.0.0.1:9092", "`address` of the first broker; the others take the ports that follow, port 0 a free one each")
	f.UintSliceVar(&o.ports, "ports", nil, "`port` of each broker, as 9092,9093, in the place of those that follow --listen's; there are as many brokers")
	f.StringVar(&o.advertise, "advertise", "", "`host` that clients are told to connect to (default: the one of --listen)")
	f.Int32Var(&o.brokers, "brokers", 0, "number of brokers (default: 1, or those of --ports, or of the cluster in --data)")
	f.StringArrayVar(&o.topics, "topic", nil, "topic to create, `NAME:PARTITIONS[:key=value,...]`; may be given several times")
	f.StringSliceVar(&o.seeded, "seed-topic", nil, "topics to create, `NAME[:PARTITIONS]`, comma-separated; with num.partitions partitions unless told otherwise")
	f.StringArrayVarP(&o.settings, "config", "c", nil, "broker setting, `NAME=VALUE` under Kafka's name; may be given several times")
	f.StringArrayVar(&o.moreSets, "broker-config", nil, "another name of --config, `NAME=VALUE`")
	f.BoolVar(&o.auto, "allow-auto-topic-creation", true, "create topics when they are first asked for (auto.create.topics.enable)")
	f.StringVar(&o.asVersion, "as-version", "", "pose as an older Apache `Kafka`, from 2.1 on: its requests, versions and features (default 4.3)")
	o.tls.flags(f)
	f.StringSliceVar(&o.sasl, "sasl", nil, "have clients log in by one of these `mechanisms`: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER; MECHANISM:NAME:PASSWORD adds a user that is a super user with --acls, where $NAME stands for a variable of the environment")
	f.StringArrayVar(&o.users, "user", nil, "user that can log in with PLAIN and SCRAM, `NAME:PASSWORD`; may be given several times")
	f.BoolVar(&o.acls, "acls", false, "let ACLs say who may do what")
	f.StringVar(&o.data, "data", "", "`directory` to keep the cluster in between runs")
	f.StringVarP(&o.data, "data-dir", "d", "", "another name of --data")
	f.BoolVar(&o.sync, "sync", false, "have what is kept on the disk before clients are answered, so that it outlives a power cut (slow)")
	f.StringArrayVar(&o.load, "load", nil, "dump to fill topics from, a `file` of any kind that gokasim load reads, or TOPIC=FILE when its records name none; may be given several times")
	addInputFlags(f, &o.input)
	f.StringVar(&o.faults, "faults", "", "`file` with faults, as: on produce topic=t nth=3: drop-response")
	f.BoolVar(&o.json, "json", false, "write the bootstrap servers as JSON, with the address of each broker")
	f.StringVarP(&o.logLevel, "log-level", "l", "info", "what is told on standard error: debug, info, warn, error or none")
	f.StringVar(&o.pprof, "pprof", "", "serve the profiles of package net/http/pprof at this `address`, as 127.0.0.1:6060 or :6060; without a host, for this machine only")
	f.StringArrayVar(&o.super, "super-user", nil, "`principal`, as User:admin, that may do everything in spite of --acls; may be given several times")
	o.page.flags(f)
	return cmd
}

// mechanisms are those that --sasl takes.
var mechanisms = []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"}

// secured is what the options say about who may come in and do what.
func (o serveOptions) secured() (options []memkafka.Option, listen []memkafka.ListenOption, err error) {
	var wrong []error
	for i, m := range o.sasl {
		mechanism, user, with := strings.Cut(m, ":")
		o.sasl[i] = strings.ToUpper(mechanism)
		if !slices.Contains(mechanisms, o.sasl[i]) {
			wrong = append(wrong, fmt.Errorf("--sasl %s: mechanism %q is none of %s", m, mechanism, joined(mechanisms)))
		}
		if !with {
			continue
		}
		user = variable.ReplaceAllStringFunc(user, fromEnvironment)
		if !strings.Contains(user, ":") {
			wrong = append(wrong, fmt.Errorf("--sasl %s:%s: it has no password; give MECHANISM:NAME:PASSWORD", mechanism, user))
			continue
		}
		o.users = append(o.users, user)
		if name, _, ok := strings.Cut(user, ":"); ok && o.acls {
			o.super = append(o.super, "User:"+name)
		}
	}
	for _, u := range o.users {
		name, password, ok := strings.Cut(u, ":")
		if !ok {
			wrong = append(wrong, fmt.Errorf("--user %s: it has no password; give NAME:PASSWORD", u))
			continue
		}
		options = append(options, memkafka.WithUser(name, password))
	}
	switch {
	case o.acls:
		options = append(options, memkafka.WithAuthorizer(o.super...))
	case len(o.super) > 0:
		wrong = append(wrong, errors.New("--super-user: it says something only with --acls"))
	}
	if len(o.sasl) > 0 {
		listen = append(listen, memkafka.WithSASL(o.sasl...))
	} else if len(o.users) > 0 {
		wrong = append(wrong, errors.New("--user: users log in only with --sasl"))
	}
	return options, listen, errors.Join(wrong...)
}

// variable is how an environment variable is named. Everything else, as a dollar in a password, stays as it is.
var variable = regexp.MustCompile(`\$[A-Za-z_][A-Za-z0-9_]*`)

// fromEnvironment is what $NAME stands for: itself when there is no such variable.
func fromEnvironment(name string) string {
	if value, ok := os.LookupEnv(name[1:]); ok {
		return value
	}
	return name
}

// serve runs a cluster until ctx ends.
func serve(ctx context.Context, o serveOptions, stdout, stderr io.Writer) (err error) {
	wrong := o.check()
	options := []memkafka.Option{memkafka.WithSetting("group.initial.rebalance.delay.ms", "0"), memkafka.AsVersion(o.asVersion)}
	if o.counted || len(o.ports) > 0 {
		options = append(options, memkafka.WithBrokers(o.brokers))
	}
	settings := slices.Concat(o.settings, o.moreSets)
	if o.autoSet {
		if slices.ContainsFunc(settings, func(s string) bool { return strings.HasPrefix(s, "auto.create.topics.enable=") }) {
			wrong = append(wrong, errors.New("--allow-auto-topic-creation and -c auto.create.topics.enable say the same; leave one of them out"))
		}
		settings = append(settings, fmt.Sprintf("auto.create.topics.enable=%t", o.auto))
	}
	for _, s := range settings {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			wrong = append(wrong, fmt.Errorf("-c %s: it has no =; give NAME=VALUE", s))
			continue
		}
		options = append(options, memkafka.WithSetting(strings.TrimSpace(name), value))
	}
	topics := make([]servedTopic, 0, len(o.topics)+len(o.seeded))
	for _, t := range slices.Concat(o.topics, o.seeded) {
		topic, err := parseTopic(t, len(topics) >= len(o.topics))
		if err != nil {
			wrong = append(wrong, err)
		}
		topics = append(topics, topic)
	}
	secured, listenOptions, err := o.secured()
	if err != nil {
		wrong = append(wrong, err)
	}
	faults, err := o.readFaults()
	if err != nil {
		wrong = append(wrong, err)
	}
	options = append(options, secured...)
	secure, err := o.tls.config()
	if err != nil {
		wrong = append(wrong, err)
	}
	log, err := o.logger(stderr)
	if err != nil {
		wrong = append(wrong, err)
	}
	trial, err := memkafka.Open(options...) // what is wrong with settings is told together with all else
	if err != nil {
		wrong = append(wrong, err)
	} else {
		trial.Close()
	}
	if err := errors.Join(wrong...); err != nil {
		return &usageError{err}
	}
	cluster, closing, err := o.open(ctx, log, topics, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closing()) }()
	cluster.LogTo(log)
	if o.tls.made() {
		hosts, err := certified(o.listen, o.advertise)
		if err != nil {
			return err
		}
		ca, discard, err := o.tls.certify(secure, hosts, o.data)
		if err != nil {
			return err
		}
		defer discard()
		log.Info("clients trust the certificate in a file", "ssl.ca.location", ca, "kcat", "-X security.protocol=ssl -X ssl.ca.location="+ca)
	}
	if o.tls.wanted() {
		listenOptions = append(listenOptions, memkafka.WithTLS(secure))
	}
	if o.advertise != "" {
		listenOptions = append(listenOptions, memkafka.WithAdvertisedHost(o.advertise))
	}
	if len(o.ports) > 0 {
		ports := make([]uint16, len(o.ports))
		for i, p := range o.ports {
			ports[i] = uint16(p)
		}
		listenOptions = append(listenOptions, memkafka.WithPorts(ports...))
	}
	l, err := cluster.Listen(o.listen, listenOptions...)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w; give another --listen, or port 0 for a free one", err)
	case err != nil && !errors.As(err, new(*net.OpError)): // it was not tried
		return usagef("%w", err)
	case err != nil:
		return err
	}
	if faults != "" {
		if err := cluster.SetFaults(faults); err != nil {
			return usagef("--faults %s: %w", o.faults, err)
		}
	}
	stopPage, err := o.page.serve(ctx, cluster, l.Addrs(), log)
	if err != nil {
		return err
	}
	defer stopPage()
	stopProfiles, err := serveProfiles(ctx, o.pprof, log)
	if err != nil {
		return err
	}
	defer stopProfiles()
	if err := o.tellAddresses(stdout, l); err != nil {
		return fmt.Errorf("write the bootstrap servers: %w", err)
	}
	log.Info("brokers are up", "bootstrap.servers", l.Bootstrap(), "topics", len(cluster.Topics()))
	<-ctx.Done()
	log.Info("brokers go down", "cause", context.Cause(ctx))
	for _, f := range cluster.FaultCounts() {
		log.Info("a fault struck", "fault", f.Fault, "times", f.Injected)
	}
	return nil
}

// tellAddresses says where the brokers are.
func (o serveOptions) tellAddresses(stdout io.Writer, l *memkafka.Listener) error {
	if !o.json {
		_, err := fmt.Fprintln(stdout, l.Bootstrap())
		return err
	}
	return json.NewEncoder(stdout).Encode(struct {
		Bootstrap string   `json:"bootstrap_servers"`
		Brokers   []string `json:"brokers"` // in the order of their ids
	}{l.Bootstrap(), l.Addrs()})
}

// logger is where serve tells what happens.
func (o serveOptions) logger(stderr io.Writer) (*slog.Logger, error) {
	if strings.EqualFold(o.logLevel, "none") {
		return slog.New(slog.DiscardHandler), nil
	}
	level := slog.LevelInfo
	if err := level.UnmarshalText([]byte(o.logLevel)); err != nil {
		return nil, fmt.Errorf("--log-level %s: give debug, info, warn, error or none", o.logLevel)
	}
	return slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level})), nil
}

// servedTopic is a topic that exists from the beginning.
type servedTopic struct {
	name       string
	partitions int32
	options    []memkafka.TopicOption
}

// parseTopic reads NAME:PARTITIONS[:key=value,...], or with bare NAME alone. A value may have commas itself, as
// cleanup.policy=compact,delete.
func parseTopic(text string, bare bool) (servedTopic, error) {
	parts := strings.SplitN(text, ":", 3)
	if len(parts) < 2 && bare {
		return servedTopic{name: text, partitions: -1}, nil // as many as num.partitions says
	}
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
