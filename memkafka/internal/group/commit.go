package group

import "github.com/gokasim/gokasim/internal/kafka"

// Commit is OffsetCommit: it stores how far a group has come. Its reply, at once, is a [CommitResponse].
type Commit struct {
	Tag        any
	MemberID   string
	InstanceID string
	Generation int32 // or the member epoch (KIP-848); -1 when not from a member
	Offsets    []OffsetCommit
}

// OffsetCommit is a partition's next offset to read, with a remark of the client's.
type OffsetCommit struct {
	TP          kafka.TopicPartition
	Offset      kafka.Offset
	LeaderEpoch kafka.Epoch // of the last record read; -1 unknown
	Metadata    string
	// RetainFor replaces the group's retention for this offset, in ms (OffsetCommit versions 2 to 4); 0 or less
	// keeps it.
	RetainFor kafka.Millis
}

// CommitResponse answers a [Commit]: Err concerns the whole request, and every partition then carries it too, as
// Kafka's protocol does.
type CommitResponse struct {
	Err        kafka.ErrorCode
	Partitions []CommitResult
}

// CommitResult says how it went with one partition, in the order asked.
type CommitResult struct {
	TP  kafka.TopicPartition
	Err kafka.ErrorCode
}

func (Commit) command() {}

func (g *Group) commit(cmd Commit) {
	if err := g.classic.checkCommit(cmd.MemberID, cmd.InstanceID, cmd.Generation); err != kafka.None {
		g.reply(cmd.Tag, commitRefused(cmd.Offsets, err))
		return
	}
	if g.classic.state == Dead {
		g.classic.create()
	}
	if m, known := g.classic.members.byID[cmd.MemberID]; known {
		g.classic.keepAlive(m)
	}
	response := CommitResponse{Partitions: make([]CommitResult, len(cmd.Offsets))}
	var accepted []OffsetCommit
	for i, o := range cmd.Offsets {
		response.Partitions[i] = CommitResult{TP: o.TP, Err: g.checkMetadata(o)}
		if response.Partitions[i].Err == kafka.None {
			accepted = append(accepted, o)
		}
	}
	g.storeOffsets(accepted)
	g.reply(cmd.Tag, response)
}

func commitRefused(asked []OffsetCommit, err kafka.ErrorCode) CommitResponse {
	r := CommitResponse{Err: err, Partitions: make([]CommitResult, len(asked))}
	for i, o := range asked {
		r.Partitions[i] = CommitResult{TP: o.TP, Err: err}
	}
	return r
}

func (c *core) checkMetadata(o OffsetCommit) kafka.ErrorCode {
	if c.cfg.OffsetMetadataMaxBytes > 0 && len(o.Metadata) > c.cfg.OffsetMetadataMaxBytes {
		return kafka.OffsetMetadataTooLarge
	}
	return kafka.None
}

// checkCommit says who may commit: members of this generation, and anybody while the group has no members.
func (c *classic) checkCommit(memberID, instanceID string, generation int32) kafka.ErrorCode {
	switch {
	case c.state == Dead && generation >= 0:
		return kafka.IllegalGeneration
	case generation < 0 && (c.state == Empty || c.state == Dead):
		return kafka.None
	case generation < 0 && memberID == "" && instanceID == "":
		return kafka.UnknownMemberID
	}
	if err := c.members.validate(memberID, instanceID); err != kafka.None {
		return err
	}
	switch {
	case generation != c.generation:
		return kafka.IllegalGeneration
	case c.state == Completing:
		return kafka.RebalanceInProgress
	default:
		return kafka.None
	}
}
