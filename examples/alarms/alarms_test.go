package main

import (
	"errors"
	"fmt"
	"testing"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/tester"
)

// One message at a time: Consume returns when everything that the message caused has happened.
func TestTheHighestTemperatureIsKept(t *testing.T) {
	tt := tester.New(t)
	tt.StartProcessor(Alarms())
	for _, degrees := range []int64{20, 25, 22} {
		tt.Consume("temperatures", "kitchen", degrees)
	}
	tt.ExpectTable(goka.GroupTable("alarms"), map[string]any{"kitchen": int64(25)})
	tt.ExpectNoOutput("alarm")
}

// A joined table is filled before the message comes.
func TestALimitPassedIsAnAlarm(t *testing.T) {
	tt := tester.New(t)
	tt.StartProcessor(Alarms())
	tt.SetTableValue("limits", "kitchen", int64(30))
	for _, tc := range []struct {
		degrees int64
		alarm   []tester.Record
	}{
		{30, nil},
		{31, []tester.Record{tester.Msg("kitchen", int64(1))}},
		{31, nil}, // no higher than before
		{40, []tester.Record{tester.Msg("kitchen", int64(10))}},
	} {
		t.Run(fmt.Sprint(tc.degrees), func(t *testing.T) {
			tt.Consume("temperatures", "kitchen", tc.degrees)
			tt.ExpectOutput("alarm", tc.alarm...)
		})
	}
}

// Groups that feed each other run on one tester.
func TestAlarmsAreCounted(t *testing.T) {
	tt := tester.New(t)
	tt.StartProcessor(Alarms())
	tt.StartProcessor(Counts())
	tt.SetTableValue("limits", "kitchen", int64(30))
	tt.Consume("temperatures", "kitchen", int64(31))
	tt.Consume("temperatures", "kitchen", int64(32))
	tt.ExpectTable(goka.GroupTable("alarm-counts"), map[string]any{"kitchen": int64(2)})
}

// A callback that fails stops its processor, which says why.
func TestAMeasurementBelowZeroStopsTheGroup(t *testing.T) {
	tt := tester.New(quiet{t})
	instance := tt.StartProcessor(Alarms())
	tt.Consume("temperatures", "kitchen", int64(-1))
	if err := instance.Wait(); !errors.Is(err, errNegative) {
		t.Errorf("the processor ended with %v", err)
	}
}

// quiet is a test that expects an instance to fail.
type quiet struct{ *testing.T }

func (q quiet) Errorf(format string, args ...any) { q.Logf(format, args...) }

// After a crash the table comes back from Kafka.
func TestACrashLosesNothing(t *testing.T) {
	tt := tester.New(t)
	instance := tt.StartProcessor(Alarms())
	tt.Consume("temperatures", "kitchen", int64(25))
	instance.Crash()
	instance.Restart()
	tt.Consume("temperatures", "kitchen", int64(24))
	tt.ExpectTable(goka.GroupTable("alarms"), map[string]any{"kitchen": int64(25)})
}
