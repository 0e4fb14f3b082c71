package server

import (
	"net"
	"testing"

	"golang.org/x/net/nettest"
)

// TestPipe holds connections in memory to what package net promises.
func TestPipe(t *testing.T) {
	nettest.TestConn(t, func() (client, broker net.Conn, stop func(), err error) {
		client, broker = pipe("client:1", "broker:1")
		return client, broker, func() {
			_ = client.Close() // a pipe's ends never fail
			_ = broker.Close()
		}, nil
	})
}
