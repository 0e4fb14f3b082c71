package server_test

import (
	"net"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/memkafka/internal/server"
)

// TestCloseAtAnyMoment closes a server while its clients come, ask, wait, and go.
func TestCloseAtAnyMoment(t *testing.T) {
	joining := kmsg.NewPtrJoinGroupRequest()
	joining.Group, joining.ProtocolType, joining.SessionTimeoutMillis, joining.RebalanceTimeoutMillis = "group", "consumer", 30_000, 60_000
	joining.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range"}}
	fetching := kmsg.NewPtrFetchRequest()
	fetching.MaxWaitMillis, fetching.MinBytes, fetching.MaxBytes = 60_000, 1, 1<<20
	says := [][]byte{
		nil, apiVersions(), apiVersions()[:7],
		{0, 0, 1},
		{0xff, 0xff, 0xff, 0xff},
		request(joining, 3, 1), request(fetching, 12, 1), append(request(fetching, 12, 1), apiVersions()...),
	}
	for round := range 20 {
		s := newServer(t, nil)
		l := listen(t, s, "127.0.0.1:0", server.ListenOptions{})
		var clients sync.WaitGroup
		for i, frame := range says {
			clients.Go(func() {
				var c net.Conn
				var err error
				if (round+i)%2 == 0 {
					c, err = net.DialTimeout("tcp", l.Addrs()[0], patience)
				} else {
					c, err = s.Dial(t.Context(), s.Memory()[0])
				}
				if err != nil {
					return // it came too late
				}
				defer func() { _ = c.Close() }() // it may be closed already
				_, _ = c.Write(frame)            // the server may be gone
				if (round+i)%3 == 0 {
					return
				}
				for err == nil {
					_, err = readFrame(c)
				}
			})
		}
		if round%2 == 0 {
			answered(t, dialMemory(t, s))
			soon(t, "close", s.Close)
		} else {
			clients.Go(func() { soon(t, "close", s.Close) })
			soon(t, "close", s.Close)
		}
		soon(t, "clients", clients.Wait)
	}
}
