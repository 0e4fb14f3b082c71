package api

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/fault"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// trouble is what faults have done to a connection.
type trouble struct {
	deaf bool // a request was lost, and all that follows it with it
	mute bool // an answer was lost, and all that follow it with it
	held []heldFrame
}

// heldFrame is an answer that waits until others have left.
type heldFrame struct {
	behind int
	frame  []byte
}

// serve answers a request, once its client is listened to, as faults have it if there are any. There is no answer if it wants none, or if it is lost.
func (s *Session) serve(c *call, r *route, correlationID int32, request kmsg.Request) (parts [][]byte, err error) {
	if s.trouble.deaf {
		return nil, nil
	}
	if err := c.listen(); err != nil {
		return nil, err
	}
	if s.broker.engine.Faulty() {
		return s.disturbed(c, r, correlationID, request)
	}
	start := time.Now()
	answer := r.serve(c, request)
	c.charge(r.key, time.Since(start), answer)
	return s.sent(s.framed(c, correlationID, answer))
}

// framed is the frame of an answer, if there is one.
func (s *Session) framed(c *call, correlationID int32, answer wire.Body) (parts [][]byte, err error) {
	if c.err != nil || answer == nil {
		return nil, c.err
	}
	if c.last {
		err = fmt.Errorf("%w: the login failed", ErrRefused)
	}
	return s.writer.Frame(correlationID, answer), err
}

// sent is what goes out when an answer does: also others that waited for it.
func (s *Session) sent(parts [][]byte, err error) ([][]byte, error) {
	if s.trouble.mute {
		return nil, err
	}
	if len(s.trouble.held) == 0 || len(parts) == 0 {
		return parts, err
	}
	s.trouble.held = slices.DeleteFunc(s.trouble.held, func(h heldFrame) bool {
		h.behind--
		if h.behind > 0 {
			return false
		}
		parts = append(parts, h.frame)
		return true
	})
	return parts, err
}

// disturbed is serve while there are faults.
func (s *Session) disturbed(c *call, r *route, correlationID int32, request kmsg.Request) (parts [][]byte, err error) {
	name, _ := fault.OperationOf(r.key)
	op, topics := c.subject(name, request)
	v := s.broker.engine.Judge(op)
	switch {
	case v.Disconnect:
		return nil, errCut
	case v.DropRequest:
		s.trouble.deaf = true
		return nil, nil
	}
	if err := pause(c.ctx, v.DelayRequest); err != nil {
		return nil, err
	}
	copies := s.copies(r, request, v.Duplicates)
	start := time.Now()
	answer := c.troubled(r, request, topics, v)
	c.charge(r.key, time.Since(start), answer)
	for _, again := range copies {
		ghost := &call{Session: s, ctx: c.ctx, version: c.version, clientID: c.clientID}
		r.serve(ghost, again) // the first answer counts
	}
	if c.err == nil && answer != nil {
		switch {
		case v.DisconnectAfter:
			return nil, errCut
		case v.DropResponse:
			s.trouble.mute = true
			return nil, nil
		}
		if err := pause(c.ctx, v.DelayResponse); err != nil {
			return nil, err
		}
	}
	parts, err = s.framed(c, correlationID, answer)
	if v.HoldBehind > 0 && len(parts) > 0 && err == nil {
		s.trouble.held = append(s.trouble.held, heldFrame{v.HoldBehind, slices.Concat(parts...)})
		return nil, nil
	}
	return s.sent(parts, err)
}

// errCut reports a connection that a fault closes.
var errCut = fmt.Errorf("%w: a fault closes the connection", ErrRefused)

// pause lets time pass.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// copies are n copies of a request, which serving it may change.
func (s *Session) copies(r *route, request kmsg.Request, n int) []kmsg.Request {
	if n == 0 {
		return nil
	}
	body := request.AppendTo(nil)
	list := make([]kmsg.Request, 0, n)
	for range n {
		again := kmsg.RequestForKey(r.key)
		again.SetVersion(request.GetVersion())
		if err := again.ReadFrom(slices.Clone(body)); err == nil {
			list = append(list, again)
		}
	}
	return list
}

// troubled serves a request, but for what faults answer with errors.
func (c *call) troubled(r *route, request kmsg.Request, topics topicNames, v fault.Verdict) wire.Body {
	if fetches, ok := request.(*kmsg.FetchRequest); ok {
		if c.failing = slices.Concat(v.Before, v.After); len(c.failing) > 0 {
			fetches.MaxWaitMillis = 0
		}
		return r.serve(c, request)
	}
	var answer wire.Body
	if before := selected(v.Before); before == nil {
		answer = r.serve(c, request)
	} else if before.whole() {
		answer = c.refused(r, request, topics, before)
	} else {
		refused := request.ResponseKind()
		mirror(request, refused, topics, before)
		if remove(request, topics, before) {
			answer = r.serve(c, request)
		}
		if good, ok := answer.(kmsg.Response); ok {
			merge(good, refused)
		} else if c.err == nil {
			answer = refused
		}
	}
	if after := selected(v.After); after != nil {
		if good, ok := answer.(kmsg.Response); ok {
			spoil(good, request, topics, after)
		}
	}
	return answer
}

// refused is the answer to a request that has no effect.
func (c *call) refused(r *route, request kmsg.Request, topics topicNames, f *failures) wire.Body {
	switch request := request.(type) {
	case *kmsg.MetadataRequest: // clients find brokers by it, whatever becomes of topics
		request.AllowAutoTopicCreation = false
		answer := r.serve(c, request)
		if good, ok := answer.(kmsg.Response); ok {
			spoil(good, request, topics, f)
		}
		return answer
	case *kmsg.ProduceRequest:
		if request.Acks == acksNone {
			return c.close("produce with acks=0: %w", f.of("", 0))
		}
	}
	response := request.ResponseKind()
	mirror(request, response, topics, f)
	return response
}

// faultOf is the error that a fault answers the fetch of a partition with.
func (c *call) faultOf(topic string, partition int32) kafka.ErrorCode {
	if len(c.failing) == 0 {
		return kafka.None
	}
	return selected(c.failing).of(topic, partition)
}

// failures are errors for partitions of a request, or for all of it.
type failures struct{ list []fault.Failure }

func selected(list []fault.Failure) *failures {
	if len(list) == 0 {
		return nil
	}
	return &failures{list}
}

// whole reports whether one of them is for the whole request.
func (f *failures) whole() bool {
	return slices.ContainsFunc(f.list, func(x fault.Failure) bool { return x.Partitions == nil })
}

// of is the error for a partition, for a whole topic with the number fault.WholeTopic, None if there is none.
func (f *failures) of(topic string, partition int32) kafka.ErrorCode {
	return fault.Verdict{Before: f.list}.ErrorBefore(kafka.TopicPartition{Topic: topic, Partition: partition})
}

// subject is what a request is about, with the names of topics that it names by their ids.
func (c *call) subject(name string, request kmsg.Request) (fault.Op, topicNames) {
	op := fault.Op{Name: name, ClientID: c.clientID, Broker: c.broker.id}
	topics := topicNames{}
	_ = c.broker.engine.Do(func(core *cluster.Cluster, _ millis) { // a closed cluster has no topics
		about := subjects{op: &op, name: func(name string, id [16]byte) string {
			if name == "" && id != ([16]byte{}) {
				if t := core.TopicByID(id); t != nil {
					topics[id] = t.Name
					return t.Name
				}
			}
			return name
		}}
		if f, ok := request.(*kmsg.FetchRequest); ok {
			c.broker.sessions.each(f, about.partition)
		} else {
			about.read(request)
		}
	})
	return op, topics
}
