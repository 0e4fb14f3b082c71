// Package page is the look that all pages of the project share, and what keeps them safe: the layout, the style, a script that
// needs no build, a content security policy, tokens for forms, and the display of bytes that anybody may have written.
package page

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed assets templates
var files embed.FS

// Site is a set of pages below one path. It is made by New, and safe for concurrent use.
type Site struct {
	base      string // with a slash at the end
	title     string
	nav       []Link
	token     string
	templates map[string]*template.Template
	assets    map[string]asset
	log       *slog.Logger
	user      string
	password  string
	local     bool
	origins   *http.CrossOriginProtection
}

type asset struct {
	contentType string
	data        []byte
}

// Link leads to a page.
type Link struct {
	Name, Path string
	Current    bool
}

// Option is a setting of a Site.
type Option func(*Site)

// WithNav sets the links that are on every page. Paths are as they are in a browser.
func WithNav(links ...Link) Option { return func(s *Site) { s.nav = links } }

// WithLog sets who is told of pages that could not be made: slog.Default unless set.
func WithLog(log *slog.Logger) Option { return func(s *Site) { s.log = log } }

// WithBasicAuth asks for a user's name and password before anything is shown. An empty name asks nobody.
func WithBasicAuth(user, password string) Option {
	return func(s *Site) { s.user, s.password = user, password }
}

// OnlyLocal refuses requests that came over a loopback address under another name than one of this machine: a page of
// somebody else whose name was made to point here (DNS rebinding).
func OnlyLocal() Option { return func(s *Site) { s.local = true } }

// New makes a site below base, such as "/monitor". Each file of templates that ends in .html defines the template "content",
// and becomes the page of its name; one whose name begins with an underscore has templates for all of them instead. It panics when a template is wrong, which is a bug in this project.
func New(base, title string, templates fs.FS, options ...Option) *Site {
	s := &Site{
		base: CleanBase(base), title: title, token: rand.Text(), log: slog.Default(),
		templates: map[string]*template.Template{}, assets: map[string]asset{}, origins: http.NewCrossOriginProtection(),
	}
	for _, o := range options {
		o(s)
	}
	layout := template.Must(template.New("layout.html").Funcs(s.functions()).ParseFS(files, "templates/*.html"))
	names, err := fs.Glob(templates, "*.html")
	if err != nil {
		panic(err)
	}
	for _, name := range names {
		if strings.HasPrefix(name, "_") {
			template.Must(layout.ParseFS(templates, name))
		}
	}
	for _, name := range names {
		if strings.HasPrefix(name, "_") {
			continue
		}
		s.templates[name] = template.Must(template.Must(layout.Clone()).ParseFS(templates, name))
	}
	s.templates["error.html"] = template.Must(template.Must(layout.Clone()).Parse(`{{define "content"}}<p class="problem" role="alert">{{.Body}}</p>{{end}}`))
	for name, contentType := range map[string]string{"style.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml"} {
		data, err := files.ReadFile("assets/" + name)
		if err != nil {
			panic(err)
		}
		s.assets[name] = asset{contentType, data}
	}
	return s
}

// CleanBase returns a path that begins and ends with a slash.
func CleanBase(base string) string {
	base = path.Clean("/" + base)
	if base == "/" {
		return base
	}
	return base + "/"
}

// Base is the path that the site is below, with a slash at the end.
func (s *Site) Base() string { return s.base }

// Path is the path of a page of the site, its parts escaped.
func (s *Site) Path(parts ...string) string {
	return s.base + strings.Join(escapeAll(parts), "/")
}

// Token is what forms have to send back, as the field token or the header X-Token.
func (s *Site) Token() string { return s.token }

// Assets are the paths of style and script, as patterns of a http.ServeMux.
func (s *Site) Assets() string { return "GET " + s.base + "_assets/{file}" }

// ServeAsset serves style and script, from what is built in and nowhere else.
func (s *Site) ServeAsset(w http.ResponseWriter, r *http.Request) {
	a, ok := s.assets[r.PathValue("file")]
	if !ok {
		s.Fail(w, r, http.StatusNotFound, errors.New("there is no such file"))
		return
	}
	w.Header().Set("Content-Type", a.contentType)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.data))
}

// assetPath is where an asset is; it changes with what is in it, so that browsers may keep it.
func (s *Site) assetPath(name string) string {
	sum := sha256.Sum256(s.assets[name].data)
	return s.base + "_assets/" + name + "?v=" + hex.EncodeToString(sum[:6])
}

// maxForm is the greatest body of a POST that is read, in bytes.
const maxForm = 16 << 20

// Guard lets requests through to the pages that may come in, and sets the headers that keep browsers from doing what no page
// here asks for. A POST needs the site's token, and may not come from a page of another site.
func (s *Site) Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", policy(""))
		if s.local {
			if err := checkLocal(r); err != nil {
				s.Fail(w, r, http.StatusForbidden, err)
				return
			}
		}
		if s.user != "" {
			user, password, _ := r.BasicAuth()
			named := subtle.ConstantTimeCompare([]byte(user), []byte(s.user))
			if named&subtle.ConstantTimeCompare([]byte(password), []byte(s.password)) != 1 {
				h.Set("WWW-Authenticate", `Basic realm="gokasim", charset="UTF-8"`)
				s.Fail(w, r, http.StatusUnauthorized, errors.New("this page asks for a user name and a password"))
				return
			}
		}
		switch r.Method {
		case http.MethodGet, http.MethodHead, http.MethodOptions:
			if err := checkFetch(r); err != nil {
				s.Fail(w, r, http.StatusForbidden, err)
				return
			}
		default:
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
			if err := s.checkPost(r); err != nil {
				s.Fail(w, r, http.StatusForbidden, err)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// Private lets requests through to what is no page, as profiles are: those that name this machine, when they come over a loopback address, and
// that no page of another site makes in the background.
func Private(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := cmp.Or(checkLocal(r), checkFetch(r)); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// checkLocal looks whether a request may come in where pages are for this machine.
func checkLocal(r *http.Request) error {
	if isLocal(r) {
		return nil
	}
	return fmt.Errorf("this page is for this machine only, and was asked for as %q; open it as 127.0.0.1 or localhost", r.Host)
}

// checkFetch looks whether it is a page of another site that asks.
func checkFetch(r *http.Request) error {
	if r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Mode") != "navigate" {
		return errors.New("another site's page asks for this one in the background; open it in a tab of its own")
	}
	return nil
}

// checkPost looks whether a request that changes something comes from a form of this site.
func (s *Site) checkPost(r *http.Request) error {
	if err := s.origins.Check(r); err != nil {
		return fmt.Errorf("the request comes from another site: %w", err)
	}
	given := r.Header.Get("X-Token")
	if given == "" {
		given = r.PostFormValue("token")
	}
	if subtle.ConstantTimeCompare([]byte(given), []byte(s.token)) != 1 {
		return errors.New("the form is out of date, or did not come from this page: its token is not the present one; load the page again")
	}
	return nil
}

// isLocal reports whether a request that came over a loopback address names this machine.
func isLocal(r *http.Request) bool {
	if addr, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); !ok || !addr.IP.IsLoopback() {
		return true
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || net.ParseIP(host) != nil
}

// policy is the content security policy: everything comes from here. A nonce lets a page have a style of its own.
func policy(nonce string) string {
	style := "'self'"
	if nonce != "" {
		style += " 'nonce-" + nonce + "'"
	}
	return "default-src 'none'; style-src " + style + "; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}

// View is a page as the layout shows it.
type View struct {
	Title   string
	Trail   []Link // the way to this page
	Refresh int    // seconds until the page looks again, 0 for never
	Body    any    // what the page's own template gets as .Body

	Site  string
	Base  string
	Nav   []Link
	Token string
	Nonce string
	Note  string // what a form did
}

// Show writes a page.
func (s *Site) Show(w http.ResponseWriter, r *http.Request, name string, v View) {
	s.show(w, r, http.StatusOK, name, v)
}

func (s *Site) show(w http.ResponseWriter, r *http.Request, status int, name string, v View) {
	v.Site, v.Base, v.Token, v.Nonce = s.title, s.base, s.token, rand.Text()
	if v.Note == "" {
		v.Note = r.URL.Query().Get("note")
	}
	for _, l := range s.nav {
		l.Current = l.Path == r.URL.Path || l.Path != s.base && strings.HasPrefix(r.URL.Path, strings.TrimSuffix(l.Path, "/")+"/")
		v.Nav = append(v.Nav, l)
	}
	var b bytes.Buffer
	if err := s.templates[name].ExecuteTemplate(&b, "layout.html", v); err != nil {
		s.log.Error("page could not be made", "page", name, "err", err)
		http.Error(w, "the page could not be made: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Security-Policy", policy(v.Nonce))
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the browser may be gone
}

// Fail answers with an error: as JSON to who asked for that, else as a page.
func (s *Site) Fail(w http.ResponseWriter, r *http.Request, status int, err error) {
	if WantsJSON(r) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()}) // the client may be gone
		return
	}
	s.show(w, r, status, "error.html", View{Title: http.StatusText(status), Body: err.Error()})
}

// JSON answers with a value as JSON.
func (s *Site) JSON(w http.ResponseWriter, r *http.Request, value any) {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		s.Fail(w, r, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(data, '\n')) // the client may be gone
}

// WantsJSON reports whether a request asks for JSON rather than a page: by format=json, by a path that ends in .json, or by Accept.
func WantsJSON(r *http.Request) bool {
	if f := r.URL.Query().Get("format"); f != "" {
		return f == "json"
	}
	accept := r.Header.Get("Accept")
	return strings.HasSuffix(r.URL.Path, ".json") || strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/html")
}

// Done answers a form that did something: back to a page of the site, which says so.
func (s *Site) Done(w http.ResponseWriter, r *http.Request, to, note string) {
	if WantsJSON(r) {
		s.JSON(w, r, map[string]string{"done": note})
		return
	}
	separator := "?"
	if strings.Contains(to, "?") {
		separator = "&"
	}
	http.Redirect(w, r, to+separator+"note="+template.URLQueryEscaper(note), http.StatusSeeOther)
}

// Picture is an SVG that this project made, inside a page: its style gets the page's nonce.
func (v View) Picture(svg string) template.HTML {
	return template.HTML(strings.Replace(svg, "<style>", `<style nonce="`+v.Nonce+`">`, 1)) // made by internal/picture, which escapes
}

// Bytes64 is bytes in a form that a URL can carry.
func Bytes64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
