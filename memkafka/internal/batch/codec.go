package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Codec is how the records of a batch are compressed.
type Codec int8

// The codecs that Kafka knows, as the attributes of a batch number them.
const (
	None Codec = iota
	Gzip
	Snappy
	LZ4
	Zstd
)

var codecNames = [...]string{None: "none", Gzip: "gzip", Snappy: "snappy", LZ4: "lz4", Zstd: "zstd"}

// String is the codec's name in compression.type.
func (c Codec) String() string {
	if c.known() {
		return codecNames[c]
	}
	return fmt.Sprintf("codec %d", int8(c))
}

// ParseCodec reads what String writes, and uncompressed, which topics say for none.
func ParseCodec(name string) (Codec, error) {
	for c, n := range codecNames {
		if n == name {
			return Codec(c), nil
		}
	}
	if name == "uncompressed" {
		return None, nil
	}
	return None, fmt.Errorf("unknown codec %q; use none, gzip, snappy, lz4 or zstd", name)
}

func (c Codec) known() bool { return c >= None && int(c) < len(codecNames) }

// maxPlainBytes bounds what a batch may decompress to, so that a few hostile bytes cannot take all memory. Kafka's
// clients send no batch that comes near.
const maxPlainBytes = 1 << 30

var errTooMuch = fmt.Errorf("records decompress to more than %d bytes", maxPlainBytes)

// compress appends src, compressed, to dst.
func (c Codec) compress(dst, src []byte) []byte {
	switch c {
	case None:
		return append(dst, src...)
	case Gzip:
		w := gzipWriters.Get().(*gzip.Writer)
		defer gzipWriters.Put(w)
		out := bytes.NewBuffer(dst)
		w.Reset(out)
		mustWrite(w, src)
		return out.Bytes()
	case Snappy:
		return appendXerial(dst, src)
	case LZ4:
		w := lz4Writers.Get().(*lz4.Writer)
		defer lz4Writers.Put(w)
		out := bytes.NewBuffer(dst)
		w.Reset(out)
		mustWrite(w, src)
		return out.Bytes()
	case Zstd:
		return zstdEncoder.EncodeAll(src, dst)
	}
	panic("batch: compressing with " + c.String())
}

// mustWrite writes all of src. Writing to memory does not fail.
func mustWrite(w io.WriteCloser, src []byte) {
	if _, err := w.Write(src); err != nil {
		panic("batch: compressing: " + err.Error())
	}
	if err := w.Close(); err != nil {
		panic("batch: compressing: " + err.Error())
	}
}

// decompress appends src, decompressed, to dst, which is empty. What would be longer than limit, give or take a little, is
// errTooMuch.
func (c Codec) decompress(dst, src []byte, limit int) ([]byte, error) {
	switch c {
	case None:
		return append(dst, src...), nil
	case Gzip:
		r := new(gzip.Reader)
		if err := r.Reset(bytes.NewReader(src)); err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		return readAll("gzip", dst, r, len(src), limit)
	case Snappy:
		return appendUnsnapped(dst, src)
	case LZ4:
		r := lz4Readers.Get().(*lz4.Reader)
		defer lz4Readers.Put(r)
		r.Reset(bytes.NewReader(src))
		return readAll("lz4", dst, r, len(src), limit)
	case Zstd:
		decoder := zstdDecoder
		if limit <= wholeBytes {
			decoder = zstdSmallDecoder
		}
		out, err := decoder.DecodeAll(src, dst)
		switch {
		case errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded):
			return dst, errTooMuch
		case err != nil:
			return dst, fmt.Errorf("zstd: %w", err)
		}
		return out, nil
	}
	return nil, errors.New(c.String() + " is unknown")
}

func readAll(codec string, dst []byte, r io.Reader, compressed, limit int) ([]byte, error) {
	out := bytes.NewBuffer(dst)
	out.Grow(min(4*compressed, 1<<20))
	n, err := out.ReadFrom(io.LimitReader(r, int64(limit)+1))
	if err != nil {
		return out.Bytes(), fmt.Errorf("%s: %w", codec, err)
	}
	if n > int64(limit) {
		return out.Bytes(), errTooMuch
	}
	return out.Bytes(), nil
}

// stream reads src, decompressed, bit by bit. Snappy, which gains little on any input, is not read like that.
func (c Codec) stream(src []byte) (io.ReadCloser, error) {
	switch c {
	case Gzip:
		return gzip.NewReader(bytes.NewReader(src))
	case LZ4:
		return io.NopCloser(lz4.NewReader(bytes.NewReader(src))), nil
	case Zstd:
		d, err := zstd.NewReader(bytes.NewReader(src), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	case None, Snappy:
	}
	return nil, errTooMuch
}

// maxZstdWindow is how much of what it wrote a decoder of zstd remembers: what the highest ordinary level (19) needs, four times.
const maxZstdWindow = 32 << 20

var (
	gzipWriters = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}
	lz4Readers  = sync.Pool{New: func() any { return lz4.NewReader(nil) }}
	lz4Writers  = sync.Pool{New: func() any {
		w := lz4.NewWriter(nil)
		// What Kafka's own producer writes: independent blocks of 64 KiB and no checksum over the content.
		if err := w.Apply(lz4.BlockSizeOption(lz4.Block64Kb), lz4.ChecksumOption(false)); err != nil {
			panic("batch: lz4 options: " + err.Error())
		}
		return w
	}}

	// These are made, and used for the first time, when the program starts: they own channels, and a channel
	// that was made inside a testing/synctest bubble is of no use outside of it.
	zstdEncoder      = newZstdEncoder()
	zstdDecoder      = newZstdDecoder(maxPlainBytes)
	zstdSmallDecoder = newZstdDecoder(wholeBytes)
)

func newZstdEncoder() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic("batch: zstd options: " + err.Error())
	}
	e.EncodeAll(nil, nil)
	return e
}

func newZstdDecoder(most uint64) *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(most))
	if err != nil {
		panic("batch: zstd options: " + err.Error())
	}
	return d
}

// Kafka's clients in Java frame snappy as the xerial library does: a header, then blocks, each after its length.
var xerialHeader = []byte("\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01")

const xerialBlockBytes = 32 << 10

func appendXerial(dst, src []byte) []byte {
	dst = append(dst, xerialHeader...)
	block := make([]byte, snappy.MaxEncodedLen(min(len(src), xerialBlockBytes)))
	for len(src) > 0 {
		n := min(len(src), xerialBlockBytes)
		enc := snappy.Encode(block, src[:n])
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(enc)))
		dst = append(dst, enc...)
		src = src[n:]
	}
	return dst
}

// appendUnsnapped takes both forms that clients send: xerial's frames, and one bare block.
func appendUnsnapped(dst, src []byte) ([]byte, error) {
	if !bytes.HasPrefix(src, xerialHeader[:8]) {
		return appendUnsnappedBlock(dst, src)
	}
	if len(src) < len(xerialHeader) {
		return nil, errors.New("snappy: header is cut off")
	}
	src = src[len(xerialHeader):]
	var err error
	for len(src) > 0 {
		if len(src) < 4 {
			return nil, errors.New("snappy: length of a block is cut off")
		}
		n := binary.BigEndian.Uint32(src)
		src = src[4:]
		if uint64(n) > uint64(len(src)) {
			return nil, fmt.Errorf("snappy: block of %d bytes, %d are left", n, len(src))
		}
		if dst, err = appendUnsnappedBlock(dst, src[:n]); err != nil {
			return nil, err
		}
		src = src[n:]
	}
	return dst, nil
}

// maxSnappyBytes is maxPlainBytes for snappy, whose records are decompressed at once: a batch of 3 MB at the least.
const maxSnappyBytes = 64 << 20

func appendUnsnappedBlock(dst, block []byte) ([]byte, error) {
	n, err := snappy.DecodedLen(block)
	if err != nil {
		return nil, err
	}
	// A block of snappy shrinks to no less than 3 bytes for each 64: a length beyond that is a lie.
	if n > 64*len(block) || len(dst)+n > maxSnappyBytes {
		return nil, errTooMuch
	}
	start := len(dst)
	dst = append(dst, make([]byte, n)...)
	if _, err := snappy.Decode(dst[start:start+n:start+n], block); err != nil {
		return nil, err
	}
	return dst, nil
}
