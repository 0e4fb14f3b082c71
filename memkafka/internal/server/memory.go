package server

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"github.com/gokasim/gokasim/memkafka/internal/api"
)

// inMemory is the listener of the clients that Dial serves. Its addresses lead nowhere else.
const inMemory = "MEMORY"

// memoryPort is the port of all brokers in memory; they differ in their hosts.
const memoryPort = 9092

// memoryClient is where all clients in memory come from: this machine.
const memoryClient addr = "127.0.0.1:0"

func memoryHost(id int32) string { return "broker-" + strconv.Itoa(int(id)) + ".memkafka" }

// memoryListener is there from the beginning: it costs nothing.
func (s *Server) memoryListener() *Listener {
	l := &Listener{s: s, name: inMemory}
	for _, b := range s.brokers {
		l.nodes = append(l.nodes, api.Node{ID: b.ID(), Host: memoryHost(b.ID()), Port: memoryPort})
	}
	return l
}

// Memory returns the addresses that Dial knows, by the number of the broker.
func (s *Server) Memory() []string { return s.memory.Addrs() }

// Dial connects to a broker in memory, by one of Memory's addresses.
func (s *Server) Dial(ctx context.Context, to string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	addrs := s.Memory()
	for i, a := range addrs {
		if a == to {
			if err := s.placeFor(ctx, i); err != nil {
				return nil, fmt.Errorf("dial %q: no room within max.connections: %w", to, err)
			}
			client, broker := pipe(memoryClient, addr(to))
			if !s.serve(broker, i, s.memory) {
				return nil, fmt.Errorf("dial %q: %w", to, ErrClosed)
			}
			return client, nil
		}
	}
	return nil, fmt.Errorf("dial %q: no broker of this cluster has that address in memory; they have %v", to, addrs)
}

// placeFor waits for a place at a broker until ctx or the server ends.
func (s *Server) placeFor(ctx context.Context, broker int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.ctx, func() { cancel(ErrClosed) })()
	return s.rooms[broker].await(ctx)
}
