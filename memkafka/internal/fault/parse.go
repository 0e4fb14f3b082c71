package fault

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/internal/script"
)

// Parse reads a plan. The error is a [*script.Error] that names line and column, and what was expected there.
func Parse(text string) (Plan, error) {
	statements, err := script.Parse(text)
	if err != nil {
		return Plan{}, err
	}
	var p Plan
	named := map[string]script.Pos{}
	for _, s := range statements {
		f, err := parseFault(s)
		if err != nil {
			return Plan{}, err
		}
		if before, taken := named[f.Name]; taken && f.Name != "" {
			return Plan{}, script.Errorf(s.Pos, "the name %s is taken by line %d; expected another one", script.Quote(f.Name), before.Line)
		}
		named[f.Name] = s.Pos
		p.Faults = append(p.Faults, f)
	}
	return p, nil
}

// MustParse reads a plan that is part of a program, and panics if there is something wrong with it.
func MustParse(text string) Plan {
	p, err := Parse(text)
	if err != nil {
		panic("fault plan: " + err.Error())
	}
	return p
}

func parseFault(s script.Statement) (Fault, error) {
	var f Fault
	r := script.NewReader(s.Command)
	about := nouns(0) // nothing that actions could concern without saying so
	switch s.Name {
	case "on":
		var on On
		on, about = parseOn(r)
		f.When = on
	case "at":
		f.When = parseAt(r)
	default:
		return f, script.Errorf(s.Pos, "%s begins no fault; expected on or at", s.Name)
	}
	f.Name = r.String("name")
	if err := r.Done(); err != nil {
		return f, err
	}
	if len(s.Do) == 0 {
		return f, script.Errorf(s.Pos, "nothing happens; expected a colon after the fault's last selector, and an action such as drop-response")
	}
	for _, c := range s.Do {
		a, err := parseAction(c, s.Name == "on", about)
		if err != nil {
			return f, err
		}
		f.Do = append(f.Do, a)
	}
	return f, nil
}

// parseOn returns what the requests can be about, too.
func parseOn(r *script.Reader) (On, nouns) {
	var on On
	all, _ := aboutOf(Any)
	either := nouns(0)
	words := r.Words()
	if len(words) == 0 {
		r.Word("the operation that fails, such as produce, or any")
	}
	for _, w := range words {
		about, ok := aboutOf(w.Value)
		switch {
		case !ok:
			r.Fail(w.Pos, "%s is no operation; %s", script.Quote(w.Value),
				meant(w.Value, append(Operations(), Any), "expected a request of Kafka's in lower case with dashes, such as produce or join-group, or any"))
		case w.Value == Any && len(words) > 1:
			r.Fail(w.Pos, "any beside other operations; expected it alone")
		}
		all &= about
		either |= about
		on.Operations = append(on.Operations, w.Value)
	}
	about := func(key, what string, of nouns) {
		if given := r.All(key); len(given) > 0 && all&of == 0 {
			r.Fail(given[0].Pos, "%s= beside %s, which is not about %s; expected only operations that are, or no %s=",
				key, without(words, of), what, key)
		}
	}
	about("topic", "topics", topics)
	about("partition", "partitions", partitions)
	about("group", "groups", groups)
	about("transactional-id", "transactional ids", transactions)
	on.Topics, on.Partitions = r.Strings("topic"), r.Ints("partition", 0)
	on.Groups, on.TransactionalIDs = r.Strings("group"), r.Strings("transactional-id")
	on.Clients, on.Brokers = r.Strings("client"), r.Ints("broker", 0)
	on.From = span(r, "from", 0)
	on.Until = span(r, "until", on.From+time.Millisecond)
	on.Nth, on.Every = r.Ints("nth", 1), r.Int("every", 2, 0)
	if every, ok := r.One("every"); ok && len(on.Nth) > 0 {
		r.Fail(every.Pos, "every= beside nth=; expected one of them")
	}
	on.Probability = r.Probability("probability", 0)
	on.Times = r.Int("times", 1, 0)
	return on, either
}

// meant says which of many names a word may have been meant for, or else what was expected.
func meant(word string, known []string, expected string) string {
	if k := script.Nearest(word, known); k != "" {
		return "did you mean " + k + "?"
	}
	return expected
}

// without is the first operation that is about none of these.
func without(words []script.Arg, of nouns) string {
	i := slices.IndexFunc(words, func(w script.Arg) bool {
		about, _ := aboutOf(w.Value)
		return about&of == 0
	})
	return script.Quote(words[i].Value)
}

func parseAt(r *script.Reader) At {
	w := r.Word("the time from the start of the run when it happens, such as 30s")
	at := At{Time: r.ParseDuration(w)}
	if at.Time < 0 {
		r.Fail(w.At, "%s; expected a duration of 0s or more", w.Value)
	}
	at.Every = span(r, "every", time.Millisecond)
	at.Until = span(r, "until", at.Time+time.Millisecond)
	at.Times = r.Int("times", 1, 0)
	for _, key := range []string{"until", "times"} {
		if a, ok := r.One(key); ok && at.Every == 0 {
			r.Fail(a.Pos, "%s= without every=; expected both or none", key)
		}
	}
	return at
}

// span takes a duration of at least least, zero if the key is not there.
func span(r *script.Reader, key string, least time.Duration) time.Duration {
	d, ok := r.Duration(key)
	if ok && d < least {
		a, _ := r.One(key)
		r.Fail(a.At, "%s=%s; expected a duration of %s or more", key, a.Value, least)
	}
	return d
}

// actionNames is all actions, and at those times when there is no request.
var (
	actionNames = []string{
		"error", "drop-request", "drop-response", "delay-request", "delay-response", "duplicate", "hold-response", "disconnect",
		"move-coordinator", "move-leader", "stop-broker", "start-broker", "slow-broker", "jump-clock",
	}
	actionNamesAt = actionNames[8:]
)

func parseAction(c script.Command, request bool, about nouns) (Action, error) {
	r := script.NewReader(c)
	a := readAction(r, c, request, about)
	if a == nil {
		names := actionNames
		if !request {
			names = actionNamesAt
		}
		return nil, script.Errorf(c.Pos, "%s is no action; %s", c.Name, script.OneOf(c.Name, names))
	}
	if err := r.Done(); err != nil {
		return nil, err
	}
	if onRequest(a) && !request {
		return nil, script.Errorf(c.Pos, "%s at a time, when there is no request; expected one of %s", c.Name, strings.Join(actionNamesAt, ", "))
	}
	return a, nil
}

// readAction is nil if there is no such action.
func readAction(r *script.Reader, c script.Command, request bool, about nouns) Action {
	switch c.Name {
	case "error":
		return Fail{Code: errorCode(r), AfterEffect: r.Flag(afterEffect)}
	case "drop-request":
		return DropRequest{}
	case "drop-response":
		return DropResponse{}
	case "delay-request":
		least, most := delays(r, c)
		return DelayRequest{For: least, UpTo: most}
	case "delay-response":
		least, most := delays(r, c)
		return DelayResponse{For: least, UpTo: most}
	case "duplicate":
		return Duplicate{Times: r.Int("times", 1, 1)}
	case "hold-response":
		return HoldResponse{Behind: r.Int("behind", 1, 1)}
	case "disconnect":
		return Disconnect{AfterEffect: r.Flag(afterEffect)}
	case "move-coordinator":
		return moveCoordinator(r, c, about)
	case "move-leader":
		return moveLeader(r, c, about)
	case "stop-broker":
		return StopBroker{Broker: broker(r, c, request), For: span(r, "for", time.Millisecond)}
	case "start-broker":
		return StartBroker{Broker: broker(r, c, false)}
	case "slow-broker":
		return SlowBroker{Broker: broker(r, c, request), By: needed(r, c, "by", 0), For: span(r, "for", time.Millisecond)}
	case "jump-clock":
		return JumpClock{By: jump(r, c), Broker: r.Int("broker", 0, NoBroker)}
	}
	return nil
}

// errorCodes is Kafka's errors by their names.
var errorCodes = func() map[string]kafka.ErrorCode {
	codes := map[string]kafka.ErrorCode{}
	for c := kafka.UnknownServerError; c < 500; c++ {
		if name := c.Name(); !strings.HasPrefix(name, numbered) {
			codes[name] = c
		}
	}
	delete(codes, kafka.None.Name())
	return codes
}()

// numbered begins the names of errors that have only a number here.
const numbered = "ERROR_"

func errorCode(r *script.Reader) kafka.ErrorCode {
	w := r.Word("the name of an error, such as NOT_LEADER_OR_FOLLOWER")
	if code, ok := errorCodes[w.Value]; ok {
		return code
	}
	if n, ok := strings.CutPrefix(w.Value, numbered); ok {
		code, err := strconv.ParseInt(n, 10, 16)
		if c := kafka.ErrorCode(code); err == nil && c.Name() == w.Value {
			return c
		}
	}
	names := make([]string, 0, len(errorCodes))
	for name := range errorCodes {
		names = append(names, name)
	}
	slices.Sort(names)
	r.Fail(w.Pos, "%s is no error of Kafka's; %s", script.Quote(w.Value), meant(w.Value, names, "expected a name such as NOT_LEADER_OR_FOLLOWER"))
	return kafka.None
}

func delays(r *script.Reader, c script.Command) (least, most time.Duration) {
	least = needed(r, c, "for", 0)
	return least, span(r, "up-to", least+time.Millisecond)
}

// needed takes a duration that has to be there.
func needed(r *script.Reader, c script.Command, key string, least time.Duration) time.Duration {
	d := span(r, key, least)
	if _, ok := r.One(key); !ok {
		r.Fail(c.Pos, "%s lacks %s=; expected a duration such as 250ms", c.Name, key)
	}
	return d
}

// broker takes a broker that may be left to the request, if there is one.
func broker(r *script.Reader, c script.Command, request bool) int32 {
	n := r.Int("broker", 0, NoBroker)
	if _, ok := r.One("broker"); !ok && !request {
		r.Fail(c.Pos, "%s lacks broker=; expected the number of a broker", c.Name)
	}
	return n
}

func jump(r *script.Reader, c script.Command) time.Duration {
	a, ok := r.One("by")
	if !ok {
		r.Fail(c.Pos, "%s lacks by=; expected a duration such as 5s or -5s", c.Name)
		return 0
	}
	d := r.ParseDuration(a)
	if d == 0 {
		r.Fail(a.At, "by=%s; expected a duration such as 5s or -5s", a.Value)
	}
	return d
}

func moveCoordinator(r *script.Reader, c script.Command, about nouns) Action {
	m := MoveCoordinator{Group: r.String("group"), TransactionalID: r.String("transactional-id"), To: r.Int("to", 0, NoBroker)}
	switch {
	case m.Group != "" && m.TransactionalID != "":
		r.Fail(c.Pos, "%s of a group and a transactional id; expected one of them", c.Name)
	case m.Group == "" && m.TransactionalID == "" && about&(groups|transactions) == 0:
		r.Fail(c.Pos, "%s lacks group= or transactional-id=, which no request tells here; expected one of them", c.Name)
	}
	return m
}

func moveLeader(r *script.Reader, c script.Command, about nouns) Action {
	m := MoveLeader{TP: kafka.TopicPartition{Topic: r.String("topic")}, To: r.Int("to", 0, NoBroker)}
	m.TP.Partition = r.Int("partition", 0, 0)
	_, numbered := r.One("partition")
	switch {
	case numbered != (m.TP.Topic != ""):
		r.Fail(c.Pos, "%s with one of topic= and partition=; expected both or none", c.Name)
	case m.TP.Topic == "" && about&partitions == 0:
		r.Fail(c.Pos, "%s lacks topic= and partition=, which no request tells here; expected both", c.Name)
	}
	return m
}
