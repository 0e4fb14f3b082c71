package saramaclient_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gokasim/gokasim/memkafka"
)

func TestByHandAMemberHearsAtOnceOfOneThatJoinsWhileItSetsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.NewByHand(memkafka.WithInitialRebalanceDelay(0))
		defer c.Close()
		createTopic(t, c, "in", 2)
		began := time.Now()
		var stopSecond func()
		second := newHandler()
		first := newHandler()
		first.setup = func() {
			stopSecond = member(t, c, "g", "second", second, "in")
			synctest.Wait() // until it has joined, and waits for the first
		}
		stopFirst := member(t, c, "g", "first", first, "in")
		second.until(t, "a claim of the second", func() bool { return len(second.claims) == 1 && len(second.claims[0]["in"]) == 1 })
		first.until(t, "the other claim of the first", func() bool { return len(first.claims) == 2 && len(first.claims[1]["in"]) == 1 })
		if took := time.Since(began); took > 0 {
			t.Errorf("the first heard of the second after %v, by a heartbeat at its usual time", took)
		}
		stopSecond()
		stopFirst()
	})
}
