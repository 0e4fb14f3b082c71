package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/fault"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/seam"
	"github.com/gokasim/gokasim/memkafka/internal/txn"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

type millis = kafka.Millis

// ErrRefused reports a request that Kafka answers by closing the connection. The text says why.
var ErrRefused = errors.New("request refused")

// Session is one connection to a broker, as far as answers depend on it. It is not safe for concurrent use: Kafka
// answers one request of a connection after the other.
type Session struct {
	broker    *Broker
	listener  string
	address   string // of the client
	host      string // the same as Kafka shows it: /127.0.0.1
	principal string // who the client is
	login     login
	client    *seam.Client
	writer    wire.Writer
	trouble   trouble

	throttling throttling
}

// Entrance is how a client came in.
type Entrance struct {
	Listener   string
	Address    string   // of the client
	Mechanisms []string // SASL mechanisms by which it has to log in; none if it need not
	User       string   // who it is, by its certificate; empty if it did not say
}

// Session begins a session of a client. It must be closed.
func (b *Broker) Session(e Entrance) *Session {
	s := &Session{broker: b, listener: e.Listener, address: e.Address, host: "/" + e.Address, principal: anonymous, login: login{mechanisms: e.Mechanisms}}
	if e.User != "" {
		s.principal = "User:" + e.User
	}
	return s
}

// Close ends the session: what waits in it ends.
func (s *Session) Close() {
	if s.client != nil {
		s.client.Close()
	}
}

// Answer answers one request. It blocks as long as the request waits, at most until ctx ends. What it returns goes back
// on the wire, part by part, before the next call; there is nothing for a request that wants no answer. On an error the
// connection is to be closed, after parts, if there are any, were written.
func (s *Session) Answer(ctx context.Context, frame []byte) (parts [][]byte, err error) {
	if s.login.bare && s.login.needed() {
		out, err := s.authenticate(frame)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRefused, err)
		}
		return s.writer.Opaque(out), nil
	}
	h, body, err := wire.ParseHeader(frame)
	if err != nil {
		return nil, err
	}
	r := s.broker.route(h.Key)
	if r == nil {
		return nil, fmt.Errorf("%w: api key %d is not served here", ErrRefused, h.Key)
	}
	c := &call{ctx: ctx, Session: s, version: h.Version, clientID: h.ClientID, size: len(frame)}
	if h.Version < r.min || h.Version > r.max {
		if h.Key == apiVersions.key {
			return s.writer.Frame(h.CorrelationID, unsupportedAPIVersions(r)), nil
		}
		return nil, fmt.Errorf("%w: version %d of %s is not served here, which knows %d to %d", ErrRefused, h.Version, kmsg.NameForKey(h.Key), r.min, r.max)
	}
	if s.login.needed() && (s.login.exchange != nil || h.Key != apiVersions.key && h.Key != saslHandshake.key) && h.Key != saslAuthenticate.key {
		return nil, fmt.Errorf("%w: %s before the client has logged in", ErrRefused, kmsg.NameForKey(h.Key))
	}
	request, err := s.broker.read(h.Key, h.Version, body)
	if err != nil {
		return nil, err
	}
	return s.serve(c, r, h.CorrelationID, request)
}

// call is one request on its way.
type call struct {
	*Session
	ctx      context.Context
	version  int16
	clientID string
	err      error // why the connection has to be closed
	last     bool  // the connection has to be closed after the answer

	size     int             // of the request
	throttle millis          // how long the client will not be listened to
	failing  []fault.Failure // of the partitions of a fetch
}

// close has the connection closed instead of an answer.
func (c *call) close(format string, args ...any) wire.Body {
	c.err = fmt.Errorf("%w: "+format, append([]any{ErrRefused}, args...)...)
	return nil
}

// do runs f on the cluster, at once. It reports whether there still is one, with this broker in it.
func (c *call) do(f func(core *cluster.Cluster, now millis)) bool {
	err := c.broker.engine.Do(func(core *cluster.Cluster, now millis) {
		if !core.Alive(c.broker.id) {
			c.err = errDown
			return
		}
		f(core, now)
	})
	if err != nil {
		c.err = err
	}
	return c.err == nil
}

// errDown reports a request to a broker that is down, or went down while the request waited.
var errDown = fmt.Errorf("%w: the broker is down", ErrRefused)

// await lets look look until it is content: at once, whenever one of the partitions that add was given changes, and a last
// time when patience is over. It reports whether it came to an end before the connection did.
func (c *call) await(patience time.Duration, look func(core *cluster.Cluster, now millis, last bool) (content bool), partitions func(core *cluster.Cluster, add func(p *cluster.Partition))) bool {
	var watch *seam.Watch
	content := false
	again := func(last bool) bool {
		return c.do(func(core *cluster.Cluster, now millis) {
			if content = look(core, now, last); !content && !last && watch == nil {
				watch = c.broker.engine.Watch()
				partitions(core, watch.Add)
			}
		})
	}
	if !again(patience <= 0) || content || watch == nil {
		return c.err == nil
	}
	defer watch.Stop()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case <-watch.Changed():
			if !again(false) || content {
				return c.err == nil
			}
		case <-timer.C:
			return again(true)
		case <-c.ctx.Done():
			c.err = c.ctx.Err()
			return false
		}
	}
}

// tag is what a command carries to the cluster so that its answer finds back.
type tag = seam.Call

// ask gives the cluster a command that carries a tag, and waits for the answer. A command that returns an error code was
// not given to the cluster. It reports whether there was an answer before the connection ended.
func ask[Answer any](c *call, kind seam.Kind, about string, command func(core *cluster.Cluster, now millis, tag *tag) kafka.ErrorCode) (Answer, kafka.ErrorCode, bool) {
	var none Answer
	if c.client == nil {
		if c.client, c.err = c.broker.engine.Client(c.clientID, "wire"); c.err != nil {
			return none, kafka.None, false
		}
		c.client.FaultsElsewhere()
	}
	answer, err := c.client.Ask(c.ctx, kind, about, func(core *cluster.Cluster, now millis, tag *tag) {
		if !core.Alive(c.broker.id) {
			tag.Resolve(nil, errDown)
			return
		}
		if code := command(core, now, tag); code != kafka.None {
			tag.Resolve(code, nil)
		}
	})
	if err != nil {
		c.err = err
		return none, kafka.None, false
	}
	if code, refused := answer.(kafka.ErrorCode); refused {
		return none, code, true
	}
	return answer.(Answer), kafka.None, true
}

// askGroup gives a command to the coordinator of a group, if that is this broker and the client may do op with the group.
func askGroup[Answer any](c *call, op cluster.Operation, kind seam.Kind, id string, command func(tag *tag) group.Command) (Answer, kafka.ErrorCode, bool) {
	return ask[Answer](c, kind, id, func(core *cluster.Cluster, now millis, tag *seam.Call) kafka.ErrorCode {
		if code := c.mayGroup(core, op, id); code != kafka.None {
			return code
		}
		if core.GroupCoordinator(id) != c.broker.id {
			return kafka.NotCoordinator
		}
		core.GroupStep(now, id, command(tag))
		return kafka.None
	})
}

// askTransactions gives a command to the coordinator of a transactional id, if that is this broker and the client may write
// with it.
func askTransactions[Answer any](c *call, kind seam.Kind, id string, command func(tag *tag) txn.Command) (Answer, kafka.ErrorCode, bool) {
	return ask[Answer](c, kind, id, func(core *cluster.Cluster, now millis, tag *seam.Call) kafka.ErrorCode {
		if code := c.mayTransact(core, cluster.Write, id); code != kafka.None {
			return code
		}
		if core.TransactionCoordinator(id) != c.broker.id {
			return kafka.NotCoordinator
		}
		core.TxnStep(now, command(tag))
		return kafka.None
	})
}

// codeOf is the number of the error code in err, 0 for nil.
func codeOf(err error) int16 {
	if err == nil {
		return 0
	}
	if code := kafka.None; errors.As(err, &code) {
		return int16(code)
	}
	return int16(kafka.UnknownServerError)
}

// messageOf is the sentence about the case at hand in err, nil when there is none beside the code.
func messageOf(err error) *string {
	if err == nil {
		return nil
	}
	if _, bare := err.(kafka.ErrorCode); bare { //nolint:errorlint // a code alone, not one within an error that says more
		return nil
	}
	text := err.Error()
	if detailed := (*cluster.Error)(nil); errors.As(err, &detailed) {
		text = detailed.Detail
	}
	return &text
}

// noOperations stands for authorized operations that were not asked for.
const noOperations = math.MinInt32

// BrokerID is the number of the broker that answers.
func (s *Session) BrokerID() int32 { return s.broker.id }
