package api

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
)

// fetchSessions are the fetch sessions of one broker (KIP-227): what a client fetches is remembered, so that it says, and
// is told, only what has changed.
type fetchSessions struct {
	mu   sync.Mutex // guards all below, and the sessions
	byID map[int32]*fetchSession
	last int32 // id given out
}

// Limits of the sessions of a broker: how many there are (max.incremental.fetch.session.cache.slots), and how long one may
// rest before a new one takes its place (min.incremental.fetch.session.eviction.ms).
const (
	maxFetchSessions = 1000
	fetchSessionRest = millis(120_000)
)

// Epochs of requests that stand for a wish.
const (
	sessionOpens = 0
	sessionEnds  = -1
)

// fetchSession is one of them.
type fetchSession struct {
	id, epoch int32
	byTopicID bool
	used      millis
	order     []*sessionPartition // those that got records last come last
	known     map[sessionKey]*sessionPartition
}

type sessionKey struct {
	name      string
	id        [16]byte
	partition int32
}

// sessionPartition is what a session remembers of a partition: what was asked and what was answered last.
type sessionPartition struct {
	key         sessionKey
	asked       kmsg.FetchRequestTopicPartition
	high, start kafka.Offset
	gone        bool // the client wants it no more
}

// begin finds out what a request wants to fetch, all in all. It returns the session, nil for none: that of an incremental
// fetch, whose answer leaves out what has not changed, or a new one. What is to be fetched takes the place of the topics
// in the request.
func (s *fetchSessions) begin(request *kmsg.FetchRequest, now millis) (session *fetchSession, incremental bool, code kafka.ErrorCode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	byTopicID := request.Version >= 13
	switch request.SessionEpoch {
	case sessionEnds:
		delete(s.byID, request.SessionID)
		return nil, false, kafka.None
	case sessionOpens:
		delete(s.byID, request.SessionID)
		session := s.open(now)
		if session != nil {
			session.byTopicID = byTopicID
			session.update(request)
		}
		return session, false, kafka.None
	}
	session = s.byID[request.SessionID]
	switch {
	case session == nil:
		return nil, false, kafka.FetchSessionIDNotFound
	case session.epoch != request.SessionEpoch:
		return nil, false, kafka.InvalidFetchSessionEpoch
	case session.byTopicID != byTopicID:
		return nil, false, kafka.FetchSessionTopicIDError
	}
	session.update(request)
	if len(session.order) == 0 {
		delete(s.byID, session.id)
		request.Topics = nil
		return nil, false, kafka.None
	}
	session.used = now
	session.epoch = nextEpoch(session.epoch)
	request.Topics = session.topics()
	return session, true, kafka.None
}

// each visits what a request is about to fetch, before it begins: what it asks for, and what its session remembers.
func (s *fetchSessions) each(request *kmsg.FetchRequest, visit func(topic string, id [16]byte, partition int32)) {
	seen := map[sessionKey]bool{}
	for i := range request.Topics {
		t := &request.Topics[i]
		for _, p := range t.Partitions {
			seen[sessionKey{t.Topic, t.TopicID, p.Partition}] = true
			visit(t.Topic, t.TopicID, p.Partition)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if session := s.byID[request.SessionID]; session != nil && request.SessionEpoch > 0 {
		for _, p := range session.order {
			if !seen[p.key] && !p.gone {
				visit(p.key.name, p.key.id, p.key.partition)
			}
		}
	}
}

// open makes a session, if there is room for one.
func (s *fetchSessions) open(now millis) *fetchSession {
	if s.byID == nil {
		s.byID = map[int32]*fetchSession{}
	}
	if len(s.byID) >= maxFetchSessions {
		var oldest *fetchSession
		for _, f := range s.byID {
			if oldest == nil || f.used < oldest.used || f.used == oldest.used && f.id < oldest.id {
				oldest = f
			}
		}
		if now-oldest.used < fetchSessionRest {
			return nil
		}
		delete(s.byID, oldest.id)
	}
	for s.last = nextEpoch(s.last); s.byID[s.last] != nil; s.last = nextEpoch(s.last) {
	}
	f := &fetchSession{id: s.last, epoch: nextEpoch(sessionOpens), used: now, known: map[sessionKey]*sessionPartition{}}
	s.byID[f.id] = f
	return f
}

// nextEpoch is the epoch after another. It goes on with 1 after the largest.
func nextEpoch(epoch int32) int32 {
	if epoch == 1<<31-1 {
		return 1
	}
	return epoch + 1
}

// update takes in what a request adds, changes and takes away.
func (f *fetchSession) update(request *kmsg.FetchRequest) {
	for i := range request.Topics {
		t := &request.Topics[i]
		for _, p := range t.Partitions {
			key := sessionKey{t.Topic, t.TopicID, p.Partition}
			known := f.known[key]
			if known == nil {
				known = &sessionPartition{key: key, high: -1, start: -1}
				f.known[key] = known
				f.order = append(f.order, known)
			}
			known.asked = p
		}
	}
	if len(request.ForgottenTopics) == 0 {
		return
	}
	for _, t := range request.ForgottenTopics {
		for _, p := range t.Partitions {
			key := sessionKey{t.Topic, t.TopicID, p}
			if known := f.known[key]; known != nil {
				known.gone = true
				delete(f.known, key)
			}
		}
	}
	kept := make([]*sessionPartition, 0, len(f.known))
	for _, p := range f.order {
		if !p.gone {
			kept = append(kept, p)
		}
	}
	f.order = kept
}

// topics is all that the session fetches, in its order.
func (f *fetchSession) topics() []kmsg.FetchRequestTopic {
	var list []kmsg.FetchRequestTopic
	for _, p := range f.order {
		if n := len(list); n == 0 || list[n-1].Topic != p.key.name || list[n-1].TopicID != p.key.id {
			list = append(list, kmsg.FetchRequestTopic{Topic: p.key.name, TopicID: p.key.id})
		}
		last := &list[len(list)-1]
		last.Partitions = append(last.Partitions, p.asked)
	}
	return list
}

// throttled is told that the answer comes back empty: an incremental fetch goes on in its session, which has moved to the
// next epoch all the same, and a session that would have begun does not.
func (s *fetchSessions) throttled(f *fetchSession, a *fetchAnswer, incremental bool) {
	if f == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if incremental {
		a.sessionID = f.id
	} else if s.byID[f.id] == f {
		delete(s.byID, f.id)
	}
}

// answered takes note of what a client is told, and, for an incremental fetch, takes out of the answer what is no news.
func (s *fetchSessions) answered(f *fetchSession, a *fetchAnswer, incremental bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.sessionID = f.id
	var news []fetchedTopic
	withRecords := map[*sessionPartition]bool{}
	for i := range a.topics {
		t := &a.topics[i]
		told := fetchedTopic{name: t.name, id: t.id}
		for j := range t.partitions {
			p := &t.partitions[j]
			known := f.known[sessionKey{t.name, t.id, p.partition}]
			if known == nil {
				continue
			}
			if p.size > 0 {
				withRecords[known] = true
			}
			if p.size > 0 || p.code != kafka.None || p.diverging != nil || p.high != known.high || p.start != known.start {
				told.partitions = append(told.partitions, *p)
			}
			known.high, known.start = p.high, p.start
			if p.code != kafka.None {
				known.high = -1 // so that it is told when it is well again
			}
		}
		if len(told.partitions) > 0 {
			news = append(news, told)
		}
	}
	if incremental {
		a.topics = news
	}
	if len(withRecords) > 0 && len(withRecords) < len(f.order) {
		order := make([]*sessionPartition, 0, len(f.order))
		for _, rich := range []bool{false, true} {
			for _, p := range f.order {
				if withRecords[p] == rich {
					order = append(order, p)
				}
			}
		}
		f.order = order
	}
}
