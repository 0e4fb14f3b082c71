package door_test

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/internal/door"
)

// hangsUp is a broker that ends each connection at once.
func hangsUp(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-ended
	})
	return l.Addr().String()
}

func TestBrokersThatCannotBeReachedAreNamedAndHowTheyWereSpokenTo(t *testing.T) {
	addr := hangsUp(t)
	for how, change := range map[string]func(*sarama.Config){
		"without TLS and without SASL": func(*sarama.Config) {},
		"with TLS and without SASL":    func(c *sarama.Config) { c.Net.TLS.Enable = true },
		"without TLS and with SASL PLAIN": func(c *sarama.Config) {
			c.Net.SASL.Enable, c.Net.SASL.User, c.Net.SASL.Password = true, "user", "secret"
		},
	} {
		config := sarama.NewConfig()
		config.Metadata.Retry.Max = 0
		change(config)
		d, err := door.For([]string{addr})
		if err != nil {
			t.Fatal(err)
		}
		for what, open := range map[string]func() error{
			"client":   func() error { _, err := d.NewClient([]string{addr}, config); return err },
			"admin":    func() error { _, err := d.NewClusterAdmin([]string{addr}, config); return err },
			"consumer": func() error { _, err := d.NewConsumer([]string{addr}, config); return err },
			"group":    func() error { _, err := d.NewConsumerGroup([]string{addr}, "g", config); return err },
			"producer": func() error { _, err := d.NewAsyncProducer([]string{addr}, config); return err },
		} {
			err := open()
			if !errors.Is(err, sarama.ErrOutOfBrokers) || !strings.Contains(err.Error(), "brokers "+addr) || !strings.Contains(err.Error(), how) {
				t.Errorf("%s, %s: %v", what, how, err)
			} else if strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: the password is told: %v", what, err)
			}
		}
	}
}
