package rig

import (
	"context"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Topic creates a topic, of a name that nobody else has, for clients that cannot.
func Topic(t *testing.T, b Broker, base string, partitions int32) string {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(b.Servers, ",")...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	request, asked := kmsg.NewPtrCreateTopicsRequest(), kmsg.NewCreateTopicsRequestTopic()
	asked.Topic, asked.NumPartitions, asked.ReplicationFactor = Name(base), partitions, -1
	request.Topics = append(request.Topics, asked)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	answer, err := request.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(answer.Topics[0].ErrorCode)
	}
	if err != nil {
		t.Fatalf("create topic %s: %v", asked.Topic, err)
	}
	return asked.Topic
}
