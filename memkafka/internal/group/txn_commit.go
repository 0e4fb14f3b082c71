package group

import "github.com/gokasim/gokasim/internal/kafka"

// TxnCommit is TxnOffsetCommit: it sends offsets to a producer's transaction (KIP-98, KIP-447). They are invisible until
// an [EndTxn] of that producer commits them. Its reply, at once, is a [CommitResponse].
type TxnCommit struct {
	Tag         any
	Transaction Transaction
	MemberID    string // empty before version 3 of the request
	InstanceID  string
	Generation  int32 // or the member epoch (KIP-848); -1 before version 3 of the request
	Offsets     []OffsetCommit
}

func (TxnCommit) command() {}

func (g *Group) txnCommit(cmd TxnCommit) {
	if err := g.half().checkTxnCommit(cmd.MemberID, cmd.InstanceID, cmd.Generation, cmd.Offsets); err != kafka.None {
		g.reply(cmd.Tag, commitRefused(cmd.Offsets, err))
		return
	}
	if g.State() == Dead {
		g.classic.create()
	}
	txn := cmd.Transaction
	g.reply(cmd.Tag, g.storeOffsets(cmd.Offsets, &txn))
}

// EndTxn says that the marker which ends a producer's transaction was appended to the group's partition of
// __consumer_offsets. It has no reply.
type EndTxn struct {
	ProducerID int64
	Commit     bool // or else abort
}

func (EndTxn) command() {}

func (g *Group) endTxn(cmd EndTxn) {
	if _, open := g.offsets.pending[cmd.ProducerID]; open {
		g.offsets.end(cmd.ProducerID, cmd.Commit)
		g.expiryChanged = true
	}
}
