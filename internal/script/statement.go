package script

import (
	"strconv"
	"strings"
)

// Pos is a place in a script. Lines and columns count from 1, columns in characters.
type Pos struct{ Line, Column int }

// Statement is one line of a script: a command and, after a colon, others that depend on it.
type Statement struct {
	Command
	Do []Command // empty without a colon
}

// Command is a name and its arguments.
type Command struct {
	Name string // a word
	Args []Arg
	Pos  Pos // of the name
}

// Arg is one argument of a command.
type Arg struct {
	Key   string // a word, or empty for an argument that is only a value
	Value string
	Pos   Pos // of the key, or else of the value
	At    Pos // of the value
}

// Word is an argument that is only a value.
func Word(value string) Arg { return Arg{Value: value} }

// Pair is an argument with a key, which has to be a word.
func Pair(key, value string) Arg { return Arg{Key: key, Value: value} }

// String prints the statement in one line, without a newline.
func (s Statement) String() string {
	var b strings.Builder
	s.Command.writeTo(&b)
	separator := ": "
	for _, c := range s.Do {
		b.WriteString(separator)
		c.writeTo(&b)
		separator = ", "
	}
	return b.String()
}

// String prints the command in one line, without a newline.
func (c Command) String() string {
	var b strings.Builder
	c.writeTo(&b)
	return b.String()
}

func (c Command) writeTo(b *strings.Builder) {
	b.WriteString(c.Name)
	for _, a := range c.Args {
		b.WriteByte(' ')
		if a.Key != "" {
			b.WriteString(a.Key)
			b.WriteByte('=')
		}
		b.WriteString(Quote(a.Value))
	}
}

// Quote is the value as scripts have it: in double quotes unless it is a word.
func Quote(value string) string {
	if IsWord(value) {
		return value
	}
	return strconv.Quote(value)
}

// IsWord is true for a value that needs no quotes.
func IsWord(s string) bool {
	for i, r := range s {
		if !wordRune(r) || invalid(s[i:], r) {
			return false
		}
	}
	return s != ""
}
