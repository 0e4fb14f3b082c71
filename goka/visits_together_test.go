package goka_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gokasim/gokasim/goka"
)

func TestPP9_VisitsAtTheSameTimeAllEnd(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		w.topic("out", 1)
		p := w.run(visited(func(goka.Context, interface{}) { time.Sleep(time.Millisecond) })).ready()
		w.fill(350)
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
				defer cancel()
				if n, err := p.VisitAllWithStats(ctx, "visit", fmt.Sprint(i)); n != 350 || err != nil {
					t.Errorf("visited %d, %v", n, err)
				}
			})
		}
		wg.Wait()
		synctest.Wait()
	})
}
