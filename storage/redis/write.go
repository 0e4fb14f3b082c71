package redis

import (
	"context"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/gokasim/gokasim/storage"
)

// rowsPerCommand bounds the arguments of one command; a batch of more rows is several commands of one transaction.
const rowsPerCommand = 1000

// write applies rows, and offset if there is one, in one transaction and one round trip.
func (s *store) write(rows []storage.Row, offset *int64) error {
	ctx, err := s.use()
	if err != nil {
		return err
	}
	rows = lastOfEachKey(rows)
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.keepOverwritten(ctx, rows); err != nil {
		return s.explain("write", err)
	}
	commands, err := s.client.TxPipelined(ctx, func(tx redis.Pipeliner) error {
		for chunk := range slices.Chunk(rows, rowsPerCommand) {
			s.queue(ctx, tx, chunk)
		}
		if offset != nil {
			tx.Set(ctx, s.offset, *offset, 0)
		}
		return nil
	})
	return s.explain("write", reason(commands, err))
}

// reason returns the error of the command for which the server discarded a transaction, where there is one.
func reason(commands []redis.Cmder, err error) error {
	if !redis.IsExecAbortError(err) {
		return err
	}
	for _, command := range commands {
		if cause := command.Err(); cause != nil && !redis.IsExecAbortError(cause) {
			return cause
		}
	}
	return err
}

// queue adds the commands that apply rows, of which no two have the same key.
func (s *store) queue(ctx context.Context, tx redis.Pipeliner, rows []storage.Row) {
	var fields []any
	var added []redis.Z
	var deletedFields []string
	var deleted []any
	for _, r := range rows {
		if r.Value == nil {
			deletedFields = append(deletedFields, r.Key)
			deleted = append(deleted, r.Key)
		} else {
			fields = append(fields, r.Key, r.Value)
			added = append(added, redis.Z{Member: r.Key})
		}
	}
	if len(fields) > 0 {
		tx.HSet(ctx, s.rows, fields...)
		tx.ZAdd(ctx, s.order, added...)
	}
	if len(deleted) > 0 {
		tx.HDel(ctx, s.rows, deletedFields...)
		tx.ZRem(ctx, s.order, deleted...)
	}
}

// lastOfEachKey drops changes that a later one of the same key makes void.
func lastOfEachKey(rows []storage.Row) []storage.Row {
	if len(rows) < 2 {
		return rows
	}
	last := make(map[string]int, len(rows))
	for i, r := range rows {
		last[r.Key] = i
	}
	if len(last) == len(rows) {
		return rows
	}
	kept := make([]storage.Row, 0, len(last))
	for i, r := range rows {
		if last[r.Key] == i {
			kept = append(kept, r)
		}
	}
	return kept
}

// keepOverwritten gives the open iterators the present values of rows that are about to change.
func (s *store) keepOverwritten(ctx context.Context, rows []storage.Row) error {
	if len(s.snapshots) == 0 {
		return nil
	}
	for chunk := range slices.Chunk(rows, rowsPerCommand) {
		var keys []string
		for _, r := range chunk {
			for it := range s.snapshots {
				if it.lacks(r.Key) {
					keys = append(keys, r.Key)
					break
				}
			}
		}
		if len(keys) == 0 {
			continue
		}
		values, err := s.client.HMGet(ctx, s.rows, keys...).Result()
		if err != nil {
			return err
		}
		for i, key := range keys {
			var value []byte
			if text, ok := values[i].(string); ok {
				value = []byte(text)
			}
			for it := range s.snapshots {
				it.keep(key, value)
			}
		}
	}
	return nil
}
