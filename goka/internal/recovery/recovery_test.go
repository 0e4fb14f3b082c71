package recovery

import "testing"

func TestDecide(t *testing.T) {
	for _, c := range []struct {
		name                          string
		stored, oldest, highWatermark int64
		want                          Plan
	}{
		{"nothing stored, nothing there", Never, 0, 0, Plan{Complete, 0, 0, 0}},
		{"nothing stored", Never, 0, 9, Plan{Read, 0, 9, 0}},
		{"nothing stored, all deleted", Never, 9, 9, Plan{Complete, 9, 9, 9}},
		{"first record stored", 0, 0, 1, Plan{Complete, 1, 1, 0}},
		{"up to date", 8, 0, 9, Plan{Complete, 9, 9, 0}},
		{"one behind", 7, 0, 9, Plan{Read, 8, 9, 0}},
		{"compaction took what we have not read", 3, 6, 9, Plan{Read, 6, 9, 6}},
		{"everything after ours is gone", 3, 9, 9, Plan{Complete, 9, 9, 9}},
		{"topic created again, empty", 8, 0, 0, Plan{Rebuild, 0, 0, 0}},
		{"topic created again, shorter", 8, 0, 3, Plan{Rebuild, 0, 3, 0}},
		{"offset one too high", 9, 0, 9, Plan{Rebuild, 0, 9, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Decide(c.stored, c.oldest, c.highWatermark); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestAHoleAtTheEndIsPassedByPosition(t *testing.T) {
	p := Decide(Never, 0, 10)
	for position, want := range map[int64]bool{0: false, 9: false, 10: true, 11: true} {
		if p.Done(position) != want {
			t.Errorf("position %d: done is %v", position, !want)
		}
	}
}
