package goka

import (
	"context"
	"slices"
	"testing"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka/codec"
)

// Messages that were fetched together are one piece of memory, with sarama.
func TestWhatIsAppendedToAMessageStaysOutOfTheNext(t *testing.T) {
	var got []string
	gg := DefineGroup("g", Input("in", new(codec.Bytes), func(ctx Context, msg interface{}) {
		header := ctx.Headers()["h"]
		got = append(got, ctx.Key(), string(msg.([]byte)), string(header))
		_ = append(msg.([]byte), "????"...)
		_ = append(header, "????"...)
	}))
	r := runOf(context.Background(), t, gg, nil)
	block := []byte("k1v1h1k2v2h2")
	for i := range 2 {
		b := block[6*i:]
		r.inbox.push(item{kind: itemMessage, lane: r.lanes[0], msg: &sarama.ConsumerMessage{
			Offset: int64(i), Key: b[:2], Value: b[2:4], Headers: []*sarama.RecordHeader{{Key: []byte("h"), Value: b[4:6]}},
		}})
	}
	r.sort()
	r.work()
	if want := []string{"k1", "v1", "h1", "k2", "v2", "h2"}; !slices.Equal(got, want) {
		t.Errorf("the callback got %q, want %q", got, want)
	}
}

// sayingSo is a codec of one's own that needs no copies.
type sayingSo struct{ Codec }

func (sayingSo) Apart() {}

func TestCodecsThatCopyAreLeftAlone(t *testing.T) {
	for _, c := range []Codec{new(codec.String), new(codec.Int64), new(codec.JSON[int]), sayingSo{new(codec.Bytes)}} {
		if apart(c) != c {
			t.Errorf("bytes of %T are copied once more", c)
		}
	}
}
