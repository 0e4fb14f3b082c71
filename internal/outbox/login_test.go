package outbox

import (
	"testing"

	"github.com/gokasim/gokasim/memkafka"
)

// A login that fails when a connection is made again is tried again, as the request that needs it: a broker may have lost sight of who
// knows the users, and a token may just have expired.
func TestALoginThatFailsForAMoment(t *testing.T) {
	c := memkafka.New(memkafka.WithAutoCreateTopics(false), memkafka.WithUser("u", "secret"))
	t.Cleanup(c.Close)
	l, err := c.Listen("127.0.0.1:0", memkafka.WithSASL("PLAIN"))
	if err != nil {
		t.Fatal(err)
	}
	o := &office{T: t, cluster: c, brokers: l.Addrs()}
	o.check(c.CreateTopic("t", 1))
	config := quick()
	config.Net.SASL.Enable, config.Net.SASL.User, config.Net.SASL.Password = true, "u", "secret"
	o.open(config)
	o.check(o.write("t", 0, "a"))
	o.faults("on sasl-authenticate times=3: error SASL_AUTHENTICATION_FAILED")
	o.wires.snip()
	if err := o.write("t", 0, "b"); err != nil {
		t.Error(err)
	}
	if got := o.log("t", 0); got != "a b" {
		t.Errorf("the log is %s", got)
	}
}
