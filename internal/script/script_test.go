package script

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	const text = "# A comment.\n" +
		"\n" +
		"on produce topic=clicks nth=3: drop-response, delay-response for=2s # why\r\n" +
		"\tsay \"Hello, world\" to=\"#1\"\n" +
		"größe=1\n" +
		"stop"
	_, err := Parse(text)
	if got, want := errorText(err), `line 5, column 6: the character '=' right after größe; expected a space`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	got, err := Parse(strings.Replace(text, "größe=1", "stay größe=1", 1))
	if err != nil {
		t.Fatal(err)
	}
	want := []Statement{
		{
			Command: Command{Name: "on", Pos: Pos{3, 1}, Args: []Arg{
				{Value: "produce", Pos: Pos{3, 4}, At: Pos{3, 4}},
				{Key: "topic", Value: "clicks", Pos: Pos{3, 12}, At: Pos{3, 18}},
				{Key: "nth", Value: "3", Pos: Pos{3, 25}, At: Pos{3, 29}},
			}},
			Do: []Command{
				{Name: "drop-response", Pos: Pos{3, 32}},
				{Name: "delay-response", Pos: Pos{3, 47}, Args: []Arg{{Key: "for", Value: "2s", Pos: Pos{3, 62}, At: Pos{3, 66}}}},
			},
		},
		{Command: Command{Name: "say", Pos: Pos{4, 2}, Args: []Arg{
			{Value: "Hello, world", Pos: Pos{4, 6}, At: Pos{4, 6}},
			{Key: "to", Value: "#1", Pos: Pos{4, 21}, At: Pos{4, 24}},
		}}},
		{Command: Command{Name: "stay", Pos: Pos{5, 1}, Args: []Arg{{Key: "größe", Value: "1", Pos: Pos{5, 6}, At: Pos{5, 12}}}}},
		{Command: Command{Name: "stop", Pos: Pos{6, 1}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func errorText(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}

func TestParseSaysWhatIsWrongAndWhere(t *testing.T) {
	for _, of := range []struct{ name, text, want string }{
		{"no name", "  : stop", `line 1, column 3: the character ':'; expected the name of a command`},
		{"a string for a name", `"on" x`, `line 1, column 1: a string; expected the name of a command`},
		{"nothing after the colon", "on:", `line 1, column 4: the line ends; expected the name of a command`},
		{"a comment after the comma", "on: a, # b", `line 1, column 8: a comment begins; expected the name of a command`},
		{"a comma first", "on x, y", `line 1, column 5: a comma before any colon; expected an argument, a colon or the end of the line`},
		{"two colons", "on: a: b", `line 1, column 6: a second colon; expected an argument, a comma or the end of the line`},
		{"space after the equals sign", "on x= y", `line 1, column 6: the character ' '; expected the value of "x" right after the equals sign`},
		{"space before the equals sign", "on x =y", `line 1, column 6: the character '='; expected an argument`},
		{"no value", "on x=", `line 1, column 6: the line ends; expected the value of "x" right after the equals sign`},
		{"two equals signs", "on x=y=z", `line 1, column 7: the character '=' right after y; expected a space`},
		{"a string too close", `on x"y"`, `line 1, column 5: a string right after x; expected a space`},
		{"a word too close", `on "x"y`, `line 1, column 7: the character 'y' right after a string; expected a space`},
		{"an open string", "stop\non äö \"x", `line 2, column 7: a string that does not end, or with an escape that is none; expected "..." as in Go`},
		{"a bad escape", `on "\q"`, `line 1, column 4: a string that does not end, or with an escape that is none; expected "..." as in Go`},
		{"not UTF-8", "on \xff", `line 1, column 4: the byte 0xff, which is not UTF-8`},
		{"a control character", "on \x00", `line 1, column 4: the character '\x00'; expected an argument`},
	} {
		t.Run(of.name, func(t *testing.T) {
			statements, err := Parse(of.text)
			if got := errorText(err); !strings.HasPrefix(got, of.want) {
				t.Errorf("%v\ngot  %s\nwant %s", statements, got, of.want)
			}
		})
	}
}

func TestReader(t *testing.T) {
	for _, of := range []struct{ name, text, want string }{
		{"all well", "do it once n=3 list=a list=b for=1m30s p=0.5", "no error"},
		{"nothing given", "do it", "no error"},
		{"a word missing", "do", "line 1, column 1: do lacks what to do"},
		{"a word too many", "do it onse", "line 1, column 7: do takes no onse; did you mean once?"},
		{"an unknown key", "do it lisst=a", "line 1, column 7: do takes no lisst=; did you mean list=?"},
		{"a key like none", "do it whatever=a", "line 1, column 7: do takes no whatever=; expected one of for=, list=, n=, once, p="},
		{"a key given twice", "do it n=1 n=2", "line 1, column 11: n= is given twice; expected it once"},
		{"a number too small", "do it n=0", "line 1, column 9: n=0; expected a whole number from 1 to 2147483647"},
		{"no number", `do it n="1 2"`, `line 1, column 9: n="1 2"; expected a whole number from 1 to 2147483647`},
		{"no value", `do it list=""`, `line 1, column 12: list= is empty; expected a value`},
		{"no duration", "do it for=1", "line 1, column 11: for=1; expected a duration such as 1m30s or 250ms"},
		{"half a millisecond", "do it for=500us", "line 1, column 11: for=500us; expected a duration of whole milliseconds"},
		{"no probability", "do it p=1.1", "line 1, column 9: p=1.1; expected a number over 0 and up to 1"},
		{"not a number", "do it p=NaN", "line 1, column 9: p=NaN; expected a number over 0 and up to 1"},
		{"the first of several", "do it p=2 n=0", "line 1, column 13: n=0; expected a whole number from 1 to 2147483647"},
	} {
		t.Run(of.name, func(t *testing.T) {
			statements, err := Parse(of.text)
			if err != nil {
				t.Fatal(err)
			}
			r := NewReader(statements[0].Command)
			r.Word("what to do")
			r.Flag("once")
			r.Int("n", 1, 1)
			r.Strings("list")
			r.Duration("for")
			r.Probability("p", 1)
			if got := errorText(r.Done()); got != of.want {
				t.Errorf("got  %s\nwant %s", got, of.want)
			}
		})
	}
}

func TestReaderOfACommandWithoutArguments(t *testing.T) {
	r := NewReader(Command{Name: "stop", Args: []Arg{Word("now")}})
	if got, want := errorText(r.Done()), "line 0, column 0: stop takes no now; expected no argument here"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	r = NewReader(Command{Name: "stop", Args: []Arg{Word("now"), Word("please")}})
	if words := r.Words(); len(words) != 2 || r.Done() != nil {
		t.Errorf("%v, %v", words, r.Done())
	}
	r = NewReader(Command{Name: "stop", Args: []Arg{Pair("at", ""), Pair("n", "-1"), Pair("n", "5")}})
	r.String("at")
	if got := r.Ints("n", -1); !reflect.DeepEqual(got, []int32{-1, 5}) {
		t.Error(got)
	}
	if got, want := errorText(r.Done()), "line 0, column 0: at= is empty; expected a value"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

var ignorePositions = cmp.Options{cmpopts.IgnoreTypes(Pos{}), cmpopts.EquateEmpty()}

// TestPrintedStatementsReadTheSame prints random statements and reads them.
func TestPrintedStatementsReadTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.String().Filter(IsWord)
		arg := rapid.Custom(func(t *rapid.T) Arg {
			value := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "value")
			if rapid.Bool().Draw(t, "keyed") {
				return Pair(word.Draw(t, "key"), value)
			}
			return Word(value)
		})
		command := rapid.Custom(func(t *rapid.T) Command {
			return Command{Name: word.Draw(t, "name"), Args: rapid.SliceOfN(arg, 0, 4).Draw(t, "args")}
		})
		s := Statement{Command: command.Draw(t, "head"), Do: rapid.SliceOfN(command, 0, 3).Draw(t, "do")}
		got, err := Parse(s.String())
		if err != nil {
			t.Fatalf("%s\n%v", s, err)
		}
		if diff := cmp.Diff([]Statement{s}, got, ignorePositions); diff != "" {
			t.Fatalf("%s\n%s", s, diff)
		}
	})
}

// FuzzParse reads anything. What can be read is printed as text that reads the same, and prints the same.
func FuzzParse(f *testing.F) {
	f.Add("on produce topic=t partition=1 nth=3: drop-response\n# no more\nat 1s: \"x\"")
	f.Fuzz(func(t *testing.T, text string) {
		statements, err := Parse(text)
		if err != nil {
			if e := (*Error)(nil); !errors.As(err, &e) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		var printed strings.Builder
		for _, s := range statements {
			printed.WriteString(s.String() + "\n")
		}
		again, err := Parse(printed.String())
		if err != nil {
			t.Fatalf("%q is printed as %q: %v", text, printed.String(), err)
		}
		if diff := cmp.Diff(statements, again, ignorePositions); diff != "" {
			t.Fatalf("%q is printed as %q\n%s", text, printed.String(), diff)
		}
	})
}
