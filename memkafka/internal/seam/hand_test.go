package seam

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
)

// handle receives records, and marks each after a time.
func handle(s *Subscription, r *receiver, each time.Duration, got *[]kafka.Offset) {
	for {
		select {
		case rec := <-r.records:
			time.Sleep(each)
			*got = append(*got, rec.Offset)
			s.Handled(rec.Offset + 1)
		case <-r.ended:
			return
		}
	}
}

func TestByHandRecordsLeaveWhileSettleRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := world(t, ByHand)
		defer e.Close()
		s, r := subscribe(t, client(t, e, "c"), SubscribeOptions{Claim: true})
		var got []kafka.Offset
		go handle(s, r, time.Second, &got)
		write(t, e, 3)
		synctest.Wait()
		if len(got) > 0 {
			t.Errorf("offsets %v were handed out before Settle", got)
		}
		if err := e.Settle(t.Context(), time.Minute); err != nil {
			t.Fatal(err)
		}
		if len(got) != 3 || s.Position() != 3 {
			t.Errorf("after Settle %v were handled, the position is %d", got, s.Position())
		}
	})
}

func TestByHandTablesComeBeforeClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := world(t, ByHand)
		defer e.Close()
		claim, claimed := subscribe(t, client(t, e, "a"), SubscribeOptions{Claim: true})
		c := client(t, e, "b")
		c.UseBarriers()
		_, viewed := subscribe(t, c, SubscribeOptions{})
		rows := 0
		go func() {
			for {
				select {
				case rec := <-viewed.records:
					if rec.Offset >= 0 {
						time.Sleep(time.Second)
						rows++
					}
				case <-viewed.ended:
					return
				}
			}
		}()
		go func() {
			for {
				select {
				case rec := <-claimed.records:
					if rows != 3 {
						t.Errorf("the claim got offset %d when the table had %d of 3 rows", rec.Offset, rows)
					}
					claim.Handled(rec.Offset + 1)
				case <-claimed.ended:
					return
				}
			}
		}()
		write(t, e, 3)
		if err := e.Settle(t.Context(), time.Minute); err != nil {
			t.Fatal(err)
		}
	})
}

// TestByHandSlowIsNotStuck has a table take longer for all that there is than Settle waits for a sign of life.
func TestByHandSlowIsNotStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := world(t, ByHand)
		defer e.Close()
		c := client(t, e, "view")
		c.UseBarriers()
		_, r := subscribe(t, c, SubscribeOptions{})
		rows := 0
		go func() {
			for {
				select {
				case rec := <-r.records:
					if rec.Offset >= 0 {
						time.Sleep(time.Second)
						rows++
					}
				case <-r.ended:
					return
				}
			}
		}()
		write(t, e, 100)
		if err := e.Settle(t.Context(), 10*time.Second); err != nil {
			t.Error(err)
		}
		if rows != 100 {
			t.Errorf("the table has %d of 100 rows", rows)
		}
	})
}

func TestByHandStuck(t *testing.T) {
	for _, tc := range []struct {
		name    string
		receive bool // the record, without handling it
		paused  bool
		says    string // "" for no error
	}{
		{name: "nobody receives", says: "does not take the record at offset 0"},
		{name: "nobody marks", receive: true, says: "has not finished the record at offset 0"},
		{name: "paused", paused: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := world(t, ByHand)
				defer e.Close()
				_, r := subscribe(t, client(t, e, "c"), SubscribeOptions{Claim: true, Paused: tc.paused})
				if tc.receive {
					go func() { <-r.records }()
				}
				write(t, e, 1)
				err := e.Settle(t.Context(), time.Minute)
				switch {
				case tc.says == "" && err != nil:
					t.Error(err)
				case tc.says != "" && (!errors.Is(err, ErrStuck) || !strings.Contains(err.Error(), "c/test t/0 "+tc.says)):
					t.Errorf("Settle gives %v, want that c/test t/0 %s", err, tc.says)
				}
			})
		})
	}
}

func TestByHandSettleEnds(t *testing.T) {
	ends := map[string]func(e *Engine, c *Client, s *Subscription, cancel context.CancelFunc) (want error){
		"the subscription ends": func(_ *Engine, _ *Client, s *Subscription, _ context.CancelFunc) error { s.Close(); return nil },
		"the client is closed":  func(_ *Engine, c *Client, _ *Subscription, _ context.CancelFunc) error { c.Close(); return nil },
		"the cluster is closed": func(e *Engine, _ *Client, _ *Subscription, _ context.CancelFunc) error { e.Close(); return ErrClosed },
		"the topic is deleted": func(e *Engine, _ *Client, _ *Subscription, _ context.CancelFunc) error {
			return e.Do(func(core *cluster.Cluster, now kafka.Millis) { _ = core.DeleteTopic(now, "t") })
		},
		"the context ends": func(_ *Engine, _ *Client, _ *Subscription, cancel context.CancelFunc) error {
			cancel()
			return context.Canceled
		},
	}
	for name, end := range ends {
		for _, received := range []bool{false, true} {
			if name == "the context ends" && !received {
				continue // handing out is bounded by the bound alone
			}
			if name == "the topic is deleted" && !received {
				continue // what is being handed out still arrives
			}
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					e := world(t, ByHand)
					defer e.Close()
					c := client(t, e, "c")
					s, r := subscribe(t, c, SubscribeOptions{Claim: true})
					if received {
						go func() { <-r.records }()
					}
					write(t, e, 2)
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					settled := make(chan error, 1)
					go func() { settled <- e.Settle(ctx, time.Hour) }()
					waiting := make(chan error, 1)
					go func() { waiting <- e.Settle(t.Context(), time.Hour) }()
					time.Sleep(time.Second)
					if err := e.TrySettle(t.Context(), time.Hour); err != nil {
						t.Errorf("TrySettle beside Settle: %v", err)
					}
					began := time.Now()
					want := end(e, c, s, cancel)
					if err := <-settled; !errors.Is(err, want) && err != want { //nolint:errorlint // both may be nil
						t.Errorf("Settle gives %v, want %v", err, want)
					}
					if took := time.Since(began); took > 0 {
						t.Errorf("Settle ended after %v", took)
					}
					e.Close()
					<-waiting
					<-r.ended
				})
			})
		}
	}
}
