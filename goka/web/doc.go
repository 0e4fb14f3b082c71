// Package web has pages for programs with goka's processors and views, in packages below it: monitor shows how they are, query
// what their tables hold, actions starts what an operator may start, and index lists them all.
//
// Each is a server that is an http.Handler and can attach itself to a *mux.Router of gorilla or to a *http.ServeMux:
//
//	root := http.NewServeMux()
//	mon := monitor.NewServer("/monitor", root)
//	mon.AttachProcessor(proc)
//	idx := index.NewServer("/", root)
//	idx.AddComponent(mon, "Monitor")
//	http.ListenAndServe("127.0.0.1:9095", root)
//
// With a nil router the server is handed to a router of any other kind, which has to leave its paths as they are.
//
// Pages are HTML that needs no script; a little script, built in like everything else, looks again every few seconds and sorts
// tables. Each page is JSON with ?format=json. Nothing comes from another host. Whatever keys and values hold is shown as text. What
// changes something is a POST that needs a token of the page and is refused to other sites. Who may look at the pages is
// for the program to decide: listen on a loopback address, or use WithBasicAuth.
package web
