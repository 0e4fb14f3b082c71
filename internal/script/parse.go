package script

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error is what is wrong with a script, and where.
type Error struct {
	Pos  Pos
	Text string // names what was found and what was expected
}

func (e *Error) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Pos.Line, e.Pos.Column, e.Text)
}

// Errorf is an [*Error] at pos.
func Errorf(pos Pos, format string, args ...any) error {
	return &Error{Pos: pos, Text: fmt.Sprintf(format, args...)}
}

// Parse reads a script. The error is an [*Error].
func Parse(text string) ([]Statement, error) {
	var statements []Statement
	for i, line := range strings.Split(text, "\n") {
		p := parser{rest: strings.TrimSuffix(line, "\r"), pos: Pos{Line: i + 1, Column: 1}}
		s, err := p.statement()
		if err != nil {
			return nil, err
		}
		if s != nil {
			statements = append(statements, *s)
		}
	}
	return statements, nil
}

// parser reads one line.
type parser struct {
	rest string
	pos  Pos
}

// statement is nil for a line without one.
func (p *parser) statement() (*Statement, error) {
	p.space()
	if p.end() {
		return nil, nil
	}
	head, err := p.command()
	if err != nil {
		return nil, err
	}
	s := &Statement{Command: head}
	if p.end() {
		return s, nil
	}
	if !p.take(':') { // a comma is all that a command can stop at beside the end and a colon
		return nil, Errorf(p.pos, "a comma before any colon; expected an argument, a colon or the end of the line")
	}
	for {
		c, err := p.command()
		if err != nil {
			return nil, err
		}
		s.Do = append(s.Do, c)
		if p.end() {
			return s, nil
		}
		if !p.take(',') {
			return nil, Errorf(p.pos, "a second colon; expected an argument, a comma or the end of the line")
		}
	}
}

// command stops at a colon, a comma or the end.
func (p *parser) command() (Command, error) {
	p.space()
	c := Command{Pos: p.pos}
	if c.Name = p.word(); c.Name == "" {
		return c, Errorf(p.pos, "%s; expected the name of a command", p.found())
	}
	for last := c.Name; ; {
		if r := p.peek(); r == '=' || r == '"' {
			return c, Errorf(p.pos, "%s right after %s; expected a space", p.found(), Quote(last))
		}
		p.space()
		if r := p.peek(); p.end() || r == ':' || r == ',' {
			return c, nil
		}
		a, err := p.arg()
		if err != nil {
			return c, err
		}
		c.Args = append(c.Args, a)
		last = a.Value
	}
}

func (p *parser) arg() (Arg, error) {
	a := Arg{Pos: p.pos, At: p.pos}
	if p.peek() == '"' {
		var err error
		a.Value, err = p.string()
		return a, err
	}
	if a.Value = p.word(); a.Value == "" {
		return a, Errorf(p.pos, "%s; expected an argument", p.found())
	}
	if !p.take('=') {
		return a, nil
	}
	a.Key, a.Value, a.At = a.Value, "", p.pos
	if p.peek() == '"' {
		var err error
		a.Value, err = p.string()
		return a, err
	}
	if a.Value = p.word(); a.Value == "" {
		return a, Errorf(p.pos, "%s; expected the value of %q right after the equals sign", p.found(), a.Key)
	}
	return a, nil
}

func (p *parser) word() string {
	n := 0
	for n < len(p.rest) {
		r, size := utf8.DecodeRuneInString(p.rest[n:])
		if !wordRune(r) || invalid(p.rest[n:], r) {
			break
		}
		n += size
	}
	word := p.rest[:n]
	p.skip(n)
	return word
}

func (p *parser) string() (string, error) {
	quoted, err := strconv.QuotedPrefix(p.rest)
	if err != nil {
		return "", Errorf(p.pos, "a string that does not end, or with an escape that is none; expected \"...\" as in Go")
	}
	value, err := strconv.Unquote(quoted)
	if err != nil {
		return "", Errorf(p.pos, "the string %s: %v", quoted, err)
	}
	p.skip(len(quoted))
	if r := p.peek(); !p.end() && !space(r) && r != ':' && r != ',' {
		return "", Errorf(p.pos, "%s right after a string; expected a space", p.found())
	}
	return value, nil
}

// skip goes on by n bytes.
func (p *parser) skip(n int) {
	p.pos.Column += utf8.RuneCountInString(p.rest[:n])
	p.rest = p.rest[n:]
}

func (p *parser) space() {
	n := 0
	for n < len(p.rest) && space(rune(p.rest[n])) {
		n++
	}
	p.skip(n)
}

func (p *parser) take(r rune) bool {
	if p.peek() != r {
		return false
	}
	p.skip(1)
	return true
}

func (p *parser) peek() rune {
	if p.rest == "" {
		return -1
	}
	r, _ := utf8.DecodeRuneInString(p.rest)
	return r
}

// end is true at the end of the line or at a comment.
func (p *parser) end() bool { return p.rest == "" || p.rest[0] == '#' }

// found names what stands here.
func (p *parser) found() string {
	switch r := p.peek(); {
	case p.rest == "":
		return "the line ends"
	case invalid(p.rest, r):
		return fmt.Sprintf("the byte %#x, which is not UTF-8", p.rest[0])
	case r == '#':
		return "a comment begins"
	case r == '"':
		return "a string"
	default:
		return fmt.Sprintf("the character %q", r)
	}
}

func space(r rune) bool { return r == ' ' || r == '\t' }

func wordRune(r rune) bool {
	return r != ' ' && unicode.IsPrint(r) && !strings.ContainsRune(`:=,#"`, r)
}

// invalid is true if the first character of s, which is r, is not UTF-8.
func invalid(s string, r rune) bool {
	return r == utf8.RuneError && !strings.HasPrefix(s, string(utf8.RuneError))
}
