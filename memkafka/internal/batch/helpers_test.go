package batch_test

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/klauspost/compress/snappy"

	"github.com/gokasim/gokasim/memkafka/internal/batch"
)

// sealed sets the checksum of w right, so that what is wrong beside it is found.
func sealed(w []byte) []byte {
	if len(w) > 21 {
		binary.BigEndian.PutUint32(w[17:], crc32.Checksum(w[21:], crc32.MakeTable(crc32.Castagnoli)))
	}
	return w
}

func flip(w []byte, at int) []byte {
	w[at] ^= 1
	return w
}

// bareSnappy is b compressed as one block of snappy without a frame.
func bareSnappy(b *batch.Batch) []byte {
	w := append([]byte{}, b.Bytes()[:batch.HeaderBytes]...)
	w = append(w, snappy.Encode(nil, b.Bytes()[batch.HeaderBytes:])...)
	w[22] |= byte(batch.Snappy)
	binary.BigEndian.PutUint32(w[8:], uint32(len(w)-12))
	return sealed(w)
}
