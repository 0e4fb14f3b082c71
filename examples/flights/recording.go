package main

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

//go:embed testdata/*.jsonl.gz
var sample embed.FS

// line is a record of a recording, in the form in which kcat -J prints it.
type line struct {
	Topic   string  `json:"topic"`
	Key     *string `json:"key"`     // nil is a null key
	Payload *string `json:"payload"` // nil is a tombstone
	Millis  int64   `json:"ts"`      // since 1970; 0 for the tables that hold from the beginning
}

// recording holds records in the order in which they happened.
type recording []line

// readRecording reads the files, gzip where their names end in .gz. Topics that no file has come from the sample.
func readRecording(files []string) (recording, error) {
	var all recording
	given := map[string]bool{}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		lines, err := readLines(name, f)
		f.Close()
		if err != nil {
			return nil, err
		}
		all = append(all, lines...)
	}
	for _, l := range all {
		given[l.Topic] = true
	}
	for _, topic := range topics {
		if given[topic.name] || !topic.recorded {
			continue
		}
		name := "testdata/" + topic.name + ".jsonl.gz"
		f, err := sample.Open(name)
		if err != nil {
			return nil, err
		}
		lines, err := readLines(name, f)
		if err != nil {
			return nil, err
		}
		all = append(all, lines...)
	}
	slices.SortStableFunc(all, func(a, b line) int { return cmp.Compare(a.Millis, b.Millis) })
	return all, nil
}

func readLines(name string, r io.Reader) (recording, error) {
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		r = z
	}
	var lines recording
	scanner := bufio.NewScanner(r)
	for n := 1; scanner.Scan(); n++ {
		var l line
		if err := json.Unmarshal(scanner.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("%s:%d: not a line of kcat -J: %w", name, n, err)
		}
		if !slices.ContainsFunc(topics, func(t topic) bool { return t.recorded && t.name == l.Topic }) {
			return nil, fmt.Errorf("%s:%d: topic %q is none of flights, planes, airlines, airports, weather", name, n, l.Topic)
		}
		lines = append(lines, l)
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return lines, nil
}

// split returns what holds before anything moves, the records without a time, and what then happens.
func (r recording) split() (before, moving recording) {
	n := slices.IndexFunc(r, func(l line) bool { return l.Millis > 0 })
	if n < 0 {
		n = len(r)
	}
	return r[:n], r[n:]
}

// flights counts the flights, and those whose aircraft is known.
func (r recording) flights() (all, keyed int64) {
	for _, l := range r {
		if l.Topic != "flights" {
			continue
		}
		all++
		if l.Key != nil && *l.Key != "" {
			keyed++
		}
	}
	return all, keyed
}
