package outbox

import (
	"reflect"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

type interceptor struct{ sarama.ProducerInterceptor }

func TestWhatIsLeftToSaramasProducer(t *testing.T) {
	if !Serves(quick()) || !Serves(sarama.NewConfig()) {
		t.Error("sarama's defaults are not served")
	}
	for name, change := range map[string]func(*sarama.Config){
		"an old format":           func(c *sarama.Config) { c.Version = sarama.V0_10_2_0 },
		"transactions":            func(c *sarama.Config) { c.Producer.Transaction.ID = "x" },
		"interceptors":            func(c *sarama.Config) { c.Producer.Interceptors = []sarama.ProducerInterceptor{interceptor{}} },
		"no response":             func(c *sarama.Config) { c.Producer.RequiredAcks = sarama.NoResponse },
		"waiting for bytes":       func(c *sarama.Config) { c.Producer.Flush.Bytes = 1 },
		"waiting for messages":    func(c *sarama.Config) { c.Producer.Flush.Messages = 1 },
		"waiting for a while":     func(c *sarama.Config) { c.Producer.Flush.Frequency = time.Millisecond },
		"small requests":          func(c *sarama.Config) { c.Producer.Flush.MaxMessages = 1 },
		"few retries at a time":   func(c *sarama.Config) { c.Producer.Retry.MaxBufferLength = 5000 },
		"small retries at a time": func(c *sarama.Config) { c.Producer.Retry.MaxBufferBytes = 1 << 30 },
	} {
		config := quick()
		change(config)
		if Serves(config) {
			t.Errorf("%s: served", name)
		}
	}
}

// A new setting of sarama's is to be served, or to be left to its producer.
func TestEverySettingIsThoughtOf(t *testing.T) {
	known := map[string]bool{
		"MaxMessageBytes": true, "RequiredAcks": true, "Timeout": true, "Compression": true, "CompressionLevel": true, "Partitioner": true,
		"Idempotent": true, "Transaction": true, "Return": true, "Flush": true, "Retry": true, "Interceptors": true,
		"Flush.Bytes": true, "Flush.Messages": true, "Flush.Frequency": true, "Flush.MaxMessages": true,
		"Retry.Max": true, "Retry.Backoff": true, "Retry.BackoffFunc": true, "Retry.MaxBufferLength": true, "Retry.MaxBufferBytes": true,
	}
	p := reflect.TypeOf(sarama.Config{}.Producer)
	for i := range p.NumField() {
		f := p.Field(i)
		if !known[f.Name] {
			t.Errorf("Producer.%s is new", f.Name)
		}
		if f.Name == "Flush" || f.Name == "Retry" {
			for j := range f.Type.NumField() {
				if name := f.Name + "." + f.Type.Field(j).Name; !known[name] {
					t.Errorf("Producer.%s is new", name)
				}
			}
		}
	}
}
