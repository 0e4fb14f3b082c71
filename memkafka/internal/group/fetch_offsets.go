package group

import "github.com/gokasim/gokasim/internal/kafka"

// FetchOffsets is OffsetFetch: it asks how far a group has come. Its reply, at once, is a [FetchOffsetsResponse].
type FetchOffsets struct {
	Tag        any
	Partitions []kafka.TopicPartition // nil: all that have an offset
	// RequireStable answers UNSTABLE_OFFSET_COMMIT for partitions whose offset an open transaction may move (KIP-447).
	RequireStable bool
	// MemberID and MemberEpoch name the member of a KIP-848 group that asks (OffsetFetch version 9); it is answered
	// UNKNOWN_MEMBER_ID or STALE_MEMBER_EPOCH when it is behind. Empty: anybody.
	MemberID    string
	MemberEpoch int32
}

// FetchOffsetsResponse answers a [FetchOffsets], in the order asked, or sorted when all were asked for.
type FetchOffsetsResponse struct {
	Err     kafka.ErrorCode
	Offsets []FetchedOffset
}

// FetchedOffset is a partition's committed offset; Offset and LeaderEpoch are -1 when there is none.
type FetchedOffset struct {
	TP          kafka.TopicPartition
	Offset      kafka.Offset
	LeaderEpoch kafka.Epoch
	Metadata    string
	Err         kafka.ErrorCode
}

func (FetchOffsets) command() {}

func (g *Group) fetchOffsets(cmd FetchOffsets) {
	if err := g.half().checkFetch(cmd.MemberID, cmd.MemberEpoch); err != kafka.None {
		g.reply(cmd.Tag, FetchOffsetsResponse{Err: err})
		return
	}
	asked := cmd.Partitions
	if asked == nil {
		asked = g.offsets.partitions()
	}
	response := FetchOffsetsResponse{Offsets: make([]FetchedOffset, len(asked))}
	for i, tp := range asked {
		response.Offsets[i] = g.fetched(tp, cmd.RequireStable)
	}
	g.reply(cmd.Tag, response)
}

func (g *Group) fetched(tp kafka.TopicPartition, requireStable bool) FetchedOffset {
	f := FetchedOffset{TP: tp, Offset: kafka.NoOffset, LeaderEpoch: -1}
	if requireStable && g.offsets.unstable(tp) {
		f.Err = kafka.UnstableOffsetCommit
		return f
	}
	if o, committed := g.offsets.committed[tp]; committed {
		f.Offset, f.LeaderEpoch, f.Metadata = o.Offset, o.LeaderEpoch, o.Metadata
	}
	return f
}

func (c *classic) checkFetch(string, int32) kafka.ErrorCode { return kafka.None }
