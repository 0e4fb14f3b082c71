// Package script is the one command language of transcripts, faults and replays: it reads text into statements, and
// prints them as text that reads the same.
//
// A script is lines. Each holds one statement or none, and perhaps a comment:
//
//	script    = { [ statement ] [ "#" comment ] newline }
//	statement = command [ ":" command { "," command } ]
//	command   = word { argument }
//	argument  = value | word "=" value
//	value     = word | string
//
// A word is one or more printable characters other than space and any of : = , # and ". A string is written like one of
// Go, in double quotes. There is no space around "=".
//
//	# The third batch is in the log, and its producer never hears of it.
//	on produce topic=clicks partition=1 nth=3: drop-response
//
// What the commands are called and which arguments they take belongs to who uses the language; a [Reader] takes
// arguments apart and says what is wrong with them, and where.
package script
