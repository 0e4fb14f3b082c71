package group

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestKafkasOwnSettingsAreValid(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	if err := (Config{}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestValidateNamesEveryBadSetting(t *testing.T) {
	err := Config{
		InitialRebalanceDelay: -1, MaxSize: -2, MinSessionTimeout: 10, MaxSessionTimeout: 5,
		ConsumerAssignors: []string{"range", "clever"}, Migration: "sideways",
	}.Validate()
	want := `group.initial.rebalance.delay.ms is -1; give 0 or more
group.max.size is -2; give 0 or more
group.min.session.timeout.ms 10 is above group.max.session.timeout.ms 5; raise the latter
group.consumer.assignors has "clever"; there are range, uniform
group.consumer.migration.policy is "sideways"; give disabled, upgrade, downgrade or bidirectional`
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
}

func TestAGroupTakesTheAssignorsThatThereAre(t *testing.T) {
	for _, tt := range []struct {
		asked []string
		want  []string
	}{
		{nil, []string{"uniform", "range"}},
		{[]string{"clever"}, []string{"uniform", "range"}},
		{[]string{"range", "clever"}, []string{"range"}},
	} {
		if diff := cmp.Diff(tt.want, Config{ConsumerAssignors: tt.asked}.assignors()); diff != "" {
			t.Error(diff)
		}
	}
}
