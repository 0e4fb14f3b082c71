// Package tester measures a message's way through a tester beside github.com/lovoo/goka's own and Kafka Streams'
// TopologyTestDriver, in one run:
//
//	cd bench/tester && go test -bench . -count 6
//
// TopologyTestDriver runs where java (17 or later) is: its jars, pinned in streams/pom.xml, are fetched with mvn once and kept
// in the user's cache directory; where either command is missing, its benchmarks are skipped. It works in a process of its own,
// which has done as much work before, so that its code is compiled; java-B/op is what its one thread allocated.
//
// The package is a module of its own, so that nobody who uses the library downloads the others.
package tester
