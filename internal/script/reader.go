package script

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Reader takes the arguments of a command apart. Its methods note what is wrong and return zero; [Reader.Done] tells the
// first of it, or that an argument is left that none of them asked for.
type Reader struct {
	command Command
	words   []Arg
	taken   map[string]bool
	keys    []string // that were asked for, in that order
	err     error
}

// NewReader returns a reader of c's arguments.
func NewReader(c Command) *Reader {
	r := &Reader{command: c, taken: map[string]bool{}}
	for _, a := range c.Args {
		if a.Key == "" {
			r.words = append(r.words, a)
		}
	}
	return r
}

// Fail notes that something is wrong at pos, unless something was before.
func (r *Reader) Fail(pos Pos, format string, args ...any) {
	if r.err == nil {
		r.err = Errorf(pos, format, args...)
	}
}

// Word takes the next argument that is only a value. If there is none, expected says what is missing.
func (r *Reader) Word(expected string) Arg {
	if len(r.words) == 0 {
		r.Fail(r.command.Pos, "%s lacks %s", r.command.Name, expected)
		return Arg{}
	}
	a := r.words[0]
	r.words = r.words[1:]
	return a
}

// Words takes all arguments left that are only values.
func (r *Reader) Words() []Arg {
	words := r.words
	r.words = nil
	return words
}

// Flag takes a word that may be among the arguments that are only values.
func (r *Reader) Flag(word string) bool {
	r.keys = append(r.keys, word)
	i := slices.IndexFunc(r.words, func(a Arg) bool { return a.Value == word })
	if i >= 0 {
		r.words = slices.Delete(slices.Clone(r.words), i, i+1)
	}
	return i >= 0
}

// All takes the arguments with a key, which may be given several times.
func (r *Reader) All(key string) []Arg {
	r.taken[key] = true
	r.keys = append(r.keys, key+"=")
	var all []Arg
	for _, a := range r.command.Args {
		if a.Key == key && key != "" {
			all = append(all, a)
		}
	}
	return all
}

// One takes the argument with a key, which may be given once. ok is false if it is not there.
func (r *Reader) One(key string) (a Arg, ok bool) {
	all := r.All(key)
	if len(all) == 0 {
		return Arg{}, false
	}
	if len(all) > 1 {
		r.Fail(all[1].Pos, "%s= is given twice; expected it once", key)
	}
	return all[0], true
}

// Strings takes the values of a key, which may be given several times but not empty.
func (r *Reader) Strings(key string) []string {
	var values []string
	for _, a := range r.All(key) {
		if a.Value == "" {
			r.Fail(a.At, "%s= is empty; expected a value", key)
		}
		values = append(values, a.Value)
	}
	return values
}

// String takes the value of a key, empty if it is not there.
func (r *Reader) String(key string) string {
	a, ok := r.One(key)
	if ok && a.Value == "" {
		r.Fail(a.At, "%s= is empty; expected a value", key)
	}
	return a.Value
}

// Ints takes the values of a key, which may be given several times: numbers of at least least.
func (r *Reader) Ints(key string, least int32) []int32 {
	var values []int32
	for _, a := range r.All(key) {
		values = append(values, r.int(a, least))
	}
	return values
}

// Int takes the value of a key, a number of at least least. It is otherwise if the key is not there.
func (r *Reader) Int(key string, least, otherwise int32) int32 {
	a, ok := r.One(key)
	if !ok {
		return otherwise
	}
	return r.int(a, least)
}

func (r *Reader) int(a Arg, least int32) int32 {
	n, err := strconv.ParseInt(a.Value, 10, 32)
	if err != nil || n < int64(least) {
		r.Fail(a.At, "%s=%s; expected a whole number from %d to %d", a.Key, Quote(a.Value), least, int32(1<<31-1))
		return 0
	}
	return int32(n)
}

// Duration takes the value of a key, a duration such as 1m30s or 250ms. ok is false if it is not there.
func (r *Reader) Duration(key string) (d time.Duration, ok bool) {
	a, ok := r.One(key)
	if !ok {
		return 0, false
	}
	return r.ParseDuration(a), true
}

// ParseDuration reads the value of an argument as a duration of whole milliseconds.
func (r *Reader) ParseDuration(a Arg) time.Duration {
	name := ""
	if a.Key != "" {
		name = a.Key + "="
	}
	d, err := time.ParseDuration(a.Value)
	if err != nil {
		r.Fail(a.At, "%s%s; expected a duration such as 1m30s or 250ms", name, Quote(a.Value))
		return 0
	}
	if d%time.Millisecond != 0 {
		r.Fail(a.At, "%s%s; expected a duration of whole milliseconds", name, Quote(a.Value))
		return 0
	}
	return d
}

// Probability takes the value of a key, a number over 0 and up to 1. It is otherwise if the key is not there.
func (r *Reader) Probability(key string, otherwise float64) float64 {
	a, ok := r.One(key)
	if !ok {
		return otherwise
	}
	p, err := strconv.ParseFloat(a.Value, 64)
	if err != nil || !(p > 0 && p <= 1) {
		r.Fail(a.At, "%s=%s; expected a number over 0 and up to 1", key, Quote(a.Value))
		return otherwise
	}
	return p
}

// Done is what was wrong first, or an argument that nobody asked for; nil if all is well.
func (r *Reader) Done() error {
	if r.err != nil {
		return r.err
	}
	for _, a := range r.command.Args {
		if a.Key != "" && !r.taken[a.Key] {
			return r.unknown(a, a.Key+"=")
		}
	}
	if len(r.words) > 0 {
		return r.unknown(r.words[0], Quote(r.words[0].Value))
	}
	return nil
}

func (r *Reader) unknown(a Arg, what string) error {
	if len(r.keys) == 0 {
		return Errorf(a.Pos, "%s takes no %s; expected no argument here", r.command.Name, what)
	}
	return Errorf(a.Pos, "%s takes no %s; %s", r.command.Name, what, OneOf(what, r.keys))
}

// OneOf says what was expected instead of a word: the one that looks like it, or else all, sorted.
func OneOf(word string, known []string) string {
	if k := Nearest(word, known); k != "" {
		return fmt.Sprintf("did you mean %s?", k)
	}
	all := slices.Compact(slices.Sorted(slices.Values(known)))
	if len(all) == 1 {
		return "expected " + all[0]
	}
	return "expected one of " + strings.Join(all, ", ")
}

// Nearest is the first of those known that a word may have been meant for, empty if none looks like it.
func Nearest(word string, known []string) string {
	best, least := "", len(word)/2+1
	for _, k := range known {
		if d := distance(word, k); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is how many characters have to be changed, put in or taken out to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
