package door

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
)

// pipes dials connections in memory, whose other ends serve does with.
type pipes struct{ serve func(net.Conn) }

func (p pipes) Dial(string, string) (net.Conn, error) {
	here, there := net.Pipe()
	go p.serve(there)
	return here, nil
}

// mute takes what it is sent, and never answers.
func mute(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

func through(serve func(net.Conn)) *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.V2_8_0_0
	config.Net.Proxy.Enable, config.Net.Proxy.Dialer = true, pipes{serve}
	config.Net.ReadTimeout = time.Hour
	return config
}

func TestBrokersThatNeverAnswerAreGivenUp(t *testing.T) {
	config := through(mute)
	config.Metadata.Timeout = 50 * time.Millisecond
	for what, open := range map[string]func(Door) error{
		"client":   func(d Door) error { _, err := d.NewClient([]string{"a:1"}, config); return err },
		"admin":    func(d Door) error { _, err := d.NewClusterAdmin([]string{"a:1", "b:1"}, config); return err },
		"consumer": func(d Door) error { _, err := d.NewConsumer([]string{"a:1"}, config); return err },
		"group":    func(d Door) error { _, err := d.NewConsumerGroup([]string{"a:1"}, "g", config); return err },
		"producer": func(d Door) error { _, err := d.NewAsyncProducer([]string{"a:1"}, config); return err },
	} {
		t.Run(what, func(t *testing.T) {
			opened := make(chan error, 1)
			go func() { opened <- open(saramaDoor{}) }()
			select {
			case err := <-opened:
				if !errors.Is(err, sarama.ErrOutOfBrokers) {
					t.Errorf("the error is %v", err)
				}
			case <-time.After(5 * time.Minute): // of an hour for each read
				t.Fatal("nobody gives up")
			}
		})
	}
}

func TestABrokerHasItsShareOfTheTimeUntilOneAnswers(t *testing.T) {
	for _, c := range []struct {
		name    string
		addrs   []string
		timeout time.Duration
		speaks  bool // an answer has come by another connection
		want    time.Duration
	}{
		{"alone", []string{"a:1"}, 30 * time.Second, false, 30 * time.Second},
		{"one of three", []string{"a:1", "b:1", "c:1"}, 30 * time.Second, false, 10 * time.Second},
		{"another one has answered", []string{"a:1", "b:1"}, 30 * time.Second, true, time.Hour},
		{"without a bound", []string{"a:1"}, 0, false, time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				silent := true
				config := through(func(conn net.Conn) {
					if !silent {
						_, _ = conn.Write([]byte("answer"))
					}
				})
				config.Metadata.Timeout = c.timeout
				dialer := impatient(c.addrs, config).Net.Proxy.Dialer
				dial := func() net.Conn {
					conn, err := dialer.Dial("tcp", "a:1")
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { _ = conn.Close() })
					synctest.Wait()
					return conn
				}
				conn, answer := dial(), make([]byte, 6)
				if c.speaks {
					silent = false
					if _, err := io.ReadFull(dial(), answer); err != nil {
						t.Fatal(err)
					}
				}
				began := time.Now()
				if err := conn.SetReadDeadline(began.Add(time.Hour)); err != nil {
					t.Fatal(err)
				}
				if _, err := conn.Read(answer); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("the error is %v", err)
				}
				if took := time.Since(began); took != c.want {
					t.Errorf("it was given up after %s, want %s", took, c.want)
				}
			})
		})
	}
}
