package goka

import (
	"sync"
	"testing"
	"testing/synctest"
)

func TestCreditsWakeAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			c  = newCredits(1)
			wg sync.WaitGroup
		)
		if !c.spend(nil, nil) {
			t.Fatal("there was a credit")
		}
		for range 3 {
			wg.Go(func() { c.spend(nil, nil) })
		}
		synctest.Wait()
		c.giveBack(3)
		wg.Wait() // the bubble ends in a deadlock if somebody still sleeps
	})
}

func TestCreditsThatComeOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			c  = newCredits(0)
			wg sync.WaitGroup
		)
		for range 3 {
			wg.Go(func() { c.spend(nil, nil) })
		}
		synctest.Wait()
		for range 3 {
			c.giveBack(1)
			synctest.Wait()
		}
		wg.Wait()
	})
}
