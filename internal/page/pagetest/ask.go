// Package pagetest asks pages, in tests.
package pagetest

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
)

// Ask asks a handler for a page. A form, unless it is nil, goes as a browser sends it; headers are names and values in turn.
func Ask(h http.Handler, method, target string, form url.Values, headers ...string) *httptest.ResponseRecorder {
	var r *http.Request
	if form != nil {
		r = httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else {
		r = httptest.NewRequest(method, target, nil)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
