// Package monitor shows how processors and views are: their states, partitions, lag and its trend, recoveries with the time they
// still take, rebalances, and the group graph with all of that in it.
package monitor

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/internal/page"
	"github.com/gokasim/gokasim/internal/picture"
)

//go:embed templates
var files embed.FS

// Server is the pages. All methods may be called from any goroutine.
type Server struct {
	base string
	site *page.Site
	own  http.Handler
	log  goka.Logger

	mu         sync.RWMutex // guards what follows
	processors []*watched[*goka.Processor]
	views      []*watched[*goka.View]
}

// watched is a processor or a view, and what was seen of it before. Its number is its place in the server's list, where what was
// detached leaves a gap.
type watched[T any] struct {
	it      T
	history history
}

// Option is a setting of NewServer.
type Option func(*Server, *[]page.Option)

// WithLogger sets where the server logs to: goka.DefaultLogger unless set; nil discards.
func WithLogger(l goka.Logger) Option {
	return func(s *Server, _ *[]page.Option) { s.log = logger.OrDiscard(l) }
}

// WithBasicAuth asks for a user's name and password before anything is shown. An empty name asks nobody: look that it is not, where it comes from
// the environment.
func WithBasicAuth(user, password string) Option {
	return func(_ *Server, o *[]page.Option) { *o = append(*o, page.WithBasicAuth(user, password)) }
}

// NewServer makes a server whose pages are below basePath, and attaches it to router: a *mux.Router, a *http.ServeMux, or nil to
// attach it elsewhere. It panics for a router of another kind without a method Handle. basePath begins with a slash;
// "" is "/".
func NewServer(basePath string, router any, options ...Option) *Server {
	s := &Server{base: basePath, log: goka.DefaultLogger()}
	var o []page.Option
	for _, option := range options {
		option(s, &o)
	}
	templates, err := fs.Sub(files, "templates")
	if err != nil {
		panic(err)
	}
	s.site = page.New(basePath, "goka monitor", templates, o...)
	s.own = s.site.Attach(router, page.Routes{
		"GET {$}":               s.overview,
		"GET processor/{idx}":   s.processor,
		"GET view/{idx}":        s.view,
		"GET data/{type}/{idx}": s.data,
		"GET graph.svg":         s.graphSVG,
		"GET graph.mmd":         s.graphMermaid,
		"GET graph.json":        s.graphJSON,
	})
	return s
}

// ServeHTTP serves the pages, at their whole paths.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.own.ServeHTTP(w, r) }

// BasePath is the path that NewServer was given.
func (s *Server) BasePath() string { return s.base }

// AttachProcessor shows a processor from now on, until DetachProcessor. One that is shown already stays where it is.
func (s *Server) AttachProcessor(processor *goka.Processor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if attached(s.processors, processor) {
		return
	}
	s.processors = append(s.processors, &watched[*goka.Processor]{it: processor})
}

// DetachProcessor ends AttachProcessor. The paths of other processors stay.
func (s *Server) DetachProcessor(processor *goka.Processor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, w := range s.processors {
		if w != nil && w.it == processor {
			s.processors[i] = nil
		}
	}
}

func attached[T comparable](all []*watched[T], one T) bool {
	return slices.ContainsFunc(all, func(w *watched[T]) bool { return w != nil && w.it == one })
}

// AttachView shows a view from now on, until DetachView. One that is shown already stays where it is.
func (s *Server) AttachView(view *goka.View) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if attached(s.views, view) {
		return
	}
	s.views = append(s.views, &watched[*goka.View]{it: view})
}

// DetachView ends AttachView. The paths of other views stay.
func (s *Server) DetachView(view *goka.View) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, w := range s.views {
		if w != nil && w.it == view {
			s.views[i] = nil
		}
	}
}

// numbered finds what a path's number stands for.
func numbered[T any](s *Server, list *[]*watched[T], number, what string) (int, *watched[T], error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i, err := strconv.Atoi(number)
	if err != nil || i < 0 || i >= len(*list) || (*list)[i] == nil {
		return 0, nil, fmt.Errorf("there is no %s %q here", what, number)
	}
	return i, (*list)[i], nil
}

// all is every processor and view that is attached.
func (s *Server) all(now time.Time) Overview {
	s.mu.RLock()
	processors, views := append([]*watched[*goka.Processor]{}, s.processors...), append([]*watched[*goka.View]{}, s.views...)
	s.mu.RUnlock()
	o := Overview{Processors: []Processor{}, Views: []View{}}
	for i, w := range processors {
		if w != nil {
			o.Processors = append(o.Processors, s.describe(i, w, now))
		}
	}
	for i, w := range views {
		if w != nil {
			o.Views = append(o.Views, describeView(i, w, now))
		}
	}
	return o
}

const refreshSeconds = 3

func (s *Server) overview(w http.ResponseWriter, r *http.Request) {
	o := s.all(time.Now())
	if page.WantsJSON(r) {
		s.site.JSON(w, r, o)
		return
	}
	o.picture = s.graph(o)
	s.site.Show(w, r, "overview.html", page.View{Title: "Processors and views", Refresh: refreshSeconds, Body: o})
}

func (s *Server) processor(w http.ResponseWriter, r *http.Request) {
	i, p, err := numbered(s, &s.processors, r.PathValue("idx"), "processor")
	if err != nil {
		s.site.Fail(w, r, http.StatusNotFound, err)
		return
	}
	d := s.describe(i, p, time.Now())
	if page.WantsJSON(r) {
		s.site.JSON(w, r, d)
		return
	}
	d.picture = s.graph(Overview{Processors: []Processor{d}})
	s.site.Show(w, r, "processor.html", page.View{Title: "Processor " + d.Group, Trail: s.trail(), Refresh: refreshSeconds, Body: d})
}

func (s *Server) view(w http.ResponseWriter, r *http.Request) {
	i, v, err := numbered(s, &s.views, r.PathValue("idx"), "view")
	if err != nil {
		s.site.Fail(w, r, http.StatusNotFound, err)
		return
	}
	d := describeView(i, v, time.Now())
	if page.WantsJSON(r) {
		s.site.JSON(w, r, d)
		return
	}
	s.site.Show(w, r, "view.html", page.View{Title: "View of " + d.Table, Trail: s.trail(), Refresh: refreshSeconds, Body: d})
}

func (s *Server) trail() []page.Link {
	return []page.Link{{Name: "Processors and views", Path: s.site.Base()}}
}

// data answers with the statistics as they are.
func (s *Server) data(w http.ResponseWriter, r *http.Request) {
	var stats any
	var err error
	switch kind := r.PathValue("type"); kind {
	case "processor":
		var p *watched[*goka.Processor]
		if _, p, err = numbered(s, &s.processors, r.PathValue("idx"), kind); err == nil {
			stats = p.it.StatsWithContext(r.Context())
		}
	case "view":
		var v *watched[*goka.View]
		if _, v, err = numbered(s, &s.views, r.PathValue("idx"), kind); err == nil {
			stats = v.it.Stats(r.Context())
		}
	default:
		err = errors.New("there are data of a processor and of a view only")
	}
	if err != nil {
		s.site.Fail(w, r, http.StatusNotFound, err)
		return
	}
	s.site.JSON(w, r, stats)
}

func (s *Server) graphSVG(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	s.write(w, s.graph(s.all(time.Now())).SVG())
}

func (s *Server) graphMermaid(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	s.write(w, s.graph(s.all(time.Now())).Mermaid())
}

func (s *Server) graphJSON(w http.ResponseWriter, r *http.Request) {
	s.site.JSON(w, r, s.graph(s.all(time.Now())))
}

func (s *Server) write(w http.ResponseWriter, text string) {
	if _, err := w.Write([]byte(text)); err != nil {
		s.log.Printf("monitor: answering: %v", err)
	}
}

// graph draws processors with their states.
func (s *Server) graph(o Overview) *picture.Graph {
	g := &picture.Graph{}
	edges := map[picture.Edge]bool{}
	for _, p := range o.Processors {
		name := p.Group
		at := -1
		for i := range g.Groups {
			if g.Groups[i].Name == name {
				at = i
			}
		}
		note := fmt.Sprintf("%s, lag %d", p.State, p.Lag)
		if p.LagTime > 0 {
			note += " / " + page.Duration(p.LagTime)
		}
		note += " " + p.Trend
		if at < 0 {
			g.Groups = append(g.Groups, picture.Group{Name: name, Link: s.site.Path("processor", strconv.Itoa(p.Index)), State: picture.Good})
			at = len(g.Groups) - 1
		}
		g.Groups[at].Notes = append(g.Groups[at].Notes, note, states(p.Partitions))
		if worse(p.Class, g.Groups[at].State) {
			g.Groups[at].State = picture.State(p.Class)
		}
		add := func(role picture.Role, list goka.Edges) {
			for _, e := range list {
				edge := picture.Edge{Group: name, Topic: e.Topic(), Role: role}
				if c := e.Codec(); c != nil {
					edge.Codec = fmt.Sprintf("%T", c)
				}
				if !edges[edge] {
					edges[edge] = true
					g.Edges = append(g.Edges, edge)
				}
			}
		}
		gg := p.graph
		add(picture.Input, gg.InputStreams())
		add(picture.Join, gg.JointTables())
		add(picture.Lookup, gg.LookupTables())
		add(picture.Output, gg.OutputStreams())
		if e := gg.LoopStream(); e != nil {
			add(picture.Loop, goka.Edges{e})
		}
		if e := gg.GroupTable(); e != nil {
			add(picture.Table, goka.Edges{e})
		}
	}
	return g
}

func worse(class string, than picture.State) bool {
	rank := map[picture.State]int{picture.Good: 0, picture.Waiting: 1, picture.Bad: 2}
	return rank[picture.State(class)] > rank[than]
}

// stats are a view's, which need no context.
func stats(v *goka.View) *goka.ViewStats { return v.Stats(context.Background()) }
