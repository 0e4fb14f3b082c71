package page

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"
)

// Routes are what a site serves, by method and path below its base: "GET {$}" is its first page, "GET view/{idx}" another.
type Routes map[string]http.HandlerFunc

// Attach returns the site's handler, which takes whole paths, and has a router send what the site serves to it: a *mux.Router of
// gorilla, a *http.ServeMux or another with its method Handle, or nil. Only paths that the site serves are taken. Attach panics for
// any other router, which nobody could be attached to.
func (s *Site) Attach(router any, routes Routes) http.Handler {
	own := http.NewServeMux()
	patterns := []string{s.Assets()}
	own.HandleFunc(s.Assets(), s.ServeAsset)
	for _, pattern := range slices.Sorted(maps.Keys(routes)) {
		method, path, _ := strings.Cut(pattern, " ")
		pattern = method + " " + s.base + path
		own.HandleFunc(pattern, routes[method+" "+path])
		patterns = append(patterns, pattern)
	}
	if s.base != "/" {
		short := "GET " + strings.TrimSuffix(s.base, "/")
		own.Handle(short, http.RedirectHandler(s.base, http.StatusMovedPermanently))
		patterns = append(patterns, short)
	}
	handler := s.Guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := own.Handler(r)
		if pattern != "" {
			own.ServeHTTP(w, r)
			return
		}
		answer := &statusOnly{header: w.Header()}
		h.ServeHTTP(answer, r) // 404, or 405 with the header Allow
		if answer.status == http.StatusMethodNotAllowed {
			s.Fail(w, r, answer.status, fmt.Errorf("%s is not for this page; it takes %s", r.Method, w.Header().Get("Allow")))
			return
		}
		s.Fail(w, r, http.StatusNotFound, errors.New("there is no such page"))
	}))
	switch router := router.(type) {
	case nil:
	case *mux.Router:
		router.MatcherFunc(func(r *http.Request, _ *mux.RouteMatch) bool {
			_, pattern := own.Handler(r)
			return pattern != ""
		}).Handler(handler)
	case interface {
		Handle(pattern string, handler http.Handler)
	}:
		for _, p := range patterns {
			router.Handle(p, handler)
		}
	default:
		panic(fmt.Sprintf("pages below %s cannot be attached to a %T; give a *mux.Router, a *http.ServeMux, or nil", s.base, router))
	}
	return handler
}

// statusOnly is an answer of which nothing but status and headers are of interest.
type statusOnly struct {
	header http.Header
	status int
}

func (a *statusOnly) Header() http.Header         { return a.header }
func (a *statusOnly) Write(b []byte) (int, error) { return len(b), nil }
func (a *statusOnly) WriteHeader(status int)      { a.status = status }
