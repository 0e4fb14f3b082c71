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
	// TopicID is recorded with the offset (OffsetCommit version 10); zero: what [Metadata] says it is, if anything.
	TopicID TopicID
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
	if err := g.half().checkCommit(cmd.MemberID, cmd.InstanceID, cmd.Generation, cmd.Offsets); err != kafka.None {
		g.reply(cmd.Tag, commitRefused(cmd.Offsets, err))
		return
	}
	if g.State() == Dead {
		g.classic.create()
	}
	g.half().committed(cmd.MemberID)
	g.reply(cmd.Tag, g.storeOffsets(cmd.Offsets, nil))
}

// storeOffsets appends the records of those offsets that may be stored, and applies them: at once, or for the time when
// their transaction is committed.
func (g *Group) storeOffsets(commits []OffsetCommit, txn *Transaction) CommitResponse {
	response := CommitResponse{Partitions: make([]CommitResult, len(commits))}
	var records []kafka.Record
	for i, o := range commits {
		response.Partitions[i].TP = o.TP
		if g.cfg.OffsetMetadataMaxBytes > 0 && len(o.Metadata) > g.cfg.OffsetMetadataMaxBytes {
			response.Partitions[i].Err = kafka.OffsetMetadataTooLarge
			continue
		}
		stored := committedOffset{OffsetCommit: o, at: g.now, expires: -1}
		stored.RetainFor = 0
		if stored.TopicID == (TopicID{}) {
			stored.TopicID = g.topics[o.TP.Topic].ID
		}
		if o.RetainFor > 0 {
			stored.expires = g.now + o.RetainFor
		}
		records = append(records, kafka.Record{Key: encodeOffsetKey(g.id, o.TP), Value: stored.encode()})
		g.offsets.apply(stored, txn)
		if at, may := g.expiryOf(stored); may && !g.checkedBy(at) {
			g.expiryChanged = true
		}
	}
	if txn == nil {
		g.append(records...)
	} else {
		g.flush()
		g.appendIn(txn, records)
	}
	return response
}

func commitRefused(asked []OffsetCommit, err kafka.ErrorCode) CommitResponse {
	r := CommitResponse{Err: err, Partitions: make([]CommitResult, len(asked))}
	for i, o := range asked {
		r.Partitions[i] = CommitResult{TP: o.TP, Err: err}
	}
	return r
}

// checkCommit lets members of this generation commit, and anybody while the group has no members.
func (c *classic) checkCommit(memberID, instanceID string, generation int32, _ []OffsetCommit) kafka.ErrorCode {
	if generation < 0 && memberID == "" && instanceID == "" && c.state != Empty && c.state != Dead {
		return kafka.UnknownMemberID
	}
	if err := c.checkCommitter(memberID, instanceID, generation); err != kafka.None {
		return err
	}
	if c.state == Completing {
		return kafka.RebalanceInProgress
	}
	return kafka.None
}

// checkTxnCommit lets those through that name no member, as clients did before KIP-447.
func (c *classic) checkTxnCommit(memberID, instanceID string, generation int32, _ []OffsetCommit) kafka.ErrorCode {
	return c.checkCommitter(memberID, instanceID, generation)
}

// checkCommitter checks the member that a commit names, if it names one.
func (c *classic) checkCommitter(memberID, instanceID string, generation int32) kafka.ErrorCode {
	switch {
	case c.state == Dead && generation >= 0:
		return kafka.IllegalGeneration
	case generation < 0 && (c.state == Empty || c.state == Dead):
		return kafka.None
	case generation < 0 && memberID == "" && instanceID == "":
		return kafka.None
	}
	if err := c.members.validate(memberID, instanceID); err != kafka.None {
		return err
	}
	if generation != c.generation {
		return kafka.IllegalGeneration
	}
	return kafka.None
}

func (c *classic) committed(memberID string) {
	if m, known := c.members.byID[memberID]; known {
		c.keepAlive(m)
	}
}
