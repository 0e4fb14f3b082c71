package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/gokasim/gokasim/cmd/gokasim/internal/clusterpage"
	"github.com/gokasim/gokasim/cmd/gokasim/internal/schema"
	"github.com/gokasim/gokasim/internal/page"
	"github.com/gokasim/gokasim/memkafka"
)

// pageOptions is what serve is told about the cluster's page.
type pageOptions struct {
	addr    string
	user    string
	anyHost bool
	schemas []string
}

func (o *pageOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.addr, "http", "", "show the cluster's page at this `address`, as 127.0.0.1:8080 or :8080; without a host, for this machine only")
	f.StringVar(&o.user, "http-user", "", "ask for this `NAME:PASSWORD` at the page")
	f.StringArrayVar(&o.schemas, "schema", nil, "decode what the page shows by this, `TARGET=FILE`, see above; may be given several times")
	f.BoolVar(&o.anyHost, "http-any-host", false, "serve the page under any name on a loopback address too, as behind a proxy on this machine")
}

// serve shows the page of a cluster, unless it is not wanted, until stop is called.
func (o pageOptions) serve(ctx context.Context, cluster *memkafka.Cluster, brokers []string, log *slog.Logger) (stop func(), err error) {
	if o.addr == "" {
		if o.user != "" || o.anyHost || len(o.schemas) > 0 {
			return nil, usagef("--http-user, --http-any-host and --schema say something only with --http")
		}
		return func() {}, nil
	}
	user, password, ok := strings.Cut(o.user, ":")
	if o.user != "" && (!ok || user == "" || password == "") {
		return nil, usagef("--http-user: give NAME:PASSWORD, both with at least one character")
	}
	schemas, err := readSchemas(o.schemas)
	if err != nil {
		return nil, err
	}
	l, err := listenHTTP(ctx, "--http", o.addr)
	if err != nil {
		return nil, err
	}
	pages := clusterpage.New(cluster, clusterpage.Options{User: user, Password: password, Addrs: brokers, AnyHost: o.anyHost, Schemas: schemas, Log: log})
	server := &http.Server{
		Handler: pages, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { pages.Run(ctx) })
	wg.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the page ended", "err", err)
		}
	})
	log.Info("page is up", "url", "http://"+l.Addr().String()+"/")
	if addr, ok := l.Addr().(*net.TCPAddr); ok && !addr.IP.IsLoopback() && o.user == "" {
		log.Warn("the page is open to whoever reaches this address, and can change everything; give --http-user, or a loopback address")
	}
	return func() {
		cancel()
		_ = server.Close() // requests under way are of no use any more
		wg.Wait()
	}, nil
}

// listenHTTP listens at the address of a flag: HOST:PORT, :PORT or PORT, which without a host are of this machine only.
func listenHTTP(ctx context.Context, flag, addr string) (net.Listener, error) {
	if _, err := strconv.ParseUint(addr, 10, 16); err == nil {
		addr = ":" + addr
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, usagef("%s %s: %w; give HOST:PORT", flag, addr, err)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, port))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%w; give another %s, or port 0 for a free one", err, flag)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return l, nil
}

// serveProfiles serves profiles of this process, unless they are not wanted, until stop is called.
func serveProfiles(ctx context.Context, addr string, log *slog.Logger) (stop func(), err error) {
	if addr == "" {
		return func() {}, nil
	}
	l, err := listenHTTP(ctx, "--pprof", addr)
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: page.Private(profiles()), ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the profiles ended", "err", err)
		}
	})
	log.Info("profiles are up", "url", "http://"+l.Addr().String()+"/debug/pprof/")
	return func() {
		_ = server.Close() // requests under way are of no use any more
		wg.Wait()
	}, nil
}

// profiles are those of package net/http/pprof but the command line, which may have passwords.
func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "the command line is not shown, as it may have passwords", http.StatusNotFound)
	})
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// readSchemas reads what --schema gives, all of it before it complains.
func readSchemas(given []string) (*schema.Set, error) {
	set := &schema.Set{}
	var wrong []error
	for _, text := range given {
		if err := set.Load(text); err != nil {
			wrong = append(wrong, fmt.Errorf("--schema %s: %w", text, err))
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, &usageError{err}
	}
	return set, nil
}
