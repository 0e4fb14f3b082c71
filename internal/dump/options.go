package dump

import (
	"fmt"
	"slices"
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

func (o Options) line(text []byte, names *interner) line {
	return line{text: text, names: names, keys: orText(o.Keys), values: orText(o.Values)}
}

func orText(e Encoding) Encoding {
	if e == "" {
		return Text
	}
	return e
}
