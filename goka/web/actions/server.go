// Package actions lets an operator start and stop what a program offers, such as a visitor that corrects rows, and watch it.
package actions

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/internal/page"
)

//go:embed templates
var files embed.FS

// Actor is something that can be started.
type Actor interface {
	// RunAction does it, until ctx ends, with the text that the operator gave. Progress tells how far it is.
	RunAction(ctx context.Context, value string) error
	// Description says to operators what it does.
	Description() string
}

// FuncActor makes an Actor of a function.
func FuncActor(description string, actor func(ctx context.Context, value string) error) Actor {
	return funcActor{description, actor}
}

type funcActor struct {
	description string
	run         func(ctx context.Context, value string) error
}

func (f funcActor) RunAction(ctx context.Context, value string) error { return f.run(ctx, value) }
func (f funcActor) Description() string                               { return f.description }

// Errors of AttachAction.
var (
	// ErrAttached reports a name that another action has.
	ErrAttached = errors.New("an action of this name is attached already")
	// ErrName reports a name that no action can have.
	ErrName = errors.New("an action needs a name")
)

// errStopped is the cause of the end of a run that an operator stopped.
var errStopped = errors.New("stopped by the operator")

// Server is the page. All methods may be called from any goroutine.
type Server struct {
	base string
	site *page.Site
	own  http.Handler
	log  goka.Logger

	mu      sync.Mutex // guards what follows
	actions map[string]*action
	closed  bool
	runs    sync.WaitGroup
}

// action is an actor and its last run. It is guarded by the server's mu.
type action struct {
	actor Actor
	run   *run // nil before the first
}

// run is one run of an action.
type run struct {
	value    string
	cancel   context.CancelCauseFunc
	done     chan struct{} // closed at the end, whatever that is
	began    time.Time
	stopping bool

	mu          sync.Mutex // guards what follows
	ended       time.Time  // zero until then
	err         error
	step, steps int64
	note        string
}

type runKey struct{}

// Progress tells the page how far a run is: step of steps, 0 steps when that is not known, and a few words. It is called from
// RunAction with its context; elsewhere it does nothing.
func Progress(ctx context.Context, step, steps int64, note string) {
	r, ok := ctx.Value(runKey{}).(*run)
	if !ok {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.step, r.steps, r.note = step, steps, note
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

// NewServer makes a server whose page is basePath, and attaches it to router: a *mux.Router, a *http.ServeMux, or nil to attach it
// elsewhere. It panics for a router of another kind without a method Handle. basePath begins with a slash;
// "" is "/".
func NewServer(basePath string, router any, options ...Option) *Server {
	s := &Server{base: basePath, log: goka.DefaultLogger(), actions: map[string]*action{}}
	var o []page.Option
	for _, option := range options {
		option(s, &o)
	}
	templates, err := fs.Sub(files, "templates")
	if err != nil {
		panic(err)
	}
	s.site = page.New(basePath, "goka actions", templates, o...)
	s.own = s.site.Attach(router, page.Routes{"GET {$}": s.list, "POST start/{action}": s.start, "POST stop/{action}": s.stop})
	return s
}

// ServeHTTP serves the pages, at their whole paths.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.own.ServeHTTP(w, r) }

// BasePath is the path that NewServer was given.
func (s *Server) BasePath() string { return s.base }

// Token is what a POST has to carry, as the header X-Token or the field token, from a program that is no browser.
func (s *Server) Token() string { return s.site.Token() }

// AttachAction offers an action under a name. It fails with ErrAttached when the name is taken.
func (s *Server) AttachAction(name string, actor Actor) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case name == "":
		return ErrName
	case actor == nil:
		return fmt.Errorf("action %q: an actor is needed, nil was given", name)
	}
	if _, taken := s.actions[name]; taken {
		return fmt.Errorf("%w: %q", ErrAttached, name)
	}
	s.actions[name] = &action{actor: actor}
	return nil
}

// AttachFuncAction is AttachAction for a function.
func (s *Server) AttachFuncAction(name string, description string, actor func(ctx context.Context, value string) error) error {
	if actor == nil {
		return s.AttachAction(name, nil)
	}
	return s.AttachAction(name, FuncActor(description, actor))
}

// Close stops what runs, and waits for it until ctx ends. Nothing can be started from then on. It may be called twice.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	var running []string
	for name, a := range s.actions {
		if a.run != nil && !a.run.over() {
			a.run.cancel(errStopped)
			running = append(running, name)
		}
	}
	s.mu.Unlock()
	done := make(chan struct{})
	go func() {
		s.runs.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		slices.Sort(running)
		return fmt.Errorf("waiting for actions %q to end: %w", running, ctx.Err())
	}
}

func (r *run) over() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// Action is an action as the page shows it, also as JSON.
type Action struct {
	Name        string        `json:"name"`            // by which it is attached
	Description string        `json:"description"`     // as it was attached with
	State       string        `json:"state"`           // never started, running, stopping, done, stopped or failed
	Class       string        `json:"class"`           // good, waiting or bad; empty before the first run
	Value       string        `json:"value,omitempty"` // what the last run was given
	Began       time.Time     `json:"began,omitzero"`  // the last run; zero before the first
	Ended       time.Time     `json:"ended,omitzero"`  // zero while it runs
	Took        time.Duration `json:"took,omitempty"`  // nanoseconds, so far while it runs
	Error       string        `json:"error,omitempty"` // what the last run failed with
	Step        int64         `json:"step,omitempty"`  // how far it is, as it reports itself
	Steps       int64         `json:"steps,omitempty"` // of so many; 0 when it does not say
	Note        string        `json:"note,omitempty"`  // what it says of this step
	Running     bool          `json:"running"`         // also while it is asked to stop
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	actions := s.describe(time.Now())
	if page.WantsJSON(r) {
		s.site.JSON(w, r, actions)
		return
	}
	s.site.Show(w, r, "actions.html", page.View{Title: "Actions", Refresh: 2, Body: actions})
}

// describe describes all actions. The lock is let go of also where a Description panics.
func (s *Server) describe(now time.Time) []Action {
	s.mu.Lock()
	defer s.mu.Unlock()
	actions := []Action{}
	for _, name := range slices.Sorted(maps.Keys(s.actions)) {
		actions = append(actions, s.actions[name].describe(name, now))
	}
	return actions
}

// describe is called with the server's mu held.
func (a *action) describe(name string, now time.Time) Action {
	d := Action{Name: name, Description: a.actor.Description(), State: "never started"}
	r := a.run
	if r == nil {
		return d
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	d.Value, d.Began, d.Ended, d.Step, d.Steps, d.Note = r.value, r.began, r.ended, r.step, r.steps, r.note
	switch {
	case r.ended.IsZero():
		d.State, d.Class, d.Running, d.Took = "running", "waiting", true, now.Sub(r.began)
		if r.stopping {
			d.State = "stopping"
		}
		return d
	case r.err == nil:
		d.State, d.Class = "done", "good"
	case errors.Is(r.err, errStopped) || r.stopping && errors.Is(r.err, context.Canceled):
		d.State, d.Class = "stopped", "waiting"
	default:
		d.State, d.Class, d.Error = "failed", "bad", r.err.Error()
	}
	d.Took = r.ended.Sub(r.began)
	return d
}

func (s *Server) start(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("action")
	if err := s.begin(name, r.PostFormValue("value")); err != nil {
		s.site.Fail(w, r, http.StatusNotFound, err)
		return
	}
	s.site.Done(w, r, s.site.Base(), fmt.Sprintf("%q was started", name))
}

// begin starts an action. A run that is under way is stopped and waited for first, by the new run.
func (s *Server) begin(name, value string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.actions[name]
	switch {
	case a == nil:
		return fmt.Errorf("there is no action %q", name)
	case s.closed:
		return errors.New("the program is ending")
	}
	before := a.run
	if before != nil {
		before.stopping = before.stopping || !before.over()
		before.cancel(errStopped)
	}
	now := &run{value: value, done: make(chan struct{}), began: time.Now()}
	ctx, cancel := context.WithCancelCause(context.WithValue(context.Background(), runKey{}, now))
	now.cancel = cancel
	a.run = now
	s.runs.Add(1)
	go func() {
		defer s.runs.Done()
		defer cancel(nil)
		defer close(now.done)
		ended := false
		defer func() {
			if !ended { // runtime.Goexit
				now.end(errors.New("the action ended its goroutine"))
			}
		}()
		if before != nil {
			<-before.done
		}
		err := context.Cause(ctx)
		if err == nil {
			err = s.guarded(ctx, name, a.actor, value)
		}
		now.end(err)
		ended = true
	}()
	return nil
}

func (r *run) end(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended, r.err = time.Now(), err
}

// guarded runs an actor, and turns its panic into an error.
func (s *Server) guarded(ctx context.Context, name string, actor Actor, value string) (err error) {
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("the action panicked: %v", x)
			s.log.Printf("action %q panicked: %v\n%s", name, x, debug.Stack())
		}
	}()
	return actor.RunAction(ctx, value)
}

func (s *Server) stop(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("action")
	s.mu.Lock()
	a := s.actions[name]
	note := fmt.Sprintf("%q does not run", name)
	if a != nil && a.run != nil && !a.run.over() {
		a.run.stopping = true
		a.run.cancel(errStopped)
		note = fmt.Sprintf("%q was told to stop", name)
	}
	s.mu.Unlock()
	if a == nil {
		s.site.Fail(w, r, http.StatusNotFound, fmt.Errorf("there is no action %q", name))
		return
	}
	s.site.Done(w, r, s.site.Base(), note)
}
