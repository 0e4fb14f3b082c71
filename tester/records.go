package tester

import (
	"fmt"
	"slices"
	"time"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/memkafka"
)

// Record is one record of a topic. As an expectation, only Key, Value and what else is not zero is compared.
type Record struct {
	Key     string       // "" for a null key
	Value   any          // decoded by the topic's codec, or []byte where no codec is registered; nil for a tombstone
	Headers goka.Headers // nil when there are none

	// What the cluster gave it. ExpectOutput looks at them only where they are set: Partition in records made by At.
	Topic     string
	Partition int32     // where it is, or has to be
	Offset    int64     // where it is, or has to be
	Time      time.Time // zero when the record has no time

	place bool // Partition and Offset are expected
}

// Msg is a record with a key and a value, as an expectation or as input.
func Msg(key string, value any) Record { return Record{Key: key, Value: value} }

// With returns the record with a header more.
func (r Record) With(name, value string) Record {
	r.Headers = r.Headers.Merged(goka.Headers{name: []byte(value)})
	return r
}

// At returns the record at a place: ExpectOutput then looks at it too.
func (r Record) At(partition int32, offset int64) Record {
	r.Partition, r.Offset, r.place = partition, offset, true
	return r
}

// OnTime returns the record with a timestamp.
func (r Record) OnTime(at time.Time) Record {
	r.Time = at
	return r
}

// Records returns all records of a topic that are there, partition by partition. Values are decoded where a codec is
// registered for the topic.
func (tt *Tester) Records(topic string) []Record {
	raw, err := tt.rawRecords(topic, nil)
	if err != nil {
		tt.mark.Helper()
		tt.fatalf("records of topic %s: %v", topic, err)
		return nil
	}
	records := make([]Record, len(raw))
	for i, r := range raw {
		if records[i], err = tt.decoded(topic, r); err != nil {
			tt.mark.Helper()
			tt.fatalf("record %d of topic %s/%d, key %q: %v", r.Offset, topic, r.partition, r.Key, err)
			return nil
		}
	}
	return records
}

// placed is a record and its partition.
type placed struct {
	memkafka.Record
	partition int32
}

// rawRecords returns the records of a topic from the given offsets on, partition by partition.
func (tt *Tester) rawRecords(topic string, from []memkafka.Offset) ([]placed, error) {
	if err := tt.ensureTopic(topic); err != nil {
		return nil, err
	}
	n, err := tt.ground.partitions(topic)
	if err != nil {
		return nil, err
	}
	var all []placed
	for p := range n {
		start, high, err := tt.ground.offsets(topic, p)
		if err != nil {
			return nil, err
		}
		if int(p) < len(from) {
			start = max(start, from[p])
		}
		for start < high {
			records, err := tt.ground.fetch(topic, p, start, 1000)
			if err != nil {
				return nil, err
			}
			if len(records) == 0 {
				break // holes only
			}
			for _, r := range records {
				all = append(all, placed{r, p})
			}
			start = records[len(records)-1].Offset + 1
		}
	}
	return all, nil
}

func (tt *Tester) decoded(topic string, r placed) (Record, error) {
	rec := Record{Key: string(r.Key), Topic: topic, Partition: r.partition, Offset: int64(r.Offset)}
	if len(r.Headers) > 0 {
		rec.Headers = headersTo(r.Headers)
	}
	if r.Timestamp > 0 {
		rec.Time = time.UnixMilli(int64(r.Timestamp))
	}
	switch codec := tt.codecs.find(topic); {
	case r.Value == nil:
	case codec == nil:
		rec.Value = slices.Clone(r.Value)
	default:
		v, err := decodeWith(codec, r.Value)
		if err != nil {
			return rec, err
		}
		rec.Value = v
	}
	return rec, nil
}

// Produce writes records to a topic, and returns without waiting for what they cause: input for Catchup, or what a topic
// holds before anybody reads it. Keys choose the partition, unless the record was given one by At, whose offset is not
// looked at here. Values are encoded with the topic's codec; []byte goes as it is where there is none.
func (tt *Tester) Produce(topic string, records ...Record) {
	for _, rec := range records {
		value, err := tt.encoded(topic, rec.Value)
		if err == nil {
			r := memkafka.Record{Key: []byte(rec.Key), Value: value, Headers: headersOf(rec.Headers), Timestamp: timestampOf(rec.Time)}
			if rec.place {
				_, _, err = tt.append(topic, rec.Partition, r)
			} else {
				_, _, err = tt.appendKeyed(topic, rec.Key, tt.settings.hasher, r)
			}
		}
		if err != nil {
			tt.mark.Helper()
			tt.fatalf("produce key %q to topic %s: %v", rec.Key, topic, err)
			return
		}
	}
}

// ProduceRaw is Produce for one record whose value is in no codec's form: what a processor may find in a topic that others
// write to. A nil value is a tombstone.
func (tt *Tester) ProduceRaw(topic, key string, value []byte) {
	r := memkafka.Record{Key: []byte(key), Value: value, Timestamp: memkafka.NoTimestamp}
	if _, _, err := tt.appendKeyed(topic, key, tt.settings.hasher, r); err != nil {
		tt.mark.Helper()
		tt.fatalf("produce key %q to topic %s: %v", key, topic, err)
	}
}

// encoded encodes a value with the topic's codec, or takes bytes and strings as they are where there is none.
func (tt *Tester) encoded(topic string, v any) ([]byte, error) {
	if tt.codecs.find(topic) != nil {
		return tt.codecs.encode(topic, v)
	}
	switch v := v.(type) {
	case nil:
		return nil, nil
	case []byte:
		return v, nil
	case string:
		return []byte(v), nil
	}
	return nil, fmt.Errorf("%w %s registered, and %T is neither []byte nor string; "+
		"make the processor first, or a handle with a codec (tester.In, tester.TableOf)", errNoCodec, topic, v)
}

func timestampOf(at time.Time) memkafka.Millis {
	if at.IsZero() {
		return memkafka.NoTimestamp
	}
	return memkafka.Millis(at.UnixMilli())
}

// FillTable writes rows to a table's topic, in the order of their keys, as the group whose table it is would have done:
// what processors and views that start later recover. A nil value deletes a row.
func (tt *Tester) FillTable(table goka.Table, rows map[string]any) {
	tt.mark.Helper()
	if err := tt.ensure(string(table), tt.settings.partitions, true); err != nil {
		tt.fatalf("fill table %s: %v", table, err)
		return
	}
	keys := make([]string, 0, len(rows))
	for k := range rows {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		tt.Produce(string(table), Msg(k, rows[k]))
	}
}
