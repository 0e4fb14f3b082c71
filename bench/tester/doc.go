// Package tester measures a message's way through a tester beside github.com/lovoo/goka's own, in one run:
//
//	cd bench/tester && go test -bench . -count 6
//
// It is a module of its own, so that nobody who uses the library downloads the other one.
package tester
