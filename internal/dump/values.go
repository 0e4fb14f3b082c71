package dump

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
)

// values cuts concatenated JSON values, or the elements of an array, out of a file in which they go over several lines.
type values struct {
	from  *bufio.Reader
	line  int // of the next byte
	array int // the line that the array begins in, 0 outside of one
	begun bool
	text  []byte
}

// next returns the text of the next value and the line that it begins in, or a *LineError for what is none.
func (v *values) next() (text []byte, line int, err error) {
	for {
		c, err := v.read()
		if begun := v.array; err == io.EOF && begun > 0 {
			v.array = 0
			return nil, v.line, &LineError{Line: v.line, Column: 1, Reason: fmt.Sprintf("the file ends inside the array that begins in line %d: records are missing, or just the ] behind them", begun)}
		}
		if err != nil {
			return nil, v.line, err
		}
		switch {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n' || v.array > 0 && c == ',' || c == '\x1e':
			continue
		case c == '[' && !v.begun:
			v.array, v.begun = v.line, true
			continue
		case c == ']' && v.array > 0:
			v.array = 0
			continue
		case c == '{':
			v.begun = true
			return v.object()
		}
		at := v.line
		rest, err := v.from.ReadSlice('\n')
		if err == nil {
			v.line++
		}
		return nil, at, &LineError{Line: at, Column: 1, Reason: fmt.Sprintf("found %q where a record should begin with {", append([]byte{c}, bytes.TrimSpace(rest)[:min(20, len(bytes.TrimSpace(rest)))]...))}
	}
}

func (v *values) read() (byte, error) {
	c, err := v.from.ReadByte()
	if c == '\n' && err == nil {
		v.line++
	}
	return c, err
}

// object reads up to the brace that closes the one just read.
func (v *values) object() ([]byte, int, error) {
	begun := v.line
	v.text = append(v.text[:0], '{')
	depth, inString, escaped := 1, false, false
	for depth > 0 {
		c, err := v.read()
		if err == io.EOF {
			return nil, begun, &LineError{Line: begun, Column: 1, Reason: "the file ends inside the record that begins here"}
		}
		if err != nil {
			return nil, begun, err
		}
		if v.text = append(v.text, c); len(v.text) > MaxLine {
			return nil, begun, fmt.Errorf("the record that begins in line %d is longer than %d MiB", begun, MaxLine>>20)
		}
		switch {
		case escaped:
			escaped = false
		case inString && c == '\\':
			escaped = true
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
	}
	return v.text, begun, nil
}

// spansLines reports whether the first JSON value in b, the beginning of a file, is an array or goes on after its line.
func spansLines(b []byte) bool {
	for {
		b = bytes.TrimLeft(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), " \t\r\n")
		if len(b) == 0 || b[0] != '%' {
			break
		}
		_, rest, found := bytes.Cut(b, []byte("\n"))
		if !found {
			return false
		}
		b = rest
	}
	if len(b) == 0 || b[0] != '{' {
		rest, array := bytes.CutPrefix(b, []byte("["))
		rest = bytes.TrimLeft(rest, " \t\r\n")
		return array && len(rest) > 0 && (rest[0] == '{' || rest[0] == ']')
	}
	line, _, whole := bytes.Cut(b, []byte("\n"))
	return whole && len(bytes.TrimSpace(line)) == 1
}
