package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestJSONCodecTakesItsTypeOnly(t *testing.T) {
	var c jsonCodec[airline]
	if _, err := c.Encode(airline{}); err == nil || !strings.Contains(err.Error(), "value is a main.airline, this topic takes a *main.airline") {
		t.Errorf("Encode of a value in place of a pointer: %v", err)
	}
	if _, err := c.Decode([]byte(`{"name":`)); err == nil || !strings.Contains(err.Error(), "not the JSON of a *main.airline") {
		t.Errorf("Decode of half an object: %v", err)
	}
	if _, err := c.Decode([]byte(`{"name":"Endeavor"} {}`)); err == nil || !strings.Contains(err.Error(), `"{}" comes after it`) {
		t.Errorf("Decode of two objects: %v", err)
	}
	if v, err := c.Decode([]byte(` {"name":"Endeavor"} `)); err != nil || v.(*airline).Name != "Endeavor" {
		t.Errorf("Decode of an object among spaces: %v, %v", v, err)
	}
}

func TestTableCodecFollowsTheTable(t *testing.T) {
	c := new(tableCodec[airline])
	name := func(data string) string {
		v, err := c.Decode([]byte(data))
		if err != nil {
			t.Fatal(err)
		}
		return v.(*airline).Name
	}
	for range 2 {
		for _, want := range []string{"Endeavor", "Pinnacle"} {
			if got := name(fmt.Sprintf(`{"name":%q}`, want)); got != want {
				t.Errorf("row of %s decodes to %s", want, got)
			}
		}
	}
	for i := range maxDecoded {
		name(fmt.Sprintf(`{"name":"%d"}`, i))
	}
	if len(c.decoded) > maxDecoded {
		t.Errorf("keeps %d rows", len(c.decoded))
	}
	if _, err := c.Decode([]byte("no object")); err == nil {
		t.Error("Decode of no object succeeds")
	}
}

func BenchmarkDecodeFlight(b *testing.B) {
	data := []byte(`{"carrier":"UA","flight":1545,"tailnum":"N14228","origin":"EWR","dest":"IAH","dep_delay":2,"arr_delay":11,"air_time":227,"distance":1400}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (jsonCodec[flight]{}).Decode(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLookUpAirport(b *testing.B) {
	data := []byte(`{"faa":"EWR","name":"Newark Liberty Intl","lat":40.6925,"lon":-74.168667,"alt":18,"tz":-5,"dst":"A","tzone":"America/New_York"}`)
	c := new(tableCodec[airport])
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Decode(data); err != nil {
			b.Fatal(err)
		}
	}
}
