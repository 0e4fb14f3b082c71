package memkafka_test

import (
	"testing"

	"github.com/gokasim/gokasim/memkafka"
)

func TestRecordsAreDeleted(t *testing.T) {
	c := memkafka.New()
	defer c.Close()
	if err := c.CreateTopic("t", 1); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if _, err := c.Produce("t", 0, memkafka.Record{Value: []byte("v")}); err != nil {
			t.Fatal(err)
		}
	}
	for _, before := range []memkafka.Offset{3, 1} {
		if err := c.DeleteRecords("t", 0, before); err != nil {
			t.Fatal(err)
		}
		if start, high, err := c.Offsets("t", 0); start != 3 || high != 5 || err != nil {
			t.Errorf("offsets %d to %d, %v; want 3 to 5", start, high, err)
		}
	}
	if err := c.DeleteRecords("t", 0, 6); err == nil {
		t.Error("records behind the end are deleted")
	}
	if err := c.DeleteRecords("u", 0, 1); err == nil {
		t.Error("records of a topic that is not there are deleted")
	}
}
