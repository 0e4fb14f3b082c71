package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/gokasim/gokasim/memkafka"
)

// check says what is wrong with options that have nothing to do with the cluster's own, and fills in what follows from others.
func (o *serveOptions) check() (wrong []error) {
	if n := int32(len(o.ports)); n > 0 {
		if o.counted && o.brokers != n {
			wrong = append(wrong, fmt.Errorf("--brokers %d, and --ports has %d; leave --brokers out", o.brokers, n))
		}
		o.brokers = n
		for _, p := range o.ports {
			if p > math.MaxUint16 {
				wrong = append(wrong, fmt.Errorf("--ports %d: a port is 0 to %d", p, math.MaxUint16))
			}
		}
	}
	if o.sync && o.data == "" {
		wrong = append(wrong, errors.New("--sync: nothing is kept without --data"))
	}
	if err := o.input.Check(); err != nil {
		wrong = append(wrong, fmt.Errorf("--key-format and --value-format: %w", err))
	}
	var files []string
	for _, given := range o.load {
		_, file := loaded(given)
		files = append(files, file)
	}
	if err := o.input.Unused(files); err != nil {
		wrong = append(wrong, fmt.Errorf("--key-column, --value-column, --time-column and --time-layout are about --load: %w", err))
	}
	for i, name := range files {
		if slices.Contains(files[:i], name) {
			wrong = append(wrong, fmt.Errorf("--load %s: it is named twice", name))
		}
	}
	return wrong
}

// readFaults reads the plan of --faults, which is empty without.
func (o *serveOptions) readFaults() (string, error) {
	if o.faults == "" {
		return "", nil
	}
	text, err := os.ReadFile(o.faults)
	if err != nil {
		return "", fmt.Errorf("reading --faults: %w", err)
	}
	if _, err := memkafka.ParseFaults(string(text)); err != nil {
		return "", fmt.Errorf("--faults %s: %w", o.faults, err)
	}
	return string(text), nil
}

// open returns the cluster, with its topics, from --data if that is given.
func (o *serveOptions) open(ctx context.Context, log *slog.Logger, topics []servedTopic, options []memkafka.Option) (*memkafka.Cluster, func() error, error) {
	fill := func(c *memkafka.Cluster) error {
		for _, t := range topics {
			err := c.CreateTopic(t.name, t.partitions, t.options...)
			if err != nil && (o.data == "" || c.Partitions(t.name) == 0) { // one that was kept stays as it is
				return usagef("--topic %s: %w", t.name, err)
			}
		}
		return o.fill(ctx, log, c)
	}
	if o.data == "" {
		c, err := memkafka.Open(options...)
		if err != nil {
			return nil, nil, &usageError{err}
		}
		if err := fill(c); err != nil {
			c.Close()
			return nil, nil, err
		}
		return c, func() error { c.Close(); return nil }, nil
	}
	begun := time.Now()
	keeping := memkafka.KeepOptions{Sync: o.sync, Fail: func(err error) {
		log.Error("the cluster cannot be kept any more; it ends", "error", err)
		os.Exit(1) // anything that is answered from now on would be lost
	}}
	if len(topics) > 0 || len(o.load) > 0 {
		keeping.Fill = fill
	}
	c, err := memkafka.OpenDir(o.data, keeping, options...)
	if err != nil {
		return nil, nil, fmt.Errorf("--data %s: %w", o.data, strip(err))
	}
	log.Info("the cluster is kept", "directory", o.data, "topics", len(c.Topics()), "opened in", time.Since(begun).Round(time.Microsecond))
	return c.Cluster, c.Close, nil
}

// strip takes a usageError for what is in it, since what is in a directory is no matter of usage alone.
func strip(err error) error {
	var wrong *usageError
	if errors.As(err, &wrong) && !strings.HasPrefix(wrong.Error(), "--load") {
		return wrong
	}
	return err
}
