package group

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/gokasim/gokasim/internal/histories"
	"github.com/gokasim/gokasim/internal/kafka"
)

// TestRandomConsumerHistories plays members of a KIP-848 group that come, work, lose answers, die and return, while
// topics grow and vanish, and checks after each step what no history may break. In the end everybody speaks as they
// should, and the group must come to rest with every partition in the right hands.
func TestRandomConsumerHistories(t *testing.T) {
	histories.Check(t, func(t *rapid.T) {
		w := newConsumerWorld(t)
		t.Repeat(map[string]func(*rapid.T){
			"heartbeat": func(t *rapid.T) { w.heartbeat(w.draw(t), rapid.IntRange(0, 9).Draw(t, "loss") > 0) },
			"subscribe": w.subscribe,
			"leave":     w.leave,
			"die":       w.die,
			"topics":    w.changeTopics,
			"advance": func(t *rapid.T) {
				w.advance(rapid.SampledFrom([]kafka.Millis{1_000, 5_000, 20_000, 50_000}).Draw(t, "ms"))
			},
			"": w.check,
		})
		w.settle()
	})
}

type consumerWorld struct {
	t        *rapid.T
	cfg      Config
	g, twin  *Group
	now      kafka.Millis
	timers   map[string]kafka.Millis
	log      []Entry
	replayed int // how much of log when it was replayed last
	topics   Topics
	lives    int
	clients  []*liveConsumer
	epoch    int32
}

// liveConsumer is a client as it sees itself.
type liveConsumer struct {
	name, instance, id string
	incarnation        int
	epoch              int32
	topics             []string
	regex              string
	assignor           string
	owned              []TopicPartitions
	sent               bool // has sent what it is subscribed to
}

func newConsumerWorld(t *rapid.T) *consumerWorld {
	cfg := DefaultConfig()
	cfg.OffsetsRetention = 0
	w := &consumerWorld{t: t, cfg: cfg, timers: map[string]kafka.Millis{}, topics: Topics{}}
	noID := func(string) string { panic("clients make their ids") }
	w.g, w.twin = New("g", cfg, noID), New("g", cfg, noID)
	for i := range 5 {
		c := &liveConsumer{name: "c" + strconv.Itoa(i)}
		if i >= 3 {
			c.instance = "i" + strconv.Itoa(i)
		}
		w.clients = append(w.clients, c)
		w.resubscribe(t, c)
	}
	for _, name := range []string{"t", "u"} {
		w.setTopic(name, rapid.Int32Range(1, 5).Draw(t, name))
	}
	w.tell()
	return w
}

func (w *consumerWorld) setTopic(name string, partitions int32) {
	topic, exists := w.topics[name]
	if !exists {
		w.lives++
		topic.ID = topicID(name + strconv.Itoa(w.lives))
	}
	topic.Partitions = partitions
	w.topics[name] = topic
}

func (w *consumerWorld) tell() {
	w.step(Metadata{Topics: maps.Clone(w.topics)})
}

func (w *consumerWorld) step(cmd Command) any {
	effects, err := w.g.Step(w.now, cmd)
	if err != nil {
		w.t.Fatal(err)
	}
	if again, err := w.twin.Step(w.now, cmd); err != nil || !reflect.DeepEqual(effects, again) {
		w.t.Fatalf("the same commands gave other effects: %v\n%s", err, cmp.Diff(effects, again))
	}
	var response any
	for _, e := range effects {
		switch e := e.(type) {
		case SetTimer:
			w.timers[e.Key] = e.At
		case StopTimer:
			delete(w.timers, e.Key)
		case AppendState:
			w.log = append(w.log, Entry{Records: e.Records})
		case Reply:
			response = e.Response
		}
	}
	return response
}

func (w *consumerWorld) draw(t *rapid.T) *liveConsumer {
	return rapid.SampledFrom(w.clients).Draw(t, "client")
}

// heartbeat is one of a client's, whose answer arrives or is lost.
func (w *consumerWorld) heartbeat(c *liveConsumer, arrives bool) bool {
	if c.id == "" {
		c.incarnation++
		c.id, c.epoch, c.owned, c.sent = c.name+"-"+strconv.Itoa(c.incarnation), 0, nil, false
	}
	cmd := ConsumerHeartbeat{
		Tag: c.name, MemberID: c.id, MemberEpoch: c.epoch, InstanceID: c.instance, ClientID: c.name, RequireMemberID: true,
		RebalanceTimeout: -1, Owned: c.owned,
	}
	if c.epoch == 0 {
		c.owned = nil
		cmd.RebalanceTimeout, cmd.Owned = 30_000, []TopicPartitions{}
	}
	if c.epoch == 0 || !c.sent {
		cmd.SubscribedTopics, cmd.SubscribedRegex, cmd.Assignor = c.topics, &c.regex, c.assignor
	}
	r := w.step(cmd).(ConsumerHeartbeatResponse)
	if !arrives {
		return false
	}
	switch r.Err {
	case kafka.None:
		c.sent = true
		changed := r.MemberEpoch != c.epoch
		c.epoch = r.MemberEpoch
		if r.Assigned != nil {
			changed = changed || !reflect.DeepEqual(r.Assigned, c.owned)
			c.owned = r.Assigned
		}
		return changed
	case kafka.FencedMemberEpoch, kafka.UnknownMemberID, kafka.GroupIDNotFound:
		c.epoch, c.owned, c.sent = 0, nil, false
		return true
	case kafka.FencedInstanceID:
		c.id = ""
		return true
	case kafka.UnreleasedInstanceID:
		return true
	default:
		w.t.Fatalf("%s: %s: %s", c.name, r.Err.Name(), r.Message)
		return false
	}
}

func (w *consumerWorld) resubscribe(t *rapid.T, c *liveConsumer) {
	c.topics = rapid.SampledFrom([][]string{{"t"}, {"t", "u"}, {"t", "u"}, {"u", "ghost"}, {}}).Draw(t, "topics")
	c.regex = rapid.SampledFrom([]string{"", "", "u.*", "."}).Draw(t, "regex")
	c.assignor = rapid.SampledFrom([]string{"", "uniform", "range"}).Draw(t, "assignor")
	c.sent = false
}

func (w *consumerWorld) subscribe(t *rapid.T) { w.resubscribe(t, w.draw(t)) }

func (w *consumerWorld) leave(t *rapid.T) {
	c := w.draw(t)
	if c.id == "" {
		return
	}
	cmd := ConsumerHeartbeat{Tag: c.name, MemberID: c.id, MemberEpoch: epochLeave, InstanceID: c.instance}
	if c.instance != "" && rapid.Bool().Draw(t, "for a while") {
		cmd.MemberEpoch = epochStaticLeave
	}
	w.step(cmd)
	c.id, c.owned = "", nil
}

// die is a crash: the coordinator hears nothing.
func (w *consumerWorld) die(t *rapid.T) {
	c := w.draw(t)
	c.id, c.owned = "", nil
}

func (w *consumerWorld) changeTopics(t *rapid.T) {
	name := rapid.SampledFrom([]string{"t", "u", "u2"}).Draw(t, "topic")
	if rapid.IntRange(0, 3).Draw(t, "delete") == 0 {
		delete(w.topics, name)
	} else {
		w.setTopic(name, w.topics[name].Partitions+rapid.Int32Range(1, 2).Draw(t, "more"))
	}
	w.tell()
}

func (w *consumerWorld) advance(d kafka.Millis) {
	until := w.now + d
	for {
		due := ""
		for _, key := range slices.Sorted(maps.Keys(w.timers)) {
			if w.timers[key] <= until && (due == "" || w.timers[key] < w.timers[due]) {
				due = key
			}
		}
		if due == "" {
			w.now = until
			return
		}
		w.now = max(w.now, w.timers[due])
		delete(w.timers, due)
		w.step(Timer{Key: due})
		w.check(nil)
	}
}

// check is what holds after every step.
func (w *consumerWorld) check(*rapid.T) {
	if w.g.State() == Dead {
		w.epoch = 0
		return
	}
	if w.g.Generation() < w.epoch {
		w.t.Fatalf("epoch %d follows %d", w.g.Generation(), w.epoch)
	}
	w.epoch = w.g.Generation()
	held := map[part]string{}
	for _, m := range w.g.consumer.members {
		if m.epoch > w.epoch {
			w.t.Fatalf("%s is in epoch %d, the group in %d", m.id, m.epoch, w.epoch)
		}
		for _, ps := range []parts{m.assigned, m.revoking} {
			for p := range ps {
				if other, taken := held[p]; taken {
					w.t.Fatalf("%s/%d belongs to %s and %s", p.topic, p.partition, other, m.id)
				}
				held[p] = m.id
			}
		}
		if _, guarded := w.timers[timerSession+m.id]; !guarded {
			w.t.Fatalf("%s could stay silent for ever", m.id)
		}
	}
	if !maps.Equal(held, w.g.consumer.owners) {
		w.t.Fatalf("owners are %v, members hold %v", w.g.consumer.owners, held)
	}
	w.checkClients()
	if len(w.log) >= w.replayed+8 {
		w.checkReplay()
	}
}

// checkClients: what a client works on in its present epoch is its own by the coordinator's book too, so that no two
// clients work on one partition.
func (w *consumerWorld) checkClients() {
	for _, c := range w.clients {
		m, known := w.g.consumer.members[c.id]
		if !known || c.epoch != m.epoch {
			continue
		}
		for _, tp := range c.owned {
			for _, p := range tp.Partitions {
				if owner := w.g.consumer.owners[part{tp.Topic, p}]; owner != c.id {
					w.t.Fatalf("%s works on %s/%d in epoch %d, which belongs to %q", c.id, tp.Topic, p, c.epoch, owner)
				}
			}
		}
	}
}

// checkReplay: the records alone give the same group.
func (w *consumerWorld) checkReplay() {
	w.replayed = len(w.log)
	replayed, _, err := Replay("g", w.cfg, nil, w.now, w.log)
	if err != nil {
		w.t.Fatal(err)
	}
	diff := cmp.Diff(w.g.consumer, replayed.consumer,
		cmp.AllowUnexported(consumer{}, consumerMember{}, memberMetadata{}, memberProgress{}, classicMember{}, resolvedRegex{}, part{}),
		cmpopts.IgnoreFields(consumer{}, "core", "hashed", "regexesFor"), cmpopts.EquateEmpty())
	if diff != "" {
		w.t.Fatalf("lived and replayed:\n%s", diff)
	}
}

// settle lets everybody heartbeat without loss until nothing changes any more.
func (w *consumerWorld) settle() {
	for quiet := 0; quiet < 12; {
		w.advance(5_000)
		changed := false
		for _, c := range w.clients {
			for range 20 { // a client says at once that it took on what it was told
				if !w.heartbeat(c, true) {
					break
				}
				changed = true
			}
			w.check(nil)
		}
		if quiet++; changed {
			quiet = 0
		}
		if w.now > 90_000_000 {
			w.t.Fatal("the group does not come to rest")
		}
	}
	w.checkReplay()
	if state := w.g.State(); state != Stable {
		w.t.Fatalf("all is quiet and the group is %s", state)
	}
	for name, topic := range w.topics {
		wanted := w.g.consumer.subscribedTo(name)
		for p := range topic.Partitions {
			if owner := w.g.consumer.owners[part{topic.ID, p}]; (owner != "") != wanted {
				w.t.Fatalf("%s/%d belongs to %q, wanted: %t", name, p, owner, wanted)
			}
		}
	}
}
