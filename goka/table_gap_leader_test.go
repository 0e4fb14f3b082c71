package goka

import (
	"errors"
	"testing"

	"github.com/IBM/sarama"
)

// fetched answers fetches of t/0: with an error, or with nothing below a high watermark.
func fetched(err sarama.KError, highWatermark int64) sarama.MockResponse {
	r := &sarama.FetchResponse{Version: 11}
	r.AddError("t", 0, err)
	r.GetBlock("t", 0).HighWaterMarkOffset = highWatermark
	return sarama.NewMockWrapper(r)
}

func led(t *testing.T, by int32, brokers ...*sarama.MockBroker) sarama.MockResponse {
	m := sarama.NewMockMetadataResponse(t).SetLeader("t", 0, by)
	for _, b := range brokers {
		m.SetBroker(b.Addr(), b.BrokerID())
	}
	return m
}

func gapManager(t *testing.T, b *sarama.MockBroker) *topicManager {
	config := DefaultConfig()
	config.ApiVersionsRequest = false
	config.Metadata.Retry.Max = 1
	config.Metadata.Retry.Backoff = 0
	client, err := sarama.NewClient([]string{b.Addr()}, readingConfig(config))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return &topicManager{client: client}
}

func TestD9_AGapIsFoundThoughTheLeaderMoved(t *testing.T) {
	one, two := sarama.NewMockBroker(t, 1), sarama.NewMockBroker(t, 2)
	defer one.Close()
	defer two.Close()
	one.SetHandlerByMap(map[string]sarama.MockResponse{
		"MetadataRequest": sarama.NewMockSequence(led(t, 1, one, two), led(t, 2, one, two)),
		"FetchRequest":    fetched(sarama.ErrNotLeaderForPartition, 0),
	})
	two.SetHandlerByMap(map[string]sarama.MockResponse{
		"MetadataRequest": led(t, 2, one, two),
		"FetchRequest":    fetched(sarama.ErrNoError, 9),
	})
	m := gapManager(t, one)
	if _, err := m.nextRecord(t.Context(), "t", 0, 5, 9); !errors.Is(err, sarama.ErrNotLeaderForPartition) {
		t.Fatalf("from the leader of old: %v", err)
	}
	if next, err := m.nextRecord(t.Context(), "t", 0, 5, 9); next != 9 || !errors.Is(err, errNothing) {
		t.Errorf("from the new leader: %d, %v", next, err)
	}
}

func TestD9_AGapIsFoundThoughTheConnectionBroke(t *testing.T) {
	b := sarama.NewMockBroker(t, 1)
	b.SetHandlerByMap(map[string]sarama.MockResponse{"MetadataRequest": led(t, 1, b)})
	m := gapManager(t, b)
	if _, err := m.client.Leader("t", 0); err != nil {
		t.Fatal(err)
	}
	b.Close()
	if _, err := m.nextRecord(t.Context(), "t", 0, 5, 9); err == nil {
		t.Fatal("a broker that is down answered")
	}
	b = sarama.NewMockBrokerAddr(t, 1, b.Addr())
	defer b.Close()
	b.SetHandlerByMap(map[string]sarama.MockResponse{
		"MetadataRequest": led(t, 1, b),
		"FetchRequest":    fetched(sarama.ErrNoError, 9),
	})
	if next, err := m.nextRecord(t.Context(), "t", 0, 5, 9); next != 9 || !errors.Is(err, errNothing) {
		t.Errorf("from the broker that is back: %d, %v", next, err)
	}
}

func TestD9_ALeaderThatKnowsOfLessProvesNoGap(t *testing.T) {
	b := sarama.NewMockBroker(t, 1)
	defer b.Close()
	b.SetHandlerByMap(map[string]sarama.MockResponse{
		"MetadataRequest": led(t, 1, b),
		"FetchRequest":    fetched(sarama.ErrNoError, 7),
	})
	if next, err := gapManager(t, b).nextRecord(t.Context(), "t", 0, 5, 9); next >= 9 || err == nil {
		t.Errorf("records from 7 on may be anywhere, and the table was taken as complete: %d, %v", next, err)
	}
}
