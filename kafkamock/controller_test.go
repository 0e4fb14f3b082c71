package kafkamock

import (
	"errors"
	"strings"
	"testing"

	"github.com/golang/mock/gomock"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/storage"

	"github.com/IBM/sarama"
)

var (
	_ sarama.Client               = (*MockClient)(nil)
	_ sarama.ClusterAdmin         = (*MockClusterAdmin)(nil)
	_ sarama.Consumer             = (*MockAutoConsumer)(nil)
	_ sarama.PartitionConsumer    = (*MockAutoPartitionConsumer)(nil)
	_ sarama.ConsumerGroup        = (*MockConsumerGroup)(nil)
	_ sarama.ConsumerGroupSession = (*MockConsumerGroupSession)(nil)
	_ sarama.ConsumerGroupClaim   = (*MockConsumerGroupClaim)(nil)
	_ goka.Broker                 = (*MockBroker)(nil)
	_ goka.Producer               = (*MockProducer)(nil)
	_ goka.TopicManager           = (*MockTopicManager)(nil)
	_ storage.Storage             = (*MockStorage)(nil)
	_ goka.Tester                 = (*Tester)(nil)
)

func TestAMockAnswersWhatIsExpected(t *testing.T) {
	st := NewMockStorage(NewMockController(t))
	st.EXPECT().Get("k").Return([]byte("v"), nil)
	st.EXPECT().Recovered().Return(true)

	if v, err := st.Get("k"); err != nil || string(v) != "v" {
		t.Errorf("Get = %q, %v; want v", v, err)
	}
	if !st.Recovered() {
		t.Error("Recovered = false; want what was expected")
	}
}

func TestAnUnexpectedCallFailsTheTestAndPanics(t *testing.T) {
	w := newWitness(t)
	tm := NewMockTopicManager(NewMockController(w))

	said := make(chan any)
	go func() { // where Fatalf would end nobody but this goroutine
		defer func() { said <- recover() }()
		_, _ = tm.Partitions("orders")
	}()
	if s, ok := (<-said).(string); !ok || !strings.Contains(s, "Partitions") {
		t.Errorf("the caller panicked with %q; want a text about Partitions", s)
	}
	w.saw(t, "Unexpected call to *kafkamock.MockTopicManager.Partitions")
}

func TestMissingCallsAreReportedWhenTheTestEnds(t *testing.T) {
	w := newWitness(t)
	NewMockStorage(NewMockController(w)).EXPECT().Open().Return(errors.New("never"))
	w.saw(t)
	w.end()
	w.saw(t, "missing call(s) to *kafkamock.MockStorage.Open", "aborting test due to missing call(s)")
}

// plain has nothing but what gomock asks for.
type plain struct{ w *witness }

func (p plain) Errorf(format string, args ...interface{}) { p.w.Errorf(format, args...) }
func (p plain) Fatalf(format string, args ...interface{}) { p.w.Fatalf(format, args...) }

func TestAControllerWithoutCleanupIsFinishedByTheTest(t *testing.T) {
	w := newWitness(t)
	ctrl := NewMockController(plain{w})
	client := NewMockClient(ctrl)
	client.EXPECT().Partitions(gomock.Any()).Return([]int32{0}, nil)
	if ps, err := client.Partitions("orders"); err != nil || len(ps) != 1 {
		t.Errorf("Partitions = %v, %v; want [0]", ps, err)
	}
	ctrl.Finish()
	w.saw(t)
}
