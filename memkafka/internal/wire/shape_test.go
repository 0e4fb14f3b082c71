package wire

import (
	"reflect"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// fill puts something into every field, two elements into every array.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "UnknownTags" && f.Name != "Version" {
				fill(v.Field(i))
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i))
		}
	case reflect.String:
		v.SetString("text")
	default:
		if v.CanInt() {
			v.SetInt(5)
		}
	}
}

// TestShapes walks over requests of every key in every version, empty ones and full ones: to the last byte, and not over it.
func TestShapes(t *testing.T) {
	for key := range int16(kmsg.MaxKey) + 1 {
		r := kmsg.RequestForKey(key)
		if r == nil || shapes[key] == nil {
			continue
		}
		for v := range r.MaxVersion() + 1 {
			full := kmsg.RequestForKey(key)
			fill(reflect.ValueOf(full).Elem())
			for name, r := range map[string]kmsg.Request{"empty": kmsg.RequestForKey(key), "full": full} {
				r.SetVersion(v)
				body := r.AppendTo(nil)
				w := walker{rest: body, version: v, flexible: Flexible(key, v)}
				w.shape(shapes[key])
				if w.bad || len(w.rest) > 0 {
					t.Errorf("%s version %d, %s: %d of %d bytes are left, bad %v", kmsg.NameForKey(key), v, name, len(w.rest), len(body), w.bad)
				}
				for n := range body {
					if _, err := Weigh(key, v, body[:n]); err == nil {
						t.Errorf("%s version %d, %s: %d of %d bytes are taken for all", kmsg.NameForKey(key), v, name, n, len(body))
					}
				}
			}
		}
	}
}

// TestWeightOfManyElements is that of the memory they take, about.
func TestWeightOfManyElements(t *testing.T) {
	r := kmsg.NewPtrMetadataRequest()
	r.Topics = make([]kmsg.MetadataRequestTopic, 1000)
	r.SetVersion(1)
	n, err := Weigh(r.Key(), 1, r.AppendTo(nil))
	if want := 1000 * int(reflect.TypeFor[kmsg.MetadataRequestTopic]().Size()); err != nil || n < want || n > 2*want {
		t.Errorf("%d bytes, %v; want about %d", n, err, want)
	}
}

// TestEndlessTags says that there are four billion tagged fields.
func TestEndlessTags(t *testing.T) {
	body := []byte{1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 0, 1, 1, 0}
	if _, err := Weigh(20, 6, body); err == nil {
		t.Error("they are believed")
	}
}
