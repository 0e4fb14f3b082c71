package goka_test

import (
	"testing"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
)

func TestK2_Headers(t *testing.T) {
	var none goka.Headers
	if none.Merged() != nil || none.Merged(nil, goka.Headers{}) != nil || none.ToSarama() != nil || none.ToSaramaPtr() != nil {
		t.Error("nothing became something")
	}
	h := goka.Headers{"a": []byte("1"), "b": []byte("2")}
	merged := h.Merged(goka.Headers{"b": []byte("3")}, nil, goka.Headers{"c": nil})
	if diff := cmp.Diff(goka.Headers{"a": []byte("1"), "b": []byte("3"), "c": nil}, merged); diff != "" {
		t.Errorf("merged (-want +got):\n%s", diff)
	}
	if string(h["b"]) != "2" {
		t.Error("Merged has changed its receiver")
	}
	want := []sarama.RecordHeader{{Key: []byte("a"), Value: []byte("1")}, {Key: []byte("b"), Value: []byte("3")}, {Key: []byte("c")}}
	for range 10 { // sorted, whatever the map's order is
		if diff := cmp.Diff(want, merged.ToSarama()); diff != "" {
			t.Fatalf("ToSarama (-want +got):\n%s", diff)
		}
	}
	pointers := append(merged.ToSaramaPtr(), nil, &sarama.RecordHeader{Key: []byte("a"), Value: []byte("last")})
	if diff := cmp.Diff(goka.Headers{"a": []byte("last"), "b": []byte("3"), "c": nil}, goka.HeadersFromSarama(pointers)); diff != "" {
		t.Errorf("back (-want +got):\n%s", diff)
	}
	if goka.HeadersFromSarama(nil) == nil {
		t.Error("no headers are nil")
	}
}
