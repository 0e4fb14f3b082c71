package batch

import "math/bits"

// Numbers inside a record are zigzag varints, as in protocol buffers.

func zigzag(v int64) uint64 { return uint64(v)<<1 ^ uint64(v>>63) }

func unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

// varintLen is the number of bytes that v takes.
func varintLen(v int64) int {
	return (bits.Len64(zigzag(v)|1) + 6) / 7
}

// putVarint writes v at b[i] and returns the position after it.
func putVarint(b []byte, i int, v int64) int {
	u := zigzag(v)
	for u >= 0x80 {
		b[i] = byte(u) | 0x80
		u >>= 7
		i++
	}
	b[i] = byte(u)
	return i + 1
}

// varint reads what putVarint wrote. A number that is cut off or too long gives a position past the end of b.
func varint(b []byte, i int) (v int64, next int) {
	if uint(i) < uint(len(b)) && b[i] < 0x80 {
		return unzigzag(uint64(b[i])), i + 1
	}
	return longVarint(b, i)
}

func longVarint(b []byte, i int) (v int64, next int) {
	var u uint64
	for shift := uint(0); shift < 70 && uint(i) < uint(len(b)); shift += 7 {
		c := b[i]
		i++
		u |= uint64(c&0x7f) << shift
		if c < 0x80 {
			if shift == 63 && c > 1 {
				break
			}
			return unzigzag(u), i
		}
	}
	return 0, len(b) + 1
}

// pair reads a varint of one byte or two, without a branch. If it has more, long is not 0.
func pair(b0, b1 byte) (v int64, size int, long byte) {
	two := b0 >> 7
	u := uint64(b0&0x7f) | uint64(b1&0x7f&-two)<<7
	return unzigzag(u), 1 + int(two), two & (b1 >> 7)
}
