package soak

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/storage"
	"github.com/gokasim/gokasim/storage/disk"
)

// change is a record of a changelog.
type change struct {
	offset int64
	key    string
	value  []byte
}

// changelog reads all of a partition.
func (s *soak) changelog(topic string, partition int32) ([]change, error) {
	end, err := s.client.GetOffset(topic, partition, sarama.OffsetNewest)
	if err != nil || end == 0 {
		return nil, err
	}
	consumer, err := sarama.NewConsumerFromClient(s.client)
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	claim, err := consumer.ConsumePartition(topic, partition, sarama.OffsetOldest)
	if err != nil {
		return nil, err
	}
	defer claim.AsyncClose()
	patience := time.After(time.Minute)
	var changes []change
	for {
		select {
		case m := <-claim.Messages():
			changes = append(changes, change{m.Offset, string(m.Key), m.Value})
			if m.Offset+1 >= end {
				return changes, nil
			}
		case <-patience:
			return nil, fmt.Errorf("%s/%d has %d records, and %d of them were read within a minute", topic, partition, end, len(changes))
		}
	}
}

// fold is the table that changes up to and with offset make.
func fold(changes []change, offset int64) map[string]string {
	rows := make(map[string]string)
	for _, c := range changes {
		if c.offset > offset {
			break
		}
		if c.value == nil {
			delete(rows, c.key)
		} else {
			rows[c.key] = string(c.value)
		}
	}
	return rows
}

// onDisk reads the rows that a worker, which has ended, has of a partition, and the offset stored with them. There are none
// if it never had the partition.
func (w *worker) onDisk(topic string, partition int32) (_ map[string]string, offset int64, err error) {
	st, err := disk.Builder(w.tables)(topic, partition)
	if err != nil {
		return nil, 0, err
	}
	if err := st.Open(); err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	if offset, err = st.GetOffset(-1); err != nil {
		return nil, 0, err
	}
	it, err := st.Iterator()
	if err != nil {
		return nil, 0, err
	}
	defer it.Release()
	rows := make(map[string]string)
	for it.Next() {
		value, err := it.Value()
		if err != nil {
			return nil, 0, err
		}
		rows[string(it.Key())] = string(value)
	}
	return rows, offset, it.Err()
}

// view is a view that runs.
type view struct {
	*goka.View
	end func() error
}

func (s *soak) view(group string) (*view, error) {
	v, err := goka.NewView(s.brokers, s.names.table(group), new(codec.Bytes), goka.WithViewConfig(config()), goka.WithViewAutoReconnect(),
		goka.WithViewStorageBuilder(storage.MemoryBuilder()))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- v.Run(ctx) }()
	return &view{v, func() error { cancel(); return <-done }}, nil
}

func (v *view) rows() (map[string]string, error) {
	it, err := v.Iterator()
	if err != nil {
		return nil, err
	}
	defer it.Release()
	rows := make(map[string]string)
	for it.Next() {
		value, err := it.Value()
		if err != nil {
			return nil, err
		}
		rows[it.Key()] = string(value.([]byte))
	}
	return rows, it.Err()
}
