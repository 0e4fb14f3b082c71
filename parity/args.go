package parity

import (
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/script"
)

// args are the arguments of a command, or of one of those after its colon.
type args struct {
	*script.Reader
	command    script.Command
	player     *Player
	do         []script.Command
	err        error
	version    int16
	unanswered bool                      // the broker says nothing to this
	after      func(kmsg.Response) error // learns from the answer
}

// commands make the requests of scripts.
var commands = map[string]func(a *args) kmsg.Request{}

func register(more map[string]func(a *args) kmsg.Request) bool {
	maps.Copy(commands, more)
	return true
}

func commandNames() []string {
	return slices.Sorted(maps.Keys(commands))
}

// finish tells what was wrong with the arguments.
func (a *args) finish() error {
	if a.err != nil {
		return a.err
	}
	if len(a.do) > 0 {
		return script.Errorf(a.do[0].Pos, "%s takes nothing after a colon", a.command.Name)
	}
	return a.Done()
}

// each reads what stands after the colon.
func (a *args) each(read func(name string, e *args)) {
	for _, c := range a.do {
		e := &args{Reader: script.NewReader(c), command: c, player: a.player}
		read(c.Name, e)
		if err := e.finish(); err != nil && a.err == nil {
			a.err = err
		}
	}
	a.do = nil
}

// text is the value of a key, which may be empty.
func (a *args) text(key, otherwise string) string {
	if v := a.optional(key); v != nil {
		return *v
	}
	return otherwise
}

// optional is the value of a key, nil if it is not there.
func (a *args) optional(key string) *string {
	v, ok := a.One(key)
	if !ok {
		return nil
	}
	return &v.Value
}

func (a *args) texts(key string) []string {
	var values []string
	for _, v := range a.All(key) {
		values = append(values, v.Value)
	}
	return values
}

// words are the arguments left that are only values.
func (a *args) words() []string {
	var words []string
	for _, w := range a.Words() {
		words = append(words, w.Value)
	}
	return words
}

func (a *args) word(expected string) string { return a.Word(expected).Value }

// int is the value of a key, any whole number.
func (a *args) int(key string, otherwise int64) int64 {
	v, ok := a.One(key)
	if !ok {
		return otherwise
	}
	return a.number(v)
}

func (a *args) int32(key string, otherwise int32) int32 { return int32(a.int(key, int64(otherwise))) }

func (a *args) number(v script.Arg) int64 {
	n, err := strconv.ParseInt(v.Value, 10, 64)
	if err != nil {
		a.Fail(v.At, "%s; expected a whole number", script.Quote(v.Value))
	}
	return n
}

// partition is the next argument that is only a value.
func (a *args) partition() int32 { return int32(a.number(a.Word("a partition"))) }

func (a *args) partitions() []int32 {
	var numbers []int32
	for _, w := range a.Words() {
		numbers = append(numbers, int32(a.number(w)))
	}
	return numbers
}

// list is numbers with commas between them.
func (a *args) list(v script.Arg) []int32 {
	var numbers []int32
	for _, part := range strings.Split(v.Value, ",") {
		if part != "" {
			numbers = append(numbers, int32(a.number(script.Arg{Value: part, At: v.At})))
		}
	}
	return numbers
}

// oneOf is the value of a key as a number.
func (a *args) oneOf(key string, otherwise string, numbers map[string]int8) int8 {
	v, ok := a.One(key)
	if !ok {
		return numbers[otherwise]
	}
	n, known := numbers[v.Value]
	if !known {
		return int8(a.number(v))
	}
	return n
}

// time is the value of a key as a moment: milliseconds since 1970, or now-2h and the like.
func (a *args) time(key string, otherwise int64) int64 {
	v, ok := a.One(key)
	if !ok {
		return otherwise
	}
	offset, relative := strings.CutPrefix(v.Value, "now")
	if !relative {
		return a.number(v)
	}
	d := time.Duration(0)
	if offset != "" {
		d = a.ParseDuration(script.Arg{Key: key, Value: offset, At: v.At})
	}
	ms := time.Now().Add(d).UnixMilli()
	if d.Abs() >= time.Minute {
		a.player.times[ms] = v.Value
	}
	return ms
}

func (a *args) hex(v script.Arg) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(v.Value, " ", ""))
	if err != nil {
		a.Fail(v.At, "%s: %v", script.Quote(v.Value), err)
	}
	return b
}

// member is the value of a key that names a member.
func (a *args) member(key string) string { return a.player.member(a.text(key, "")) }

// producer is the producer that producer= names, with the epoch of epoch= if that is there. One that nobody has is -1.
func (a *args) producer() producer {
	p := producer{id: -1, epoch: -1}
	if v, ok := a.One("producer"); ok {
		if known := a.player.producers[v.Value]; known != nil {
			p = *known
		} else {
			p = producer{id: a.number(v)}
		}
	}
	v, ok := a.One("epoch")
	switch {
	case ok && strings.HasPrefix(v.Value, "+"):
		p.epoch += int16(a.number(script.Arg{Value: v.Value[1:], At: v.At}))
	case ok:
		p.epoch = int16(a.number(v))
	}
	return p
}

// topicID is the id of a topic. One of a name that starts with "no-id" is made up.
func (a *args) topicID(name string) [16]byte {
	if strings.HasPrefix(name, "no-id") {
		a.player.topics[name] = [16]byte{1: 1, 15: 1}
	}
	id, err := a.player.topic(name)
	if err != nil && a.err == nil {
		a.err = err
	}
	return id
}

// configs are all arguments whose key has a dot in it, as cleanup.policy=compact.
func (a *args) configs() (keys []string, values map[string]string) {
	values = map[string]string{}
	for _, arg := range a.command.Args {
		if strings.Contains(arg.Key, ".") && !slices.Contains(keys, arg.Key) {
			keys = append(keys, arg.Key)
			values[arg.Key] = a.text(arg.Key, "")
		}
	}
	return keys, values
}
