package replaywire

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSettingsTravelThroughTheEnvironment(t *testing.T) {
	want := Settings{Version: Version, Inputs: []string{"/a b.jsonl", "-"}, Partitions: 4, Instances: 3, Brokers: []string{"localhost:9092"}, Dir: "/tmp/x"}
	entry, err := want.Environment()
	if err != nil {
		t.Fatal(err)
	}
	name, value, _ := strings.Cut(entry, "=")
	t.Setenv(name, value)
	got, ok, err := SettingsFromEnvironment()
	if diff := cmp.Diff(want, got); diff != "" || !ok || err != nil {
		t.Errorf("(-want +got):\n%s\nfound: %v, %v", diff, ok, err)
	}
}

func TestSettingsOfAnotherVersionAreRefused(t *testing.T) {
	t.Setenv(SettingsVariable, `{"version":99}`)
	if _, ok, err := SettingsFromEnvironment(); !ok || err == nil || !strings.Contains(err.Error(), "speaks version 99") {
		t.Errorf("found: %v, %v", ok, err)
	}
	t.Setenv(SettingsVariable, `{`)
	if _, ok, err := SettingsFromEnvironment(); !ok || err == nil {
		t.Errorf("broken settings: found: %v, %v", ok, err)
	}
}

func TestEvents(t *testing.T) {
	want := []Event{
		{Plan: &Plan{Groups: []string{"a"}, Partitions: 1, Instances: 2}},
		{Progress: &Progress{Records: 1, Bytes: 2, Processed: 3}},
		{Note: "note"},
		{BadLine: "f:1:1: bad"},
		{Failure: &Failure{Reason: "why"}},
		{Result: &Result{Tables: []Topic{{Name: "t", Count: 1, File: "t.jsonl"}}, Nanos: 5}},
	}
	var pipe bytes.Buffer
	for _, e := range want {
		if err := e.Write(&pipe); err != nil {
			t.Fatal(err)
		}
	}
	events := NewEvents(&pipe)
	for _, e := range want {
		got, err := events.Next()
		if diff := cmp.Diff(e, got); diff != "" || err != nil {
			t.Errorf("(-want +got):\n%s\n%v", diff, err)
		}
	}
	if _, err := events.Next(); err != io.EOF {
		t.Errorf("at the end: %v, want io.EOF", err)
	}
}
