package outbox

import "github.com/IBM/sarama"

// What an operator reads of trouble goes where sarama's producers write theirs: the first retry of a batch with its cause, what became
// of the batch, partitions that begin anew (see ledger), and leaders that move. Nobody logs with Outbox.mu held.

// logRetry tells of the batch of p that is to be sent again, once, and of each epoch that it begins.
func logRetry(p *partition, b *batch) {
	if b.retries > 1 && !b.renewed {
		return
	}
	sarama.Logger.Printf("producer/%s/%d sends %d records again because of: %v%s\n", p.topic.name, p.id, len(b.messages), b.cause, b.renewal())
	b.renewed = false
}

// logResult tells of a batch that was sent again, or after which its partition begins anew.
func logResult(r result) {
	if r.taken || r.retries == 0 && !r.renewed { // of what is taken another has the rest in hand
		return
	}
	topic, partition, n := r.messages[0].Topic, r.messages[0].Partition, len(r.messages)
	if r.err != nil {
		sarama.Logger.Printf("producer/%s/%d gave up %d records after %d retries because of: %v%s\n", topic, partition, n, r.retries, r.err, r.renewal())
		return
	}
	sarama.Logger.Printf("producer/%s/%d wrote %d records after %d retries\n", topic, partition, n, r.retries)
}

func (b *batch) renewal() string {
	if !b.renewed {
		return ""
	}
	return "; the partition begins a new epoch"
}

func logLeader(p *partition, leader *sarama.Broker) {
	sarama.Logger.Printf("producer/%s/%d selected broker %d\n", p.topic.name, p.id, leader.ID())
}
