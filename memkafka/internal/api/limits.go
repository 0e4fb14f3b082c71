package api

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// A request may say that it holds as many elements as it has bytes, and an element takes up to some hundred bytes of memory
// before it is looked at. Kafka has no bound but socket.request.max.bytes; here a few hostile clients shall not take all
// memory, so that a request is weighed before it is read.
const (
	maxRequestWeight   = 256 << 20 // bytes of memory of a request, beside its frame
	largeRequestWeight = 4 << 20   // those of one that is read while no other large one is
)

// read makes a request of its body.
func (d *Door) read(key, version int16, body []byte) (kmsg.Request, error) {
	weight, err := wire.Weigh(key, version, body)
	if err != nil {
		return nil, err
	}
	if weight > maxRequestWeight {
		return nil, fmt.Errorf("%w: %s of %d bytes would take %d bytes of memory, and %d are allowed", ErrRefused, kmsg.NameForKey(key), len(body), weight, maxRequestWeight)
	}
	if weight > largeRequestWeight {
		d.readingLarge.Lock()
		defer d.readingLarge.Unlock()
	}
	request := kmsg.RequestForKey(key)
	request.SetVersion(version)
	if err := request.ReadFrom(body); err != nil {
		return nil, fmt.Errorf("%w: %s version %d: %w", wire.ErrMalformed, kmsg.NameForKey(key), version, err)
	}
	return request, nil
}
