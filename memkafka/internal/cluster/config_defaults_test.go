package cluster

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/memkafka/internal/plog"
)

// TestLogsBeginWithTheDefaultsOfTopics: logConfig puts in force what differs from the defaults only.
func TestLogsBeginWithTheDefaultsOfTopics(t *testing.T) {
	want := plog.Config{ProducerIDExpirationMs: plog.DefaultConfig().ProducerIDExpirationMs} // no setting of topics
	for _, c := range topicConfigs {
		if err := c.apply(&want, c.value); err != nil {
			t.Errorf("default %q of %s: %v", c.value, c.name, err)
		}
	}
	if diff := cmp.Diff(want, plog.DefaultConfig()); diff != "" {
		t.Errorf("the defaults of topics give another configuration than logs begin with (-want +got):\n%s", diff)
	}
}
