package parity

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/internal/script"
)

const (
	apiVersionsKey = 18
	mainConn       = "main"
	pause          = 20 * time.Millisecond // between two questions for the same
	settling       = 500 * time.Millisecond
)

// Player puts scripts to a broker. It is for one script and not safe for concurrent use.
type Player struct {
	*names
	dial  func() (net.Conn, error)
	conns map[string]*conn
}

// NewPlayer returns a player that connects by dial. It must be closed.
func NewPlayer(dial func() (net.Conn, error)) *Player {
	return &Player{names: newNames(), dial: dial, conns: map[string]*conn{}}
}

// Close closes all connections.
func (p *Player) Close() {
	for _, c := range p.conns {
		_ = c.net.Close()
	}
}

// Play returns t with the answers that the broker gives. It fails when a script is wrong, and when a broker does not
// answer in time or in the form that it should.
func (p *Player) Play(t *Transcript) (*Transcript, error) {
	played := *t
	played.Steps = nil
	for _, s := range t.Steps {
		statements, err := script.Parse(strings.Join(s.Commands, "\n"))
		if err != nil {
			return &played, fmt.Errorf("the step at line %d: %w", s.Line, err)
		}
		s.Answers, s.By = nil, nil
		for _, statement := range statements {
			lines, err := p.do(statement)
			if err != nil {
				return &played, fmt.Errorf("line %d: %s: %w", s.Line+statement.Pos.Line-1, statement, err)
			}
			s.Answers = append(s.Answers, lines...)
			if len(lines) > 0 {
				s.By = append(s.By, statement.String())
			}
		}
		played.Steps = append(played.Steps, s)
	}
	return &played, nil
}

// Ready waits until the coordinators of groups and transactions are there, which a broker makes when it is first asked.
func (p *Player) Ready() error {
	for _, line := range []string{
		`find-coordinator ready while=COORDINATOR quiet`, `find-coordinator ready type=transaction while=COORDINATOR quiet`,
		`init-producer-id txn=ready while=COORDINATOR quiet`, `offset-fetch ready while=COORDINATOR quiet`,
	} {
		statements, err := script.Parse(line)
		if err != nil {
			return err
		}
		if _, err := p.do(statements[0]); err != nil {
			return err
		}
	}
	p.names = newNames()
	return nil
}

func (p *Player) conn(name string) (*conn, error) {
	if c := p.conns[name]; c != nil {
		return c, nil
	}
	nc, err := p.dial()
	if err != nil {
		return nil, err
	}
	p.conns[name] = &conn{net: nc}
	return p.conns[name], nil
}

// drop forgets a connection that is closed.
func (p *Player) drop(name string) {
	if c := p.conns[name]; c != nil {
		_ = c.net.Close()
	}
	delete(p.conns, name)
}

// options are the arguments that every command takes.
type options struct {
	as           string
	version      int16
	later, quiet bool
	until, while string
	only         string
}

// do carries out one statement and returns the lines of its answer.
func (p *Player) do(s script.Statement) ([]string, error) {
	a := &args{Reader: script.NewReader(s.Command), command: s.Command, player: p, do: s.Do}
	o := options{as: a.text("as", mainConn), version: int16(a.Int("version", 0, -1)), later: a.Flag("later"), quiet: a.Flag("quiet"), until: a.text("until", ""), while: a.text("while", ""), only: a.text("only", "")}
	switch s.Name {
	case "wait":
		d := a.ParseDuration(a.Word("a duration"))
		if err := a.finish(); err != nil {
			return nil, err
		}
		sleep(d)
		return nil, nil
	case "answer":
		if err := a.finish(); err != nil {
			return nil, err
		}
		return p.answer(o.as)
	case "raw":
		return p.raw(a, o.as)
	case "close":
		p.drop(o.as)
		return nil, a.finish()
	}
	build, ok := commands[s.Name]
	if !ok {
		return nil, script.Errorf(s.Pos, "no command %s; %s", script.Quote(s.Name), script.OneOf(s.Name, commandNames()))
	}
	a.version = o.version
	request := build(a)
	if err := a.finish(); err != nil {
		return nil, err
	}
	if a.version < 0 {
		a.version = versions[request.Key()]
	}
	request.SetVersion(a.version)
	for deadline := time.Now().Add(patience / 2); ; sleep(pause) {
		lines, err := p.once(request, a, o)
		lines = only(lines, o.only)
		text := strings.Join(lines, "\n")
		switch {
		case err != nil:
			return nil, err
		case o.while != "" && strings.Contains(text, o.while), o.until != "" && !strings.Contains(text, o.until):
			if time.Now().Before(deadline) {
				continue
			}
			return nil, fmt.Errorf("the answer never was as it should; the last:\n%s", text)
		case o.quiet:
			return nil, nil
		}
		return lines, nil
	}
}

// only leaves out the elements of an answer without a text.
func only(lines []string, text string) []string {
	if text == "" || len(lines) == 0 {
		return lines
	}
	kept := lines[:1]
	for i := 1; i < len(lines); {
		end := i + 1
		for end < len(lines) && strings.HasPrefix(lines[end], "    ") {
			end++
		}
		if strings.Contains(strings.Join(lines[i:end], "\n"), text) {
			kept = append(kept, lines[i:end]...)
		}
		i = end
	}
	return kept
}

// once asks once.
func (p *Player) once(request kmsg.Request, a *args, o options) ([]string, error) {
	c, err := p.conn(o.as)
	if err != nil {
		return nil, err
	}
	id, err := c.send(request)
	if err == nil && a.unanswered {
		return []string{"no answer"}, nil
	}
	if err == nil && o.later {
		c.pending = append(c.pending, pending{request: request, id: id, after: a.after, quiet: o.quiet})
		return nil, nil
	}
	var response kmsg.Response
	if err == nil {
		response, err = c.receive(request, id)
	}
	return p.answered(o.as, request, response, err, a.after)
}

// answered makes lines of an answer, or of the end of the connection.
func (p *Player) answered(as string, request kmsg.Request, response kmsg.Response, err error, after func(kmsg.Response) error) ([]string, error) {
	if errors.Is(err, errClosed) {
		p.drop(as)
		return []string{fmt.Sprintf("%s v%d: the connection is closed", kebab(kmsg.NameForKey(request.Key())), request.GetVersion())}, nil
	}
	if err != nil {
		return nil, err
	}
	if after != nil {
		if err := after(response); err != nil {
			return nil, err
		}
	}
	return p.lines(response), nil
}

// answer reads the answer to the oldest request of a connection that was sent "later".
func (p *Player) answer(as string) ([]string, error) {
	c := p.conns[as]
	if c == nil || len(c.pending) == 0 {
		return nil, fmt.Errorf("connection %s waits for nothing", as)
	}
	next := c.pending[0]
	c.pending = c.pending[1:]
	response, err := c.receive(next.request, next.id)
	lines, err := p.answered(as, next.request, response, err, next.after)
	if next.quiet {
		lines = nil
	}
	return lines, err
}

// raw sends a frame as it is given, in hexadecimal digits, and shows what comes back.
func (p *Player) raw(a *args, as string) ([]string, error) {
	frame := a.hex(a.Word("a frame in hexadecimal digits"))
	if err := a.finish(); err != nil {
		return nil, err
	}
	c, err := p.conn(as)
	if err != nil {
		return nil, err
	}
	var answer []byte
	if err = c.write(frame); err == nil {
		answer, err = c.frame()
	}
	if errors.Is(err, errClosed) {
		p.drop(as)
		return []string{"raw: the connection is closed"}, nil
	}
	return []string{fmt.Sprintf("raw: %x", answer)}, err
}

// quietly asks on the side, for what a client would know.
func (p *Player) quietly(request kmsg.Request, version int16) (kmsg.Response, error) {
	const side = "side"
	c, err := p.conn(side)
	if err != nil {
		return nil, err
	}
	request.SetVersion(version)
	return c.ask(request)
}

// topic is the id of a topic, zero if there is none of this name.
func (p *Player) topic(name string) ([16]byte, error) {
	if id, ok := p.topics[name]; ok {
		return id, nil
	}
	t, err := p.described(name)
	if err == nil && t.ErrorCode == 0 {
		p.topics[name] = t.TopicID
	}
	return t.TopicID, err
}

func (p *Player) described(name string) (kmsg.MetadataResponseTopic, error) {
	r := kmsg.NewPtrMetadataRequest()
	r.Topics = []kmsg.MetadataRequestTopic{{Topic: &name}}
	answer, err := p.quietly(r, versions[r.Key()])
	if err != nil {
		return kmsg.MetadataResponseTopic{}, err
	}
	return answer.(*kmsg.MetadataResponse).Topics[0], nil
}

// known waits until the brokers know of a change of topics.
func (p *Player) known(name string, ok func(t kmsg.MetadataResponseTopic) bool) error {
	for deadline := time.Now().Add(patience / 2); ; sleep(pause) {
		t, err := p.described(name)
		if err != nil || ok(t) {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the brokers do not hear of a change of topic %q: %+v", name, t)
		}
	}
}

// led waits until the leaders of a topic's partitions know that they are.
func (p *Player) led(name string) error {
	t, err := p.described(name)
	if err != nil {
		return err
	}
	r := kmsg.NewPtrListOffsetsRequest()
	asked := kmsg.NewListOffsetsRequestTopic()
	asked.Topic = name
	for _, one := range t.Partitions {
		partition := kmsg.NewListOffsetsRequestTopicPartition()
		partition.Partition, partition.Timestamp = one.Partition, moments["latest"]
		asked.Partitions = append(asked.Partitions, partition)
	}
	r.Topics = append(r.Topics, asked)
	for deadline := time.Now().Add(patience / 2); ; sleep(pause) {
		answer, err := p.quietly(r, versions[r.Key()])
		if err != nil {
			return err
		}
		ready := true
		for _, one := range answer.(*kmsg.ListOffsetsResponse).Topics[0].Partitions {
			code := kafka.ErrorCode(one.ErrorCode)
			ready = ready && code != kafka.NotLeaderOrFollower && code != kafka.UnknownTopicOrPartition
		}
		if ready {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("topic %q has partitions without a leader", name)
		}
	}
}

func leaders(t kmsg.MetadataResponseTopic) int32 {
	n := int32(0)
	for _, p := range t.Partitions {
		if p.ErrorCode == 0 && p.Leader >= 0 {
			n++
		}
	}
	return n
}

// gone is true once a topic is not known any more.
func gone(t kmsg.MetadataResponseTopic) bool {
	return t.ErrorCode == int16(kafka.UnknownTopicOrPartition)
}

// sleep lets time pass: virtual time in a bubble of testing/synctest.
func sleep(d time.Duration) { <-time.After(d) }
