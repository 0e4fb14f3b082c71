package clusterpage

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/gokasim/gokasim/cmd/gokasim/internal/schema"
	"github.com/gokasim/gokasim/internal/page"
)

func (s *Server) showSchemas(w http.ResponseWriter, r *http.Request) {
	list := s.schemas.List()
	if page.WantsJSON(r) {
		s.site.JSON(w, r, list)
		return
	}
	s.site.Show(w, r, "schemas.html", page.View{Title: "Schemas", Body: struct {
		Schemas []schema.Entry
		Target  string
	}{list, r.URL.Query().Get("target")}})
}

// addSchema takes a schema from a file or a text.
func (s *Server) addSchema(w http.ResponseWriter, r *http.Request) {
	target, text := r.PostFormValue("target"), r.PostFormValue("schema")
	name, data := "", []byte(strings.ReplaceAll(text, "\r\n", "\n"))
	file, header, err := r.FormFile("file")
	switch {
	case err == nil:
		defer func() { _ = file.Close() }() // it is in memory, or read already
		if name = header.Filename; name != "" {
			if data, err = io.ReadAll(file); err != nil {
				s.fail(w, r, err)
				return
			}
		}
	case !errors.Is(err, http.ErrMissingFile) && !errors.Is(err, http.ErrNotMultipart):
		s.fail(w, r, err)
		return
	}
	if len(data) == 0 {
		s.fail(w, r, errors.New("no schema was given: write one, or choose a file"))
		return
	}
	if err := s.schemas.Add(target, name, strings.TrimSpace(r.PostFormValue("message")), data); err != nil {
		s.fail(w, r, err)
		return
	}
	s.site.Done(w, r, "/schemas", fmt.Sprintf("%s is decoded by %s", strings.TrimSpace(target), cmp.Or(name, "what was written")))
}

func (s *Server) removeSchema(w http.ResponseWriter, r *http.Request) {
	target := r.PostFormValue("target")
	if !s.schemas.Remove(target) {
		s.fail(w, r, fmt.Errorf("there is no schema for %q", target))
		return
	}
	s.site.Done(w, r, "/schemas", "there is no schema for "+target+" any more")
}
