package goka

import (
	"bytes"
	"maps"
	"slices"

	"github.com/IBM/sarama"
)

// Headers are the headers of a message by name. Where a Kafka record has a name more than once, the last one counts.
type Headers map[string][]byte

// HeadersFromSarama converts what sarama delivers. The result is never nil.
func HeadersFromSarama(saramaHeaders []*sarama.RecordHeader) Headers {
	headers := make(Headers, len(saramaHeaders))
	for _, h := range saramaHeaders {
		if h != nil {
			headers[string(h.Key)] = slices.Clip(h.Value)
		}
	}
	return headers
}

// Merged returns new headers with those of h and of headersList; of equal names the last one counts. Without any
// header it returns nil.
func (h Headers) Merged(headersList ...Headers) Headers {
	n := len(h)
	for _, more := range headersList {
		n += len(more)
	}
	if n == 0 {
		return nil
	}
	merged := make(Headers, n)
	maps.Copy(merged, h)
	for _, more := range headersList {
		maps.Copy(merged, more)
	}
	return merged
}

// copied returns a copy, of the values too; nil stays nil.
func (h Headers) copied() Headers {
	c := maps.Clone(h)
	for name, value := range c {
		c[name] = bytes.Clone(value)
	}
	return c
}

// ToSarama converts h to what sarama's producers take, sorted by name, with copies of the values; nil stays nil.
func (h Headers) ToSarama() []sarama.RecordHeader {
	if h == nil {
		return nil
	}
	records := make([]sarama.RecordHeader, 0, len(h))
	for _, name := range slices.Sorted(maps.Keys(h)) {
		records = append(records, sarama.RecordHeader{Key: []byte(name), Value: bytes.Clone(h[name])})
	}
	return records
}

// ToSaramaPtr converts h to what sarama's consumers deliver, sorted by name; nil stays nil.
func (h Headers) ToSaramaPtr() []*sarama.RecordHeader {
	if h == nil {
		return nil
	}
	records := h.ToSarama()
	pointers := make([]*sarama.RecordHeader, len(records))
	for i := range records {
		pointers[i] = &records[i]
	}
	return pointers
}
