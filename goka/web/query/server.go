// Package query shows what tables hold: the value of a key, and rows by the beginning of their keys.
package query

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/internal/page"
)

//go:embed templates
var files embed.FS

// Humanizer makes a value readable.
type Humanizer interface {
	// Humanize returns a value as text. An error is shown in its place.
	Humanize(interface{}) (string, error)
}

// HumanizerFunc is a function as a Humanizer.
type HumanizerFunc func(interface{}) (string, error)

// Humanize calls the function.
func (h HumanizerFunc) Humanize(val interface{}) (string, error) { return h(val) }

// DefaultHumanizer shows values as indented JSON.
func DefaultHumanizer() Humanizer {
	return HumanizerFunc(func(val interface{}) (string, error) {
		data, err := json.MarshalIndent(val, "", "  ")
		return string(data), err
	})
}

// Errors of AttachSource and AttachView.
var (
	// ErrAttached reports a name that another source has.
	ErrAttached = errors.New("a source of this name is attached already")
	// ErrName reports a name that no source can have.
	ErrName = errors.New("a source needs a name")
)

// Server is the pages. All methods may be called from any goroutine.
type Server struct {
	base      string
	site      *page.Site
	own       http.Handler
	log       goka.Logger
	humanizer Humanizer

	mu      sync.RWMutex // guards what follows
	sources map[string]source
}

// source is a table that can be asked.
type source struct {
	get  goka.Getter
	rows func(start, limit string) (goka.Iterator, error) // nil when it cannot be browsed
}

// Option is a setting of NewServer.
type Option func(*Server, *[]page.Option)

// WithHumanizer sets what makes values readable: DefaultHumanizer unless set.
func WithHumanizer(h Humanizer) Option { return func(s *Server, _ *[]page.Option) { s.humanizer = h } }

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
	s := &Server{base: basePath, log: goka.DefaultLogger(), humanizer: DefaultHumanizer(), sources: map[string]source{}}
	var o []page.Option
	for _, option := range options {
		option(s, &o)
	}
	templates, err := fs.Sub(files, "templates")
	if err != nil {
		panic(err)
	}
	s.site = page.New(basePath, "goka query", templates, o...)
	s.own = s.site.Attach(router, page.Routes{"GET {$}": s.list, "GET {name}": s.ask, "GET {name}/{key...}": s.ask})
	return s
}

// ServeHTTP serves the pages, at their whole paths.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.own.ServeHTTP(w, r) }

// BasePath is the path that NewServer was given.
func (s *Server) BasePath() string { return s.base }

// AttachSource has a table asked by getter, such as Processor.Get, under a name. Its rows can be looked up, not browsed. It fails
// with ErrAttached when the name is taken.
func (s *Server) AttachSource(name string, getter goka.Getter) error {
	return s.attach(name, source{get: getter})
}

// AttachView shows the rows of a view, under a name. It fails with ErrAttached when the name is taken.
func (s *Server) AttachView(name string, view *goka.View) error {
	return s.attach(name, source{view.Get, view.IteratorWithRange})
}

// AttachProcessor shows the rows of a group's table that a processor of this process has, under a name. It fails with ErrAttached when
// the name is taken.
func (s *Server) AttachProcessor(name string, processor *goka.Processor) error {
	return s.attach(name, source{processor.Get, processor.IteratorWithRange})
}

func (s *Server) attach(name string, src source) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case name == "" || name == "_assets":
		return fmt.Errorf("%w: %q is none", ErrName, name)
	case src.get == nil:
		return fmt.Errorf("source %q: a getter is needed, nil was given", name)
	}
	if _, taken := s.sources[name]; taken {
		return fmt.Errorf("%w: %q", ErrAttached, name)
	}
	s.sources[name] = src
	return nil
}

// Detach ends AttachSource, AttachView and AttachProcessor.
func (s *Server) Detach(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sources, name)
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	s.mu.RLock()
	names := slices.Sorted(maps.Keys(s.sources))
	s.mu.RUnlock()
	if page.WantsJSON(r) {
		s.site.JSON(w, r, append([]string{}, names...))
		return
	}
	s.site.Show(w, r, "list.html", page.View{Title: "Tables", Body: names})
}

// Answer is what is known of a key, also as JSON.
type Answer struct {
	Key   string `json:"key"`             // that was asked for
	Found bool   `json:"found"`           // there is a row
	Value any    `json:"value,omitempty"` // as JSON, if it can be that
	Text  string `json:"text,omitempty"`  // as the Humanizer shows it
	Error string `json:"error,omitempty"` // why the row could not be read; empty if it could
}

// Rows is a page of rows, also as JSON.
type Rows struct {
	Prefix string   `json:"prefix"`          // that the keys begin with
	Rows   []Answer `json:"rows"`            // in the byte order of their keys
	Next   string   `json:"next,omitempty"`  // the first key of the next page; empty when there is none
	Error  string   `json:"error,omitempty"` // why there are no more rows; empty if nothing failed
}

// Shown is what the page of a table shows.
type Shown struct {
	Name     string  // of the source
	Key      string  // that was asked for; empty when none was
	Answer   *Answer // nil when no key was asked for
	Browse   bool    // the source has rows to page through
	Rows     *Rows   // nil unless they were asked for
	Size     int     // rows of a page
	NextPage string  // query of the next page; empty when there is none
}

// How many rows a page has, unless size says otherwise, and how many it can have; and how much of a value is shown, in bytes.
const (
	defaultSize = 50
	maxSize     = 1000
	maxShown    = 64 << 10
	maxInList   = 2 << 10
)

func (s *Server) ask(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	s.mu.RLock()
	src, ok := s.sources[name]
	s.mu.RUnlock()
	if !ok {
		s.site.Fail(w, r, http.StatusNotFound, fmt.Errorf("there is no table %q here", name))
		return
	}
	q := r.URL.Query()
	key, asked := r.PathValue("key"), r.PathValue("key") != ""
	if q.Has("key") {
		key, asked = q.Get("key"), true
	}
	shown := Shown{Name: name, Key: key, Browse: src.rows != nil, Size: defaultSize}
	if n, err := strconv.Atoi(q.Get("size")); err == nil && n > 0 {
		shown.Size = min(n, maxSize)
	}
	wantsJSON := page.WantsJSON(r) && !(strings.HasSuffix(r.URL.Path, ".json") && q.Get("format") == "" && !strings.Contains(r.Header.Get("Accept"), "json"))
	if asked {
		a := s.answer(key, func() (any, error) { return src.get(key) }, maxShown)
		shown.Answer = &a
		if wantsJSON {
			s.site.JSON(w, r, a)
			return
		}
	} else if src.rows != nil {
		rows := s.browse(src, q.Get("prefix"), q.Get("from"), shown.Size)
		shown.Rows = &rows
		if wantsJSON {
			s.site.JSON(w, r, rows)
			return
		}
		if rows.Next != "" {
			shown.NextPage = s.site.Path(name) + "?" + url.Values{"prefix": {rows.Prefix}, "from": {rows.Next}, "size": {strconv.Itoa(shown.Size)}}.Encode()
		}
	} else if wantsJSON {
		s.site.Fail(w, r, http.StatusBadRequest, fmt.Errorf("the rows of %q can only be looked up: give key", name))
		return
	}
	s.site.Show(w, r, "table.html", page.View{Title: name, Trail: []page.Link{{Name: "Tables", Path: s.site.Base()}}, Body: shown})
}

// answer makes a value readable, whatever that does: a panic of a Humanizer or codec is an error of this row.
func (s *Server) answer(key string, get func() (any, error), limit int) (a Answer) {
	a.Key = key
	defer func() {
		if x := recover(); x != nil {
			a.Error = fmt.Sprintf("showing the value panicked: %v", x)
			s.log.Printf("query: showing the value of key %q panicked: %v", key, x)
		}
	}()
	value, err := get()
	switch {
	case err != nil:
		a.Error = err.Error()
		return a
	case value == nil:
		return a
	}
	a.Found = true
	text, err := s.humanizer.Humanize(value)
	if err != nil {
		a.Error = "the value cannot be shown: " + err.Error()
		return a
	}
	a.Text = cut(text, limit)
	if data, err := json.Marshal(value); err == nil && len(data) <= limit {
		a.Value = json.RawMessage(data)
	}
	return a
}

func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	short := text[:limit]
	for len(short) > 0 && !utf8.ValidString(short[max(0, len(short)-utf8.UTFMax):]) && limit-len(short) < utf8.UTFMax {
		short = short[:len(short)-1]
	}
	return fmt.Sprintf("%s… (the beginning of %s)", short, page.Bytes(len(text)))
}

// browse returns the rows whose keys begin with prefix, from a key on.
func (s *Server) browse(src source, prefix, from string, size int) Rows {
	rows := Rows{Prefix: prefix, Rows: []Answer{}}
	it, err := src.rows(prefix, "")
	if err != nil {
		rows.Error = err.Error()
		return rows
	}
	defer it.Release()
	if from != "" && !it.Seek(from) {
		return rows
	}
	for it.Next() {
		if len(rows.Rows) == size {
			rows.Next = it.Key()
			break
		}
		rows.Rows = append(rows.Rows, s.answer(it.Key(), it.Value, maxInList))
	}
	if err := it.Err(); err != nil {
		rows.Error = err.Error()
	}
	return rows
}
