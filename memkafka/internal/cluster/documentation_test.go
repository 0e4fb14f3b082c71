package cluster_test

import (
	"testing"

	"github.com/gokasim/gokasim/memkafka/internal/cluster"
)

func TestEverySettingIsDocumented(t *testing.T) {
	c := cluster.New(cluster.DefaultSettings())
	topic, err := c.CreateTopic(cluster.TopicSpec{Name: "t", Partitions: 1, Replication: 1})
	must(t, err)
	names := cluster.SettingNames()
	for _, e := range c.DescribeConfigsOf(topic) {
		names = append(names, e.Name)
	}
	for _, name := range names {
		if cluster.Documentation(name) == "" {
			t.Errorf("%s has no documentation", name)
		}
	}
	if d := cluster.Documentation("no.such.setting"); d != "" {
		t.Errorf("a setting that there is not has the documentation %q", d)
	}
}
