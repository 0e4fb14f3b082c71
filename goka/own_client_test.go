package goka

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

// mute is a broker that takes connections and never answers.
func mute(t *testing.T) (addr string, asked <-chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	first, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for n := 0; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			if n == 0 {
				close(first)
			}
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-ended
	})
	return l.Addr().String(), first
}

// unreachable is a dialer whose connections never come about.
type unreachable struct{ asked chan struct{} }

func (d unreachable) Dial(network, addr string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, addr)
}

func (d unreachable) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	select {
	case d.asked <- struct{}{}:
	default:
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

// unaskedConsumer stands for sarama's consumer, which nobody asks for anything.
type unaskedConsumer struct{ sarama.Consumer }

func (unaskedConsumer) Close() error { return nil }

func TestAStopDoesNotWaitForBrokersThatDoNotAnswer(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, config *sarama.Config) (addr string, asked <-chan struct{}){
		"they take the connection": func(t *testing.T, _ *sarama.Config) (string, <-chan struct{}) { return mute(t) },
		"they cannot be reached": func(_ *testing.T, config *sarama.Config) (string, <-chan struct{}) {
			d := unreachable{make(chan struct{}, 1)}
			config.Net.Proxy.Enable, config.Net.Proxy.Dialer = true, d
			return "127.0.0.1:1", d.asked
		},
	} {
		t.Run(name, func(t *testing.T) {
			config := readingConfig(DefaultConfig())
			addr, asked := prepare(t, config)
			c := &tableConsumer{
				Consumer: unaskedConsumer{}, slots: make(chan struct{}, 1), lines: linesOf(config),
				connect: func() (sarama.Client, error) { return sarama.NewClient([]string{addr}, config) },
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() {
				_, err := c.readRange(ctx, "t", 0, 0, 1, nil)
				ended <- err
			}()
			go func() {
				_, err := c.nextRecord(ctx, "t", 0, 0, 1)
				ended <- err
			}()
			<-asked
			cancel()
			for range 2 {
				if err := <-ended; !errors.Is(err, context.Canceled) {
					t.Errorf("the recovery ended with %v, want %v", err, context.Canceled)
				}
			}
			if err := c.Close(); err != nil { // while the client still connects
				t.Error(err)
			}
			if _, err := c.nextRecord(t.Context(), "t", 0, 0, 1); !errors.Is(err, errCut) {
				t.Errorf("a closed consumer looks for records: %v", err)
			}
			if next, err := c.readRange(t.Context(), "t", 0, 0, 1, nil); next != 0 || err != nil {
				t.Errorf("a closed consumer reads: %d, %v", next, err)
			}
		})
	}
}

// Who gives partitions no time to finish still leaves the group, so that the others need not miss it for a session timeout.
func TestEveryMemberHasTimeToLeave(t *testing.T) {
	for shutdown, want := range map[time.Duration]time.Duration{
		-1: time.Second, 0: time.Second, 3 * time.Second: 3 * time.Second, time.Minute: leavePatience,
	} {
		if got := leaveWithin(shutdown); got != want {
			t.Errorf("with %s for the partitions it has %s, want %s", shutdown, got, want)
		}
	}
}
