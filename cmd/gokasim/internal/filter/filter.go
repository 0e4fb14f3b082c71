// Package filter chooses records by an expression over their keys, values and headers. Command line and page have the same one.
package filter

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"

	"github.com/gokasim/gokasim/internal/kafka"
)

// Grammar says in short what an expression can be made of.
const Grammar = `An expression of expr-lang.org that is true for the records wanted. It has
  key, value             as text; a null is the empty text, and nullKey or tombstone is true
  json                   the value as JSON has it: json.order.total > 100; nil if it is none
  header("name")         the last header of that name as text; nil if there is none
  headers                all of them, in order: any(headers, .name == "id" && .value contains "7")
  topic, partition, offset, time, size
and operators such as ==, <, contains, startsWith, matches, in, and, or, not, ?. and ??.
A record that it fails at, as a value without the field that is compared, is not wanted.`

// Record is what an expression is asked about.
type Record struct {
	Topic      string
	Partition  int32
	Offset     kafka.Offset
	Time       time.Time
	Key, Value []byte
	Headers    []kafka.Header
	JSON       func() []byte // of the value, when it is not the value itself; nil for that
}

// header is a header in an expression.
type header struct {
	Name  string `expr:"name"`
	Value string `expr:"value"`
	Null  bool   `expr:"null"`
}

// environment is what an expression sees.
type environment struct {
	Topic     string           `expr:"topic"`
	Partition int              `expr:"partition"`
	Offset    int              `expr:"offset"`
	Time      time.Time        `expr:"time"`
	Size      int              `expr:"size"`
	Key       string           `expr:"key"`
	Value     string           `expr:"value"`
	NullKey   bool             `expr:"nullKey"`
	Tombstone bool             `expr:"tombstone"`
	JSON      any              `expr:"json"`
	Headers   []header         `expr:"headers"`
	Header    func(string) any `expr:"header"`
}

// Filter is an expression that was compiled. It is not safe for concurrent use.
type Filter struct {
	text     string
	program  *vm.Program
	machine  vm.VM
	json     bool // the expression asks for json
	failures int64
	failed   error // the first of them
}

// mostNodes bounds how long an expression may be.
const mostNodes = 1000

// makers are functions that make more of a value than there was: what an expression may have in memory would grow with its length.
var makers = []string{"repeat", "replace", "split", "splitAfter", "join", "concat", "flatten", "toJSON", "toBase64", "fromBase64", "toPairs", "fromPairs"}

// Compile makes a filter of an expression. It fails when the expression is wrong, or is not true or false.
func Compile(text string) (*Filter, error) {
	f := &Filter{text: text}
	v := visitor{f: f}
	options := []expr.Option{expr.Env(environment{}), expr.AsBool(), expr.MaxNodes(mostNodes), expr.Patch(&v)}
	for _, name := range makers {
		options = append(options, expr.DisableBuiltin(name))
	}
	program, err := expr.Compile(text, options...)
	if err = errors.Join(err, v.wrong); err != nil {
		return nil, fmt.Errorf("filter %s: %w", text, err)
	}
	f.program = program
	return f, nil
}

// visitor looks at the parts of an expression.
type visitor struct {
	f     *Filter
	sums  int
	wrong error
}

// mostSums bounds how often an expression may add, be it numbers or text.
const mostSums = 8

// Visit refuses what could take an expression a long time, and sees what it needs.
func (v *visitor) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		v.f.json = v.f.json || n.Value == "json" || n.Value == "$env"
	case *ast.VariableDeclaratorNode:
		v.wrong = errors.New("let is not to be had")
	case *ast.PredicateNode:
		if ast.Find(n.Node, func(in ast.Node) bool { _, is := in.(*ast.PredicateNode); return is }) != nil {
			v.wrong = errors.New("a predicate in another is not to be had: it takes the time of both, multiplied")
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "..":
			v.wrong = errors.New("ranges are not to be had")
		case "+":
			if v.sums++; v.sums > mostSums {
				v.wrong = fmt.Errorf("more than %d sums are not to be had, since text grows by them", mostSums)
			}
		}
	}
}

// String is the expression.
func (f *Filter) String() string { return f.text }

// Failures returns how many records the expression failed at, and the first failure.
func (f *Filter) Failures() (int64, error) { return f.failures, f.failed }

// Matches reports whether a record is wanted.
func (f *Filter) Matches(r Record) bool {
	e := environment{
		Topic: r.Topic, Partition: int(r.Partition), Offset: int(r.Offset), Time: r.Time, Size: len(r.Key) + len(r.Value),
		Key: string(r.Key), Value: string(r.Value), NullKey: r.Key == nil, Tombstone: r.Value == nil,
	}
	for _, h := range r.Headers {
		e.Headers = append(e.Headers, header{h.Key, string(h.Value), h.Value == nil})
	}
	e.Header = func(name string) any {
		for i := len(e.Headers) - 1; i >= 0; i-- {
			if h := e.Headers[i]; h.Name == name && !h.Null {
				return h.Value
			}
		}
		return nil
	}
	if f.json {
		text := r.Value
		if r.JSON != nil {
			text = r.JSON()
		}
		if json.Unmarshal(text, &e.JSON) != nil {
			e.JSON = nil
		}
	}
	answer, err := f.machine.Run(f.program, e)
	if err != nil {
		if f.failures++; f.failed == nil {
			line, _, _ := strings.Cut(err.Error(), "\n")
			f.failed = fmt.Errorf("%s/%d at offset %d: %s", r.Topic, r.Partition, r.Offset, line)
		}
		return false
	}
	wanted, _ := answer.(bool)
	return wanted
}

// Containing is the expression for records that have a text somewhere: in the key, the value, the headers' names or values, or in
// one of these alone, if in names it.
func Containing(text, in string) string {
	q := strconv.Quote(text)
	key, value := "key contains "+q, "value contains "+q
	headers := "any(headers, .name contains " + q + " || .value contains " + q + ")"
	switch in {
	case "key":
		return key
	case "value":
		return value
	case "headers":
		return headers
	}
	return key + " || " + value + " || " + headers
}
