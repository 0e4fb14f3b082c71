// Package redis keeps tables in a Redis server, with go-redis as the client.
//
// Each partition has three keys of its own, which share a hash tag: {<hash>}:rows, a hash with the rows,
// {<hash>}:order, a sorted set with their keys in byte order, and {<hash>}:offset. A write and its offset are one
// MULTI/EXEC. Iterators read in pages; they are snapshots because the one writer of the table, who is in this process,
// keeps for them what it overwrites.
//
// The server must not evict keys (maxmemory-policy noeviction): what it drops is missing from the table until the rows
// are read from Kafka's changelog again. When its memory is full, writes fail with storage.ErrFull and the
// rows stay as they are. A server that loses its last writes in a crash (appendfsync) loses rows and offset alike: they are read again
// from the changelog.
//
// Nobody locks a table: instances of a group may share a namespace, since Kafka gives a partition to one of them at a time. But every
// instance follows the whole of a look-up's table, with goka.WithHotStandby of all tables, and each process with a view the view's: there
// a table would have several writers at once, and each instance needs a namespace of its own.
package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/gokasim/gokasim/storage"
)

// RedisBuilder returns a builder that keeps the table of each partition under <namespace>:<topic>:<partition>, by New.
// An empty namespace or a nil client is an error of the builder. Groups, and views, that share a server need a namespace each.
func RedisBuilder(client *redis.Client, namespace string) storage.Builder {
	return func(topic string, partition int32) (storage.Storage, error) {
		if namespace == "" {
			return nil, fmt.Errorf("storage/redis: table of %s/%d: the namespace is empty; name one, so that no other table has the same keys",
				topic, partition)
		}
		return New(client, namespace+":"+topic+":"+strconv.Itoa(int(partition)))
	}
}

// New returns a storage that keeps its table in the server of client, in keys that begin with {<hash>}. The storage
// implements storage.BatchWriter and storage.ContextOpener. Open asks the server whether it is there. Close
// leaves the client open; its owner closes it after all storages. How long a call may wait for the server is for the
// client's options to say (DialTimeout, ReadTimeout, MaxRetries).
func New(client *redis.Client, hash string) (storage.Storage, error) {
	var errs []error
	if client == nil {
		errs = append(errs, errors.New("the client is nil"))
	}
	if hash == "" {
		errs = append(errs, errors.New("the hash is empty; name one, so that no other table has the same keys"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("storage/redis: table %q: %w", hash, err)
	}
	tag := "{" + hash + "}"
	return &store{client: client, hash: hash, rows: tag + ":rows", order: tag + ":order", offset: tag + ":offset"}, nil
}

// store is a table in a Redis server.
type store struct {
	client              *redis.Client
	hash                string
	rows, order, offset string // keys of the server

	state sync.RWMutex    // guards life and end
	life  context.Context // of the calls to the server; nil while the storage is closed
	end   context.CancelFunc

	writing   sync.Mutex             // held while rows are changed; guards snapshots
	snapshots map[*iterator]struct{} // iterators for which overwritten rows are kept
}

var (
	_ storage.BatchWriter   = (*store)(nil)
	_ storage.ContextOpener = (*store)(nil)
)

func (s *store) Open() error { return s.OpenContext(context.Background()) }

func (s *store) OpenContext(ctx context.Context) error {
	s.state.RLock()
	open := s.life != nil
	s.state.RUnlock()
	if open {
		return nil
	}
	if err := s.ping(ctx); err != nil {
		return fmt.Errorf("storage/redis: open table %q at %s: %w; is the server running and does it let this client in?",
			s.hash, s.client.Options().Addr, err)
	}
	s.state.Lock()
	defer s.state.Unlock()
	s.life, s.end = context.WithCancel(context.Background())
	return nil
}

// ping returns when the server has answered or ctx ends, whichever is first. The client itself looks at ctx
// between its tries only, so a try may outlive it, by the client's time-outs at most.
func (s *store) ping(ctx context.Context) error {
	answered := make(chan error, 1)
	go func() { answered <- s.client.Ping(ctx).Err() }()
	select {
	case err := <-answered:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *store) Close() error {
	s.state.Lock()
	if s.life != nil {
		s.end()
	}
	s.life, s.end = nil, nil
	s.state.Unlock()
	return nil
}

// use returns the context for a call to the server.
func (s *store) use() (context.Context, error) {
	s.state.RLock()
	defer s.state.RUnlock()
	if s.life == nil {
		return nil, s.closedError()
	}
	return s.life, nil
}

func (s *store) closedError() error {
	return fmt.Errorf("storage/redis: table %q: %w", s.hash, storage.ErrClosed)
}

// explain wraps what the client reports with what it means and the way out.
func (s *store) explain(doing string, err error) error {
	at := fmt.Sprintf("storage/redis: %s table %q at %s", doing, s.hash, s.client.Options().Addr)
	switch _, closed := s.use(); {
	case err == nil:
		return nil
	case closed != nil:
		return closed
	case redis.IsOOMError(err):
		return fmt.Errorf("%s: %w (%w); give the server more memory (maxmemory)", at, storage.ErrFull, err)
	case strings.HasPrefix(err.Error(), "WRONGTYPE "):
		return fmt.Errorf("%s: %w (%w): other data is under its keys; delete them and its rows are read again from Kafka's changelog",
			at, storage.ErrCorrupt, err)
	}
	return fmt.Errorf("%s: %w", at, err)
}

func (s *store) Has(key string) (bool, error) {
	ctx, err := s.use()
	if err != nil {
		return false, err
	}
	has, err := s.client.HExists(ctx, s.rows, key).Result()
	return has, s.explain("read", err)
}

func (s *store) Get(key string) ([]byte, error) {
	ctx, err := s.use()
	if err != nil {
		return nil, err
	}
	value, err := s.client.HGet(ctx, s.rows, key).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, s.explain("read", err)
	}
	return []byte(value), nil
}

func (s *store) Set(key string, value []byte) error {
	if value == nil {
		return fmt.Errorf("storage/redis: table %q: key %q: %w", s.hash, key, storage.ErrNilValue)
	}
	return s.write([]storage.Row{{Key: key, Value: value}}, nil)
}

func (s *store) Delete(key string) error {
	return s.write([]storage.Row{{Key: key}}, nil)
}

func (s *store) WriteBatch(rows []storage.Row, offset int64) error {
	return s.write(rows, &offset)
}

func (s *store) SetOffset(offset int64) error {
	return s.write(nil, &offset)
}

func (s *store) GetOffset(def int64) (int64, error) {
	ctx, err := s.use()
	if err != nil {
		return 0, err
	}
	text, err := s.client.Get(ctx, s.offset).Result()
	if errors.Is(err, redis.Nil) {
		return def, nil
	}
	if err != nil {
		return 0, s.explain("read", err)
	}
	offset, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("storage/redis: table %q: %w: %s holds %q, which is no offset; delete the keys %s, %s and %s",
			s.hash, storage.ErrCorrupt, s.offset, text, s.rows, s.order, s.offset)
	}
	return offset, nil
}

func (s *store) MarkRecovered() error {
	_, err := s.use()
	return err
}
