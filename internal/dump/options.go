package dump

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Options say what an input does not say itself. The zero value reads dumps as they are.
type Options struct {
	Topic  string   `json:"topic,omitempty"`  // of records that name none
	Keys   Encoding `json:"keys,omitempty"`   // Text when empty
	Values Encoding `json:"values,omitempty"` // Text when empty

	// For files of columns, .csv and .tsv. Columns are named by the first line.
	KeyColumn   string `json:"key_column,omitempty"`   // null keys when empty
	ValueColumn string `json:"value_column,omitempty"` // all columns as a JSON object when empty
	TimeColumn  string `json:"time_column,omitempty"`  // no times when empty
	TimeLayout  string `json:"time_layout,omitempty"`  // of package time; RFC 3339, dates, and numbers of seconds or milliseconds when empty
}

// Check says what is wrong with o.
func (o Options) Check() error {
	for _, e := range []Encoding{o.Keys, o.Values} {
		if !slices.Contains([]Encoding{"", Text, JSON, Base64}, e) {
			return fmt.Errorf("encoding %q is none of text, json, base64", e)
		}
	}
	return nil
}

// Unused says which settings nothing of the inputs called names takes up: those of columns, when no file has columns, and a form of times without
// a column of times. Inputs that tell what they are only when they are read take up all.
func (o Options) Unused(names []string) error {
	if o.TimeLayout != "" && o.TimeColumn == "" {
		return fmt.Errorf("the form of times, %q, is of no use without a column of times", o.TimeLayout)
	}
	if o.KeyColumn+o.ValueColumn+o.TimeColumn == "" || slices.ContainsFunc(names, Once) {
		return nil
	}
	for _, name := range names {
		r, err := OpenWith(name, o)
		if err != nil {
			return nil //nolint:nilerr // who reads it tells
		}
		columns := r.columns != nil
		if err := r.Close(); err != nil || columns {
			return err
		}
	}
	return fmt.Errorf("columns are named, and no input has any: %s", cmp.Or(strings.Join(names, ", "), "name a .csv or .tsv file"))
}

func (o Options) line(text []byte, names *interner) line {
	return line{text: text, names: names, keys: orText(o.Keys), values: orText(o.Values)}
}

func orText(e Encoding) Encoding {
	if e == "" {
		return Text
	}
	return e
}
