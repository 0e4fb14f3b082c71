package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	example "github.com/gokasim/gokasim/examples/internal/app"
	"github.com/gokasim/gokasim/examples/internal/apptest"
	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/memkafka"
)

func TestMain(m *testing.M) { apptest.Main(m) }

func TestOutput(t *testing.T) {
	var made example.Made
	made.Add(Aircraft(), Carriers())
	for _, topic := range topics {
		made.Topics = append(made.Topics, topic.name)
	}
	apptest.Command(t, made, command)
}

// model computes both tables with maps alone, in the order of the recording.
func model(t *testing.T, records recording) tables {
	t.Helper()
	planes := map[string]map[string]any{}
	names := map[string]string{}
	for _, r := range records {
		switch r.Topic {
		case "planes":
			planes[*r.Key] = object(t, r)
		case "airlines":
			names[*r.Key] = object(t, r)["name"].(string)
		}
	}
	want := tables{aircraft: map[string]aircraft{}, carriers: map[string]carrier{}}
	for _, r := range records {
		if r.Topic != "flights" {
			continue
		}
		f := object(t, r)

		code := f["carrier"].(string)
		c := want.carriers[code]
		c.Name = names[code]
		c.Flights++
		if delay, known := f["dep_delay"].(float64); known {
			c.DelaySum += int64(delay)
			if c.Flights-c.Cancelled == 1 {
				c.WorstDelay = int64(delay)
			}
			c.WorstDelay = max(c.WorstDelay, int64(delay))
			c.MeanDelay = float64(c.DelaySum) / float64(c.Flights-c.Cancelled)
		} else {
			c.Cancelled++
		}
		want.carriers[code] = c

		if r.Key == nil {
			continue
		}
		a := want.aircraft[*r.Key]
		a.Flights++
		a.Distance += int64(f["distance"].(float64))
		if minutes, known := f["air_time"].(float64); known {
			a.AirTime += int64(minutes)
		}
		if plane, known := planes[*r.Key]; known {
			if name, known := plane["manufacturer"].(string); known {
				a.Manufacturer = &name
			}
			if seats, known := plane["seats"].(float64); known {
				n := int64(seats)
				a.Seats = &n
			}
		}
		want.aircraft[*r.Key] = a
	}
	return want
}

func object(t *testing.T, r line) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal([]byte(*r.Payload), &o); err != nil {
		t.Fatalf("%s %s: %v", r.Topic, *r.Payload, err)
	}
	return o
}

func diff(want, got tables) string {
	return cmp.Diff(want, got, cmp.AllowUnexported(tables{}))
}

func TestTablesAreTheModels(t *testing.T) {
	records, err := readRecording(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := model(t, records)
	for _, partitions := range []int{1, 4, 7} {
		for _, instances := range []int{1, 3} {
			t.Run(fmt.Sprintf("%d partitions, %d instances", partitions, instances), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a := app{brokers: brokers(t), partitions: partitions, instances: instances, log: logger.Discard()}
					got, err := a.run(t.Context(), records)
					if err != nil {
						t.Fatal(err)
					}
					if d := diff(want, got); d != "" {
						t.Errorf("tables differ (-model +application):\n%s", d)
					}
				})
			})
		}
	}
}

func TestSampleHasNullKeysAndCancelledFlights(t *testing.T) {
	records, err := readRecording(nil)
	if err != nil {
		t.Fatal(err)
	}
	_, moving := records.split()
	flights, keyed := moving.flights()
	if flights != 19811 || keyed != 19811-153 {
		t.Errorf("%d flights, %d of them keyed", flights, keyed)
	}
	var cancelled int64
	for _, c := range model(t, records).carriers {
		cancelled += c.Cancelled
	}
	if cancelled != 474 {
		t.Errorf("%d cancelled flights", cancelled)
	}
}

func TestSecondRunComesOnTop(t *testing.T) {
	few := fewRecords(t)
	synctest.Test(t, func(t *testing.T) {
		a := app{brokers: brokers(t), partitions: 2, instances: 1, log: logger.Discard()}
		if _, err := a.run(t.Context(), few); err != nil {
			t.Fatal(err)
		}
		got, err := a.run(t.Context(), few)
		if err != nil {
			t.Fatal(err)
		}
		twice := append(few[:len(few):len(few)], few...)
		if d := diff(model(t, twice), got); d != "" {
			t.Errorf("tables differ (-model +application):\n%s", d)
		}
	})
}

func TestCommandPrintsBothTables(t *testing.T) {
	few := filepath.Join(t.TempDir(), "few.jsonl")
	writeLines(t, few, `{"topic":"flights","key":"N14228","payload":"{\"carrier\":\"UA\",\"dep_delay\":-3,\"distance\":1400,\"air_time\":227}","ts":1357035420000}`,
		`{"topic":"flights","key":null,"payload":"{\"carrier\":\"UA\",\"dep_delay\":null,\"distance\":719}","ts":1357035420001}`)
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		if err := command(t.Context(), []string{"-brokers", brokers(t)[0], "-in", few}, &out); err != nil {
			t.Fatal(err)
		}
		want := `
carrier  flights  cancelled  mean delay  worst delay  name
UA             2          1        -3.0           -3  United Air Lines Inc.

1 aircraft; these flew farthest:
aircraft  flights    miles  hours  manufacturer
N14228          1     1400      3  BOEING
`
		if d := cmp.Diff(want, "\n"+out.String()); d != "" {
			t.Error(d)
		}
	})
}

func TestCommandRefuses(t *testing.T) {
	dir := t.TempDir()
	broken, foreign := filepath.Join(dir, "broken.jsonl"), filepath.Join(dir, "foreign.jsonl")
	writeLines(t, broken, `{"topic":"flights","key":null,"payload":"{}"}`, `{"topic":`)
	writeLines(t, foreign, `{"topic":"trains","key":null,"payload":"{}"}`)
	for _, c := range []struct{ name, args, want string }{
		{"no partitions", "-partitions 0", "-partitions 0 and -instances 2: give at least 1 of each"},
		{"missing file", "-in " + filepath.Join(dir, "none"), "no such file"},
		{"broken line", "-in " + broken, "broken.jsonl:2: not a line of kcat -J"},
		{"foreign topic", "-in " + foreign, `foreign.jsonl:1: topic "trains"`},
		{"unknown scheme", "-brokers disk://x", `unknown scheme of a broker address: "disk"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := command(t.Context(), strings.Fields(c.args), new(bytes.Buffer))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// brokers makes a cluster with Kafka's own waits, gives it the test's name, and returns the addresses that lead to it.
func brokers(t *testing.T) []string {
	t.Helper()
	cluster := memkafka.New()
	release, err := memkafka.SetNamed(t.Name(), cluster)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		release()
		cluster.Close()
	})
	return []string{"mem://" + t.Name()}
}

// fewRecords is the tables and the first flights of the sample.
func fewRecords(t *testing.T) recording {
	t.Helper()
	records, err := readRecording(nil)
	if err != nil {
		t.Fatal(err)
	}
	before, moving := records.split()
	return append(before[:len(before):len(before)], moving[:200]...)
}

func writeLines(t *testing.T, name string, lines ...string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}
