package goka

import (
	"sync/atomic"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka/logger"
)

// Logger takes log lines, see package logger.
type Logger = logger.Logger

// DefaultLogger returns a logger that writes to standard error, with date and time.
func DefaultLogger() Logger { return logger.Default() }

// SetSaramaLogger directs what sarama logs. It is a setting of the whole process, to be made before clients are.
func SetSaramaLogger(logger Logger) { sarama.Logger = logger }

var debugging atomic.Bool

// Debug turns goka's debug lines on or off, for the whole process and at once, and sarama's log: on standard error
// when saramaDebug is set.
func Debug(gokaDebug, saramaDebug bool) {
	debugging.Store(gokaDebug)
	if saramaDebug {
		SetSaramaLogger(logger.Prefixed(DefaultLogger(), "[Sarama]"))
	}
}

// debugf logs a line that only somebody who looks for a fault wants to read.
func debugf(l Logger, format string, args ...interface{}) {
	if debugging.Load() {
		l.Printf(format, args...)
	}
}
