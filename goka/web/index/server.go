// Package index is a page that leads to the others.
package index

import (
	"embed"
	"io/fs"
	"net/http"
	"sync"

	"github.com/gokasim/gokasim/internal/page"
)

//go:embed templates
var files embed.FS

// ComponentPathProvider is a server that a page of links can lead to.
type ComponentPathProvider interface {
	// BasePath is the path of the server's first page.
	BasePath() string
}

// Server is the page. All methods may be called from any goroutine.
type Server struct {
	base string
	site *page.Site
	own  http.Handler

	mu         sync.RWMutex // guards what follows
	components []Component
}

// Component is a link of the page.
type Component struct {
	Name string `json:"name"` // what the link says
	Path string `json:"path"` // where it leads
}

// Option is a setting of NewServer.
type Option func(*settings)

type settings struct{ page []page.Option }

// WithBasicAuth asks for a user's name and password before the page is shown. An empty name asks nobody: look that it is not, where it comes from
// the environment.
func WithBasicAuth(user, password string) Option {
	return func(s *settings) { s.page = append(s.page, page.WithBasicAuth(user, password)) }
}

// NewServer makes a server whose page is basePath, and attaches it to router: a *mux.Router, a *http.ServeMux, or nil to attach it
// elsewhere. It panics for a router of another kind without a method Handle. basePath begins with a slash;
// "" is "/".
func NewServer(basePath string, router any, options ...Option) *Server {
	var o settings
	for _, option := range options {
		option(&o)
	}
	templates, err := fs.Sub(files, "templates")
	if err != nil {
		panic(err)
	}
	s := &Server{base: basePath, site: page.New(basePath, "goka", templates, o.page...)}
	s.own = s.site.Attach(router, page.Routes{"GET {$}": s.list})
	return s
}

// ServeHTTP serves the page, at its whole path.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.own.ServeHTTP(w, r) }

// BasePath is the path that NewServer was given.
func (s *Server) BasePath() string { return s.base }

// AddComponent adds a link to a server, under a name.
func (s *Server) AddComponent(pathProvider ComponentPathProvider, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.components = append(s.components, Component{name, page.CleanBase(pathProvider.BasePath())})
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	s.mu.RLock()
	components := append([]Component{}, s.components...)
	s.mu.RUnlock()
	if page.WantsJSON(r) {
		s.site.JSON(w, r, components)
		return
	}
	s.site.Show(w, r, "index.html", page.View{Title: "Pages", Body: components})
}
