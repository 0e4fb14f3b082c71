package saramaclient_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/internal/door"
	"github.com/gokasim/gokasim/memkafka"
)

func TestResultsAreTold(t *testing.T) {
	drivenProducer(t, func(t *testing.T, d *memkafka.Driver, p sarama.AsyncProducer, text func() string) {
		told := make(chan string, 10) // before others of the bubble go on
		teller := p.(door.Telling)
		send := func(topic, value string) {
			teller.Send(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(value)})
		}
		if !teller.TellTo(func(msg *sarama.ProducerMessage, failure error) {
			value, err := msg.Value.Encode()
			if err != nil {
				t.Error(err)
			}
			if failed := (*sarama.ProducerError)(nil); errors.As(failure, &failed) {
				told <- fmt.Sprintf("%s: %v", msg.Topic, failed.Err)
				return
			}
			told <- fmt.Sprintf("%s %s@%d", msg.Topic, value, msg.Offset)
			if string(value) == "2" {
				send("b", "again")
			}
		}) {
			t.Fatal("a producer on a driven cluster does not tell results")
		}
		send("a", "1")
		send("a", "2")
		send("a", string(make([]byte, 2<<20)))
		var got []string
		for len(got) < 4 {
			if happened, err := d.Step(); err != nil || !happened {
				t.Fatalf("no event, error %v; told so far: %v; trace:\n%s", err, got, text())
			}
			d.Settle()
			for len(told) > 0 {
				got = append(got, <-told)
			}
		}
		refused := "a: " + sarama.ConfigurationError("Attempt to produce message larger than configured Producer.MaxMessageBytes: 2097188 > 1048576").Error()
		if i := slices.Index(got, refused); i < 0 {
			t.Errorf("told %q, want %q too", got, refused)
		}
		got = slices.DeleteFunc(got, func(s string) bool { return s == refused })
		if want := []string{"a 1@0", "a 2@1", "b again@0"}; !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
	})
}

// A producer that ends has told each result before its channels close.
func TestResultsAreToldBeforeTheEnd(t *testing.T) {
	drivenProducer(t, func(t *testing.T, d *memkafka.Driver, p sarama.AsyncProducer, _ func() string) {
		told := 0
		teller := p.(door.Telling)
		teller.TellTo(func(*sarama.ProducerMessage, error) { told++ })
		for range 5 {
			teller.Send(&sarama.ProducerMessage{Topic: "a", Value: sarama.StringEncoder("v")})
		}
		p.AsyncClose()
		for open := true; open; {
			if _, err := d.Step(); err != nil {
				t.Fatal(err)
			}
			select {
			case _, open = <-p.Successes():
			default:
			}
		}
		if told != 5 {
			t.Errorf("%d results were told, want 5", told)
		}
	})
}

func TestWhoSendsManyAtOnceTellsNothing(t *testing.T) {
	c := memkafka.New()
	t.Cleanup(c.Close)
	p := asyncProducer(t, c, nil)
	defer p.AsyncClose()
	if p.(door.Telling).TellTo(func(*sarama.ProducerMessage, error) { t.Error("told") }) {
		t.Error("a producer on a cluster that nobody drives tells results")
	}
}
