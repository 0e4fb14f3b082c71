package saramaclient_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

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

// On a cluster that nobody drives, many senders are told of each message, in the order in which they sent; so is who sends while
// being told, however much waits to be sent.
func TestManyResultsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const senders, each = 4, 2_000
		c := memkafka.New()
		defer c.Close()
		createTopic(t, c, "a", 1)
		createTopic(t, c, "b", 1)
		p := asyncProducer(t, c, func(config *sarama.Config) { config.Producer.MaxMessageBytes = 1_000 })
		teller := p.(door.Telling)
		var told [senders]int
		again, refused := 0, 0
		if !teller.TellTo(func(m *sarama.ProducerMessage, failure error) {
			switch n, _ := m.Metadata.(int); {
			case failure != nil:
				refused++
			case m.Topic == "b":
				again++
			case n/each != int(m.Headers[0].Key[0]) || n%each != told[n/each]:
				t.Errorf("message %d of sender %d is told of after %d", n%each, n/each, told[n/each])
			default:
				told[n/each]++
				teller.Send(&sarama.ProducerMessage{Topic: "b", Value: sarama.StringEncoder("again")})
			}
		}) {
			t.Fatal("the producer does not tell results")
		}
		var sending sync.WaitGroup
		for sender := range senders {
			sending.Go(func() {
				header := []sarama.RecordHeader{{Key: []byte{byte(sender)}}}
				for n := range each {
					teller.Send(&sarama.ProducerMessage{Topic: "a", Value: sarama.StringEncoder("v"), Headers: header, Metadata: sender*each + n})
				}
				teller.Send(&sarama.ProducerMessage{Topic: "a", Value: sarama.ByteEncoder(make([]byte, 1_000))})
			})
		}
		sending.Wait()
		synctest.Wait() // all is told by then
		p.AsyncClose()
		for range p.Successes() { //nolint:revive // nothing comes but the end
		}
		if want := [senders]int{each, each, each, each}; told != want || again != senders*each || refused != senders {
			t.Errorf("told of %v and of %d sent meanwhile, %d were refused; want %v, %d and %d", told, again, refused, want, senders*each, senders)
		}
	})
}

// What is sent last is told before the channels close.
func TestManyResultsAreToldBeforeTheEnd(t *testing.T) {
	c := memkafka.New()
	defer c.Close()
	createTopic(t, c, "a", 1)
	p := asyncProducer(t, c, nil)
	teller := p.(door.Telling)
	told := 0
	teller.TellTo(func(*sarama.ProducerMessage, error) { told++ })
	for range 1_000 {
		teller.Send(&sarama.ProducerMessage{Topic: "a", Value: sarama.StringEncoder("v")})
	}
	p.AsyncClose()
	for range p.Successes() { //nolint:revive // nothing comes but the end
	}
	if told != 1_000 {
		t.Errorf("%d results were told, want 1000", told)
	}
}

func TestWhoWaitsForMoreMessagesTellsNothing(t *testing.T) {
	c := memkafka.New()
	t.Cleanup(c.Close)
	p := asyncProducer(t, c, func(config *sarama.Config) { config.Producer.Flush.Messages = 10 })
	defer p.AsyncClose()
	if p.(door.Telling).TellTo(func(*sarama.ProducerMessage, error) { t.Error("told") }) {
		t.Error("a producer with settings of Producer.Flush tells results")
	}
}
