package api

import "github.com/gokasim/gokasim/memkafka/internal/seam"

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
	directory Directory
}

// NewDoor returns the door of a cluster.
func NewDoor(engine *seam.Engine, directory Directory) *Door {
	return &Door{engine: engine, directory: directory}
}

// Broker answers as one of the cluster's brokers does, which are numbered from 1.
type Broker struct {
	*Door
	id       int32
	sessions fetchSessions
}

// Broker returns the broker with this id.
func (d *Door) Broker(id int32) *Broker { return &Broker{Door: d, id: id} }

// ID is the number of the broker.
func (b *Broker) ID() int32 { return b.id }
