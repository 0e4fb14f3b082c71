package outbox

import (
	"time"

	"github.com/IBM/sarama"
)

// topicAge is how old what is known of a topic's partitions may be. The client looks at Kafka again every Metadata.RefreshFrequency, and
// after errors; this is how soon we see what it has seen.
const topicAge = time.Second

// topic is what is known of a topic. Outbox.mu guards it.
type topic struct {
	name          string
	partitioner   sarama.Partitioner
	all, writable []int32 // the ids of its partitions; all is empty until the topic is known
	read          time.Time
	looking       bool     // a goroutine looks it up
	waiting       []letter // records that came before it was known, in order
	partitions    map[int32]*partition
}

func (o *Outbox) topic(name string) *topic {
	t, ok := o.topics[name]
	if !ok {
		t = &topic{name: name, partitioner: o.config.Producer.Partitioner(name), partitions: make(map[int32]*partition)}
		o.topics[name] = t
	}
	return t
}

func (t *topic) old(now time.Time) bool { return len(t.all) > 0 && now.Sub(t.read) > topicAge }

// choices returns the partitions that the partitioner may choose from for msg.
func (t *topic) choices(msg *sarama.ProducerMessage) []int32 {
	if requiresConsistency(t.partitioner, msg) {
		return t.all
	}
	return t.writable
}

func requiresConsistency(p sarama.Partitioner, msg *sarama.ProducerMessage) bool {
	if dynamic, ok := p.(sarama.DynamicConsistencyPartitioner); ok {
		return dynamic.MessageRequiresConsistency(msg)
	}
	return p.RequiresConsistency()
}

// post puts a record into the batch of its partition that is being filled, and has it sent.
func (o *Outbox) post(t *topic, l letter, choices []int32) error {
	if len(choices) == 0 {
		return sarama.ErrLeaderNotAvailable
	}
	choice, err := t.partitioner.Partition(l.msg, int32(len(choices)))
	if err != nil {
		return err
	}
	if choice < 0 || int(choice) >= len(choices) {
		return sarama.ErrInvalidPartition
	}
	l.msg.Partition = choices[choice]
	p, ok := t.partitions[l.msg.Partition]
	if !ok {
		p = o.newPartition(t, l.msg.Partition)
		t.partitions[p.id] = p
	}
	p.add(l, o.config.Producer.MaxMessageBytes)
	if !p.inHand {
		o.handOn(p)
	}
	return nil
}

// lookUp asks the client for a topic's partitions, off the caller's goroutine, unless that goes on already. Records that wait
// for the answer then take their ways, or fail with its error.
func (o *Outbox) lookUp(t *topic) {
	if t.looking {
		return
	}
	t.looking = true
	o.working.Go(func() {
		all, err := o.client.Partitions(t.name)
		var writable []int32
		if err == nil {
			writable, _ = o.client.WritablePartitions(t.name) // that there are none is told to those who need one
		}
		o.mu.Lock()
		t.looking, t.all, t.writable, t.read = false, all, writable, time.Now()
		var failed []result
		if err != nil {
			failed = t.returned(err)
		}
		for _, l := range t.waiting {
			if err := o.post(t, l, t.choices(l.msg)); err != nil {
				failed = append(failed, result{batch: alone(l), err: err})
			}
		}
		t.waiting = nil // it may have been long
		o.mu.Unlock()
		o.tell(failed)
	})
}

// returned takes back the records that wait for the topic to be known.
func (t *topic) returned(err error) []result {
	var failed []result
	for _, l := range t.waiting {
		failed = append(failed, result{batch: alone(l), err: err})
	}
	t.waiting = nil
	return failed
}
