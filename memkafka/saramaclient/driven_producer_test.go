package saramaclient_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

// drivenProducer runs f in a bubble with an asynchronous producer on a driven cluster. text is the trace so far.
func drivenProducer(t *testing.T, f func(t *testing.T, d *memkafka.Driver, p sarama.AsyncProducer, text func() string)) {
	synctest.Test(t, func(t *testing.T) {
		c, d, err := memkafka.NewDriven(1, synctest.Wait)
		if err != nil {
			t.Fatal(err)
		}
		var lines bytes.Buffer
		d.Trace().Text = &lines
		d.NoLapses = true
		createTopic(t, c, "a", 1)
		createTopic(t, c, "b", 1)
		config := sarama.NewConfig()
		config.ClientID = "p"
		config.Producer.Return.Successes = true
		p, err := saramaclient.NewAsyncProducer(c, config)
		if err != nil {
			t.Fatal(err)
		}
		f(t, d, p, lines.String)
		p.AsyncClose()
		c.Close()
		d.Settle()
		for range p.Successes() { //nolint:revive // nobody wants them
		}
	})
}

// Two senders that share a producer do not wait for each other's topics: whoever were let go together afterwards would run
// in an order of chance.
func TestDrivenMessagesWaitForTheirOwnTopicOnly(t *testing.T) {
	drivenProducer(t, func(t *testing.T, d *memkafka.Driver, p sarama.AsyncProducer, text func() string) {
		for _, topic := range []string{"a", "a", "b"} {
			p.Input() <- &sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(topic)}
		}
		d.Settle()
		for _, topic := range []string{"a", "b"} {
			if n := strings.Count(text(), "asks metadata "+topic+"\n"); n != 1 {
				t.Errorf("%d questions about %s, want one:\n%s", n, topic, text())
			}
		}
		got := map[string][]int64{}
		for n := 0; n < 3; {
			if _, err := d.Step(); err != nil {
				t.Fatal(err)
			}
			select {
			case m := <-p.Successes():
				got[m.Topic] = append(got[m.Topic], m.Offset)
				n++
			default:
			}
		}
		if len(got["a"]) != 2 || got["a"][1] != 1 || len(got["b"]) != 1 {
			t.Errorf("offsets %v, want two of a in order and one of b", got)
		}
	})
}

func TestDrivenRefusalsAreEventsOfTheirOwn(t *testing.T) {
	drivenProducer(t, func(t *testing.T, d *memkafka.Driver, p sarama.AsyncProducer, text func() string) {
		p.Input() <- &sarama.ProducerMessage{Topic: "a", Value: sarama.ByteEncoder(make([]byte, 2<<20))}
		d.Settle()
		select {
		case err := <-p.Errors():
			t.Fatalf("%v came in the step in which the message was sent", err)
		default:
		}
		if happened, err := d.Step(); err != nil || !happened {
			t.Fatalf("no event, error %v", err)
		}
		var wrong sarama.ConfigurationError
		if err := <-p.Errors(); !errors.As(err.Err, &wrong) {
			t.Errorf("the result is %v, want a configuration error", err.Err)
		}
		if !strings.Contains(text(), "p/producer has refused a\n") {
			t.Errorf("the trace does not say so:\n%s", text())
		}
	})
}
