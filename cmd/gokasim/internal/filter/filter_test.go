package filter

import (
	"strings"
	"testing"
	"time"

	"github.com/gokasim/gokasim/internal/kafka"
)

var order = Record{
	Topic: "orders", Partition: 2, Offset: 7, Time: time.UnixMilli(1000).UTC(), Key: []byte("k\x001"), Value: []byte(`{"total": 12.5, "tags": ["a", "b"], "who": {"name": "Ann"}}`),
	Headers: []kafka.Header{{Key: "id", Value: []byte("1")}, {Key: "id", Value: []byte("2")}, {Key: "nil"}},
}

func TestRecordsThatAreWanted(t *testing.T) {
	for text, want := range map[string]bool{
		`key startsWith "k"`:                            true,
		`json.total > 12`:                               true,
		`json.who.name == "Ann" and "b" in json.tags`:   true,
		`json?.nobody?.name == "Ann"`:                   false,
		`json.nobody.name == "Ann"`:                     false, // fails
		`header("id") == "2"`:                           true,
		`header("nobody") == nil`:                       true,
		`any(headers, .name == "id" && .value == "1")`:  true,
		`any(headers, .null)`:                           true,
		`topic == "orders" && partition == 2`:           true,
		`offset in [6, 7] && not tombstone && !nullKey`: true,
		`time < date("2020-01-01")`:                     true,
		`value matches "to.al"`:                         true,
		`size > 1000`:                                   false,
		Containing("Ann", ""):                           true,
		Containing("Ann", "key"):                        false,
		Containing("k\x00", "key"):                      true,
		Containing("nil", "headers"):                    true,
		Containing(`"total"`, "value"):                  true,
	} {
		f, err := Compile(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := f.Matches(order); got != want {
			_, err := f.Failures()
			t.Errorf("%s is %v: %v", f, got, err)
		}
	}
}

func TestFailuresAreCounted(t *testing.T) {
	f, err := Compile(`json.total > 3`)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		f.Matches(Record{Topic: "t", Offset: 5, Value: []byte("no JSON")})
	}
	if n, err := f.Failures(); n != 2 || err == nil || !strings.Contains(err.Error(), "t/0 at offset 5") {
		t.Errorf("%d failures: %v", n, err)
	}
	if !f.Matches(order) || f.Matches(Record{JSON: func() []byte { return []byte(`{"total":1}`) }}) || !f.Matches(Record{JSON: func() []byte { return []byte(`{"total":4}`) }}) {
		t.Error("other records are not chosen by their JSON")
	}
}

func TestWhatIsNoFilter(t *testing.T) {
	for _, text := range []string{
		"", "key", "nobody == 1", `key == `, `all(1..1000000, all(1..1000000, # > 0))`, `len(repeat("x", 100000)) > 0`, strings.Repeat("not ", 2000) + "tombstone",
		// what costs more time or memory than the record is long
		`let a = value + value; let b = a + a; len(b) > 0`, `len(replace(value, "", value)) > 0`, `len(split(value, "")) > 0`,
		`all(headers, all(headers, true))`, `len(value` + strings.Repeat("+value", 20) + `) > 0`,
	} {
		if _, err := Compile(text); err == nil {
			t.Errorf("%.60s is taken", text)
		}
	}
}
