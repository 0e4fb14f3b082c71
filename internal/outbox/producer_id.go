package outbox

import (
	"github.com/IBM/sarama"
)

// firstProducerID asks for a producer id as often as sarama's producer does, by Producer.Transaction.Retry.
func (o *Outbox) firstProducerID() (stamp, error) {
	r := &o.config.Producer.Transaction.Retry
	for left := r.Max; ; left-- {
		first, err := o.producerID()
		if err == nil || left <= 0 || !outcomes[kind(err)].retriable {
			return first, err
		}
		pause := r.Backoff
		if r.BackoffFunc != nil {
			pause = r.BackoffFunc(r.Max-left, r.Max)
		}
		o.pause(pause)
	}
}

// producerID asks any broker for a new producer id.
func (o *Outbox) producerID() (stamp, error) {
	broker := o.client.LeastLoadedBroker()
	if broker == nil {
		return unstamped, sarama.ErrOutOfBrokers
	}
	request := &sarama.InitProducerIDRequest{ProducerID: -1, ProducerEpoch: -1}
	switch v := o.config.Version; {
	case v.IsAtLeast(sarama.V2_7_0_0):
		request.Version = 4
	case v.IsAtLeast(sarama.V2_5_0_0):
		request.Version = 3
	case v.IsAtLeast(sarama.V2_4_0_0):
		request.Version = 2
	case v.IsAtLeast(sarama.V2_0_0_0):
		request.Version = 1
	}
	response, err := broker.InitProducerID(request)
	switch {
	case err != nil:
		return unstamped, err
	case response.Err != sarama.ErrNoError:
		return unstamped, response.Err
	}
	return stamp{id: response.ProducerID, epoch: response.ProducerEpoch}, nil
}
