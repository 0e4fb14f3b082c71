package api

import (
	"sync"

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
	directory Directory
	routes    []*route
	features  []feature

	readingLarge sync.Mutex // held while a large request is read
}

// NewDoor returns the door of a cluster whose brokers pose as a release of Apache Kafka, the newest for an empty name.
func NewDoor(engine *seam.Engine, directory Directory, release string) (*Door, error) {
	d := &Door{engine: engine, directory: directory}
	var err error
	d.routes, d.features, err = posing(release)
	return d, err
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
