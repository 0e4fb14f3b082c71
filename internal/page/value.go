package page

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Value is bytes as a page shows them.
type Value struct {
	Kind  string // null, empty, text, json or hex; or what a schema is of
	Text  string // what is shown, never longer than was asked for
	Size  int    // of the whole, in bytes
	Cut   bool   // there is more than Text
	About string // what people should know of it, such as the schema it was decoded by
}

// The ways to show bytes.
const (
	Auto = "auto" // JSON if they are that, text if they are UTF-8, else hex
	Text = "text"
	JSON = "json"
	Hex  = "hex"
)

// ShowBytes returns bytes as text, decoded in the given way, and of it what the first limit bytes make: a value of 100 MB costs
// no more than a short one. Null, empty and other values differ in Kind. What cannot be decoded is shown as hex.
func ShowBytes(b []byte, as string, limit int) Value {
	v := Value{Size: len(b)}
	switch {
	case b == nil:
		v.Kind = "null"
		return v
	case len(b) == 0:
		v.Kind = "empty"
		return v
	}
	shown := b
	if len(shown) > limit {
		shown, v.Cut = shown[:limit], true
		for n := 0; n < utf8.UTFMax-1 && len(shown) > 0 && !utf8.Valid(shown[max(0, len(shown)-utf8.UTFMax):]) && utf8.Valid(shown[:len(shown)-1-n]); n++ {
			shown = shown[:len(shown)-1-n]
		}
	}
	if as == Hex || as != Text && !isText(shown) {
		v.Kind, v.Text = Hex, hex.Dump(shown)
		return v
	}
	if !v.Cut && (as == JSON || as == Auto || as == "") && looksLikeJSON(shown) {
		var pretty bytes.Buffer
		if json.Indent(&pretty, shown, "", "  ") == nil && pretty.Len() <= 4*limit {
			v.Kind, v.Text = JSON, pretty.String()
			return v
		}
	}
	v.Kind, v.Text = Text, string(bytes.ToValidUTF8(shown, []byte("\uFFFD")))
	return v
}

// ShowJSON returns JSON that bytes were decoded to, of a kind such as avro, and of it no more than the first limit bytes. The size is that
// of the bytes.
func ShowJSON(text []byte, kind, about string, size, limit int) Value {
	v := Value{Kind: kind, Size: size, About: about}
	var pretty bytes.Buffer
	if len(text) > limit || json.Indent(&pretty, text, "", "  ") != nil || pretty.Len() > 4*limit {
		pretty.Reset()
		pretty.Write(text[:min(len(text), limit)])
		v.Cut = len(text) > limit
	}
	v.Text = strings.ToValidUTF8(pretty.String(), "\uFFFD")
	return v
}

func isText(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	for _, r := range string(b) {
		if unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
	}
	return true
}

func looksLikeJSON(b []byte) bool {
	b = bytes.TrimSpace(b)
	return len(b) > 1 && (b[0] == '{' || b[0] == '[')
}

// Note says in words what a page does not show of a value; empty when it shows all.
func (v Value) Note() string {
	if !v.Cut {
		return ""
	}
	return fmt.Sprintf("the beginning of %s", Bytes(v.Size))
}
