// Package logger is what goka writes log lines to, and the ways to direct them.
package logger

import (
	"fmt"
	"log"
	"log/slog"
	"os"
	"strings"
)

// Logger takes log lines. The standard library's *log.Logger is one. It is called from many goroutines.
type Logger interface {
	// Print writes a line of its arguments, as fmt.Print formats them.
	Print(...interface{})
	// Println writes a line of its arguments, as fmt.Println formats them.
	Println(...interface{})
	// Printf writes a line, as fmt.Printf formats it; a newline is added where it is missing.
	Printf(string, ...interface{})
}

// Default returns a logger that writes to standard error, with date and time.
func Default() Logger { return log.New(os.Stderr, "", log.LstdFlags) }

// Discard returns a logger that writes nothing.
func Discard() Logger { return discard{} }

// OrDiscard returns l, and for nil a logger that writes nothing.
func OrDiscard(l Logger) Logger {
	if l == nil {
		return Discard()
	}
	return l
}

type discard struct{}

func (discard) Print(...interface{})          {}
func (discard) Println(...interface{})        {}
func (discard) Printf(string, ...interface{}) {}

// FromSlog returns a logger that hands each line to l as a message of level Info, and those of Warnf with level Warn. What goka
// puts before lines to say who writes them, it has as attributes: group, table, topic and partition.
func FromSlog(l *slog.Logger) Logger { return structured{l} }

type structured struct{ log *slog.Logger }

func (s structured) Print(args ...interface{})   { s.write(fmt.Sprint(args...)) }
func (s structured) Println(args ...interface{}) { s.write(fmt.Sprintln(args...)) }
func (s structured) Printf(format string, args ...interface{}) {
	s.write(fmt.Sprintf(format, args...))
}

func (s structured) Warnf(format string, args ...interface{}) {
	s.log.Warn(fmt.Sprintf(format, args...))
}

func (s structured) write(line string) { s.log.Info(strings.TrimRight(line, "\n")) }

// Warnf writes a line about something that went wrong and is tried again, or made do with.
func Warnf(l Logger, format string, args ...interface{}) {
	if w, ok := l.(interface {
		Warnf(format string, args ...interface{})
	}); ok {
		w.Warnf(format, args...)
		return
	}
	l.Printf(format, args...)
}

// Of returns a logger for lines of somebody: with attributes, names and values in turn, where l is made by FromSlog, and with a prefix as
// Prefixed has it elsewhere.
func Of(l Logger, prefix string, attributes ...any) Logger {
	if s, ok := l.(structured); ok {
		return structured{s.log.With(attributes...)}
	}
	return Prefixed(l, prefix)
}

// Prefixed returns a logger that puts prefix and a space before each line of l. A nil l discards them.
func Prefixed(l Logger, prefix string) Logger {
	if l = OrDiscard(l); l == Discard() {
		return l // there is nothing to format
	}
	return prefixed{l, prefix}
}

type prefixed struct {
	log    Logger
	prefix string
}

func (p prefixed) Print(args ...interface{}) { p.log.Print(p.prefix, " ", fmt.Sprint(args...)) }
func (p prefixed) Println(args ...interface{}) {
	p.log.Println(append([]interface{}{p.prefix}, args...)...)
}

func (p prefixed) Warnf(format string, args ...interface{}) {
	Warnf(p.log, "%s %s", p.prefix, fmt.Sprintf(format, args...))
}

func (p prefixed) Printf(format string, args ...interface{}) {
	p.log.Printf("%s %s", p.prefix, fmt.Sprintf(format, args...))
}
