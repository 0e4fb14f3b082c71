package batch

import (
	"math/rand/v2"
	"testing"
)

// What scanShort tells of a record is what scan tells.
func TestScanShortIsScan(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	told := 0
	for range 200_000 {
		p := make([]byte, random.IntN(40))
		for i := range p {
			if p[i] = byte(random.IntN(24)); random.IntN(6) == 0 {
				p[i] |= 0x80
			}
		}
		at := 0
		if len(p) > 3 {
			at = random.IntN(3)
			if random.IntN(2) == 0 { // a length that fits
				p[at] = byte(2 * (len(p) - at - 1))
			}
			p[len(p)-1] = 0
		}
		r, next, ok := scanShort(p, at)
		if !ok {
			continue
		}
		told++
		if wr, wnext, wok := scan(p, at); !wok || wr != r || wnext != next {
			t.Fatalf("of % x from %d on scanShort tells %+v up to %d, scan %+v up to %d, %v", p, at, r, next, wr, wnext, wok)
		}
	}
	if told < 500 {
		t.Errorf("scanShort read %d records only", told)
	}
}
