package api

import (
	"log/slog"

	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/seam"
)

// Node is a broker as clients are told to reach it.
type Node struct {
	ID   int32
	Host string
	Port int32
	Rack string // empty: none
}

// Directory knows where brokers listen.
type Directory interface {
	// Nodes lists the brokers that are up, by id, with their addresses on the named listener.
	Nodes(listener string) []Node
}

// Door is what the brokers of one cluster share at the wire door.
type Door struct {
	engine    *seam.Engine
	settings  cluster.Settings
	directory Directory
	log       *slog.Logger
}

// NewDoor returns the door of a cluster. Log gets a line when a client is turned away.
func NewDoor(engine *seam.Engine, directory Directory, log *slog.Logger) (*Door, error) {
	d := &Door{engine: engine, directory: directory, log: log}
	err := engine.Do(func(core *cluster.Cluster, _ millis) { d.settings = core.Settings() })
	return d, err
}

// Broker answers as one of the cluster's brokers does, which are numbered from 1.
type Broker struct {
	*Door
	id int32
}

// Broker returns the broker with this id.
func (d *Door) Broker(id int32) *Broker { return &Broker{Door: d, id: id} }

// ID is the number of the broker.
func (b *Broker) ID() int32 { return b.id }
