package goka

import (
	"io"
	"log"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/storage"
	"github.com/gokasim/gokasim/storage/disk"
)

func init() {
	config := goka.DefaultConfig()
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Group.Heartbeat.Interval = heartbeat
	goka.ReplaceGlobalConfig(config)
}

// ours is this module's.
var ours = library{
	name: "ours",
	processor: func(s spec) (runner, error) {
		return goka.NewProcessor(s.brokers, ourGraph(s), goka.WithStorageBuilder(ourStorage(s.store, s.dir)), goka.WithClientID(s.client),
			goka.WithLogger(log.New(io.Discard, "", 0)))
	},
	view: func(brokers []string, table, store, dir string) (viewer, error) {
		return goka.NewView(brokers, goka.Table(table), new(codec.Bytes), goka.WithViewStorageBuilder(ourStorage(store, dir)),
			goka.WithViewLogger(log.New(io.Discard, "", 0)))
	},
	emitter: func(brokers []string, topic string) (func(string, []byte) error, func() error, error) {
		e, err := goka.NewEmitter(brokers, goka.Stream(topic), new(codec.Bytes))
		if err != nil {
			return nil, nil, err
		}
		return func(key string, value []byte) error { _, err := e.Emit(key, value); return err }, e.Finish, nil
	},
}

func ourStorage(store, dir string) storage.Builder {
	if store == "disk" {
		return disk.Builder(dir)
	}
	return storage.MemoryBuilder()
}

func ourGraph(s spec) *goka.GroupGraph {
	bytes, group := new(codec.Bytes), goka.Group(s.group)
	in, out, joined := goka.Stream(s.in), goka.Stream(s.out), goka.Table(s.joined)
	switch s.application {
	case rekey:
		return goka.DefineGroup(group, goka.Output(out, bytes), goka.Input(in, bytes, func(ctx goka.Context, msg interface{}) {
			ctx.Emit(out, other(ctx.Key()), msg)
			s.handled(ctx.Partition())
		}))
	case join:
		return goka.DefineGroup(group, goka.Output(out, bytes), goka.Join(joined, bytes), goka.Input(in, bytes, func(ctx goka.Context, msg interface{}) {
			ctx.Emit(out, ctx.Key(), ctx.Join(joined))
			s.handled(ctx.Partition())
		}))
	default:
		return goka.DefineGroup(group, goka.Persist(new(codec.Int64)), goka.Input(in, bytes, func(ctx goka.Context, _ interface{}) {
			n, _ := ctx.Value().(int64)
			ctx.SetValue(n + 1)
			s.handled(ctx.Partition())
		}))
	}
}
