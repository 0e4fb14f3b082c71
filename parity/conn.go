package parity

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
)

// patience bounds every wait for an answer.
const patience = time.Minute

// errClosed reports a connection that the broker closed instead of answering.
var errClosed = errors.New("the broker closed the connection")

// conn is a connection to a broker that says what it is told to say.
type conn struct {
	net     net.Conn
	next    int32 // correlation id
	pending []pending
}

// pending is a request that waits for its answer.
type pending struct {
	request kmsg.Request
	id      int32
	after   func(kmsg.Response) error
	quiet   bool
}

// send writes a request and returns its correlation id.
func (c *conn) send(r kmsg.Request) (int32, error) {
	c.next++
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("client")).AppendRequest(nil, r, c.next)
	return c.next, c.write(frame)
}

func (c *conn) write(frame []byte) error {
	if err := c.net.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := c.net.Write(frame); err != nil {
		return fmt.Errorf("%w: %w", errClosed, err)
	}
	return nil
}

// frame reads what comes in one piece, without its length.
func (c *conn) frame() ([]byte, error) {
	var length [4]byte
	_, err := io.ReadFull(c.net, length[:])
	var frame []byte
	if err == nil {
		frame = make([]byte, binary.BigEndian.Uint32(length[:]))
		_, err = io.ReadFull(c.net, frame)
	}
	timeout := net.Error(nil)
	if errors.As(err, &timeout) && timeout.Timeout() {
		return nil, fmt.Errorf("no answer for %v: %w", patience, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errClosed, err)
	}
	return frame, nil
}

// receive reads the answer to a request.
func (c *conn) receive(r kmsg.Request, id int32) (kmsg.Response, error) {
	frame, err := c.frame()
	if err != nil {
		return nil, err
	}
	about := fmt.Sprintf("the answer to %s version %d", kmsg.NameForKey(r.Key()), r.GetVersion())
	if len(frame) < 4 {
		return nil, fmt.Errorf("%s has %d bytes; expected at least 4", about, len(frame))
	}
	if got := int32(binary.BigEndian.Uint32(frame)); got != id {
		return nil, fmt.Errorf("%s has correlation id %d; expected %d", about, got, id)
	}
	body := frame[4:]
	response := r.ResponseKind()
	response.SetVersion(r.GetVersion())
	if response.Key() == apiVersionsKey && len(body) >= 2 && kafka.ErrorCode(binary.BigEndian.Uint16(body)) == kafka.UnsupportedVersion {
		response.SetVersion(0) // as whoever asked in an unknown version understands it (KIP-511)
	}
	if response.IsFlexible() && response.Key() != apiVersionsKey {
		if len(body) == 0 || body[0] != 0 {
			return nil, fmt.Errorf("%s has tags in its header; expected none", about)
		}
		body = body[1:]
	}
	if err := response.ReadFrom(body); err != nil {
		return nil, fmt.Errorf("%s: %w", about, err)
	}
	return response, nil
}

// ask sends a request and waits for its answer.
func (c *conn) ask(r kmsg.Request) (kmsg.Response, error) {
	id, err := c.send(r)
	if err != nil {
		return nil, err
	}
	return c.receive(r, id)
}
