package goka

import "sync"

// Stream is the name of a topic of events, one with cleanup.policy=delete.
type Stream string

// Streams are names of streams.
type Streams []Stream

// Table is the name of a topic that holds a table's changelog, one with cleanup.policy=compact.
type Table string

// Group is the name of a consumer group, and of the processors in it. Its table is the topic named after it with
// "-table" appended, its loop the one with "-loop", see SetTableSuffix and SetLoopSuffix.
type Group string

const (
	defaultTableSuffix = "-table"
	defaultLoopSuffix  = "-loop"
)

var suffixes = struct {
	sync.RWMutex
	table, loop string
}{table: defaultTableSuffix, loop: defaultLoopSuffix}

// SetTableSuffix changes what is appended to a group's name to name its table, for groups defined from now on. The
// default is "-table". It is a setting of the whole process; TableSuffix is the one of a group.
func SetTableSuffix(suffix string) {
	suffixes.Lock()
	defer suffixes.Unlock()
	suffixes.table = suffix
}

// SetLoopSuffix changes what is appended to a group's name to name its loop, for groups defined from now on. The
// default is "-loop". It is a setting of the whole process; LoopSuffix is the one of a group.
func SetLoopSuffix(suffix string) {
	suffixes.Lock()
	defer suffixes.Unlock()
	suffixes.loop = suffix
}

// ResetSuffixes sets both suffixes back to their defaults.
func ResetSuffixes() {
	suffixes.Lock()
	defer suffixes.Unlock()
	suffixes.table, suffixes.loop = defaultTableSuffix, defaultLoopSuffix
}

// GroupTable returns the name of group's table, unless the group has a suffix of its own (TableSuffix): then its graph tells,
// see GroupGraph.GroupTable.
func GroupTable(group Group) Table {
	suffixes.RLock()
	defer suffixes.RUnlock()
	return Table(string(group) + suffixes.table)
}

func loopName(group Group) string {
	suffixes.RLock()
	defer suffixes.RUnlock()
	return string(group) + suffixes.loop
}

// StringsToStreams converts names to Streams.
func StringsToStreams(strings ...string) Streams {
	streams := make(Streams, len(strings))
	for i, s := range strings {
		streams[i] = Stream(s)
	}
	return streams
}
