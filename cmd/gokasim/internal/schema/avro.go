package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"time"

	"github.com/hamba/avro/v2"
)

// avroNames are the types that earlier schemas named, so that a later one may use them.
type avroNames struct{ cache *avro.SchemaCache }

func (n *avroNames) parse(data []byte) (codec, string, error) {
	if n.cache == nil {
		n.cache = &avro.SchemaCache{}
	}
	parsed, err := avro.ParseBytesWithCache(data, "", n.cache)
	if err != nil {
		return nil, "", err
	}
	name := string(parsed.Type())
	if named, ok := parsed.(avro.NamedSchema); ok {
		name = named.FullName()
	}
	return avroType{parsed, name}, name, nil
}

// avroType is a codec of one Avro type.
type avroType struct {
	schema avro.Schema
	name   string
}

// decode reads values as Avro's specification has them in binary, and writes them as it has them in JSON, with two differences that
// make them easier to read: an optional value stands for itself, and logical types are as people write them.
func (t avroType) decode(b []byte, _ bool) ([]byte, string, error) {
	d := avroDecoder{in: avro.NewReader(nil, 0).Reset(b)}
	d.value(t.schema, 0)
	if d.in.Error != nil {
		return nil, "", d.in.Error
	}
	if d.in.Peek(); d.in.Error == nil {
		return nil, "", errors.New("there are more bytes than the schema has")
	}
	return d.out, t.name, nil
}

// mostDepth is how deep values may be nested.
const mostDepth = 200

type avroDecoder struct {
	in  *avro.Reader
	out []byte
}

func (d *avroDecoder) text(s string) { d.out = append(d.out, s...) }

func (d *avroDecoder) quoted(s string) {
	b, _ := json.Marshal(s) // a string always is
	d.out = append(d.out, b...)
}

// latin1 writes bytes as Avro's JSON has them: a letter for each byte.
func (d *avroDecoder) latin1(b []byte) {
	letters := make([]rune, len(b))
	for i, c := range b {
		letters[i] = rune(c)
	}
	d.quoted(string(letters))
}

func (d *avroDecoder) fail(format string, args ...any) {
	if d.in.Error == nil {
		d.in.Error = fmt.Errorf(format, args...)
	}
}

func (d *avroDecoder) value(s avro.Schema, depth int) {
	switch {
	case d.in.Error != nil:
		return
	case depth > mostDepth:
		d.fail("values are nested more than %d deep", mostDepth)
		return
	case len(d.out) > mostJSON:
		d.fail("decoded, it has more than %d bytes", mostJSON)
		return
	}
	switch s := s.(type) {
	case *avro.RefSchema:
		d.value(s.Schema(), depth+1)
	case *avro.NullSchema:
		d.text("null")
	case *avro.PrimitiveSchema:
		d.primitive(s)
	case *avro.FixedSchema:
		b := make([]byte, min(s.Size(), mostBytes))
		if d.in.Read(b); d.in.Error == nil {
			d.fixed(s, b)
		}
	case *avro.EnumSchema:
		n := int(d.in.ReadInt())
		symbol, ok := s.Symbol(n)
		if !ok {
			d.fail("enum %s has no symbol %d", s.FullName(), n)
		}
		d.quoted(symbol)
	case *avro.RecordSchema:
		d.text("{")
		for i, f := range s.Fields() {
			if i > 0 {
				d.text(",")
			}
			d.quoted(f.Name())
			d.text(":")
			d.value(f.Type(), depth+1)
		}
		d.text("}")
	case *avro.ArraySchema:
		d.text("[")
		d.blocks(func() { d.value(s.Items(), depth+1) })
		d.text("]")
	case *avro.MapSchema:
		d.text("{")
		d.blocks(func() {
			d.quoted(d.in.ReadString())
			d.text(":")
			d.value(s.Values(), depth+1)
		})
		d.text("}")
	case *avro.UnionSchema:
		d.union(s, depth)
	default:
		d.fail("the type %s cannot be decoded", s.Type())
	}
}

// blocks reads the blocks of an array or a map.
func (d *avroDecoder) blocks(item func()) {
	first := true
	for d.in.Error == nil {
		n, _ := d.in.ReadBlockHeader()
		if n == 0 {
			return
		}
		for ; n > 0 && d.in.Error == nil; n-- {
			if !first {
				d.text(",")
			}
			first = false
			item()
		}
	}
}

// union writes a value of an optional type for itself, and one of several types in an object under its type's name.
func (d *avroDecoder) union(s *avro.UnionSchema, depth int) {
	n, types := d.in.ReadLong(), s.Types()
	if d.in.Error != nil {
		return
	}
	if n < 0 || n >= int64(len(types)) {
		d.fail("a union of %d types has none with the number %d", len(types), n)
		return
	}
	chosen := types[n]
	if _, null := chosen.(*avro.NullSchema); null || len(types) <= 2 && s.Nullable() {
		d.value(chosen, depth+1)
		return
	}
	name := string(chosen.Type())
	if ref, ok := chosen.(*avro.RefSchema); ok {
		name = ref.Schema().FullName()
	} else if named, ok := chosen.(avro.NamedSchema); ok {
		name = named.FullName()
	}
	d.text("{")
	d.quoted(name)
	d.text(":")
	d.value(chosen, depth+1)
	d.text("}")
}

func (d *avroDecoder) primitive(s *avro.PrimitiveSchema) {
	var logical avro.LogicalType
	if s.Logical() != nil {
		logical = s.Logical().Type()
	}
	switch s.Type() {
	case avro.Boolean:
		d.text(strconv.FormatBool(d.in.ReadBool()))
	case avro.Int:
		d.integer(int64(d.in.ReadInt()), logical)
	case avro.Long:
		d.integer(d.in.ReadLong(), logical)
	case avro.Float:
		d.number(float64(d.in.ReadFloat()), 32)
	case avro.Double:
		d.number(d.in.ReadDouble(), 64)
	case avro.String:
		d.quoted(d.in.ReadString())
	case avro.Bytes:
		b := d.in.ReadBytes()
		if decimal, ok := s.Logical().(*avro.DecimalLogicalSchema); ok {
			d.decimal(b, decimal.Scale())
			return
		}
		d.latin1(b)
	default:
		d.fail("the type %s cannot be decoded", s.Type())
	}
}

func (d *avroDecoder) integer(n int64, logical avro.LogicalType) {
	const local = "2006-01-02T15:04:05.999999"
	switch logical {
	case avro.Date:
		d.quoted(time.Unix(0, 0).UTC().AddDate(0, 0, int(n)).Format(time.DateOnly))
	case avro.TimeMillis:
		d.quoted(time.UnixMilli(n).UTC().Format("15:04:05.999"))
	case avro.TimeMicros:
		d.quoted(time.UnixMicro(n).UTC().Format("15:04:05.999999"))
	case avro.TimestampMillis:
		d.quoted(time.UnixMilli(n).UTC().Format(time.RFC3339Nano))
	case avro.TimestampMicros:
		d.quoted(time.UnixMicro(n).UTC().Format(time.RFC3339Nano))
	case avro.LocalTimestampMillis:
		d.quoted(time.UnixMilli(n).UTC().Format(local))
	case avro.LocalTimestampMicros:
		d.quoted(time.UnixMicro(n).UTC().Format(local))
	default:
		d.text(strconv.FormatInt(n, 10))
	}
}

// number writes a number as JSON has it, and what JSON has no number for as text.
func (d *avroDecoder) number(x float64, bits int) {
	text := strconv.FormatFloat(x, 'g', -1, bits)
	if math.IsNaN(x) || math.IsInf(x, 0) {
		d.quoted(text)
		return
	}
	d.text(text)
}

func (d *avroDecoder) fixed(s *avro.FixedSchema, b []byte) {
	switch logical := s.Logical().(type) {
	case *avro.DecimalLogicalSchema:
		d.decimal(b, logical.Scale())
	case *avro.PrimitiveLogicalSchema:
		if logical.Type() == avro.UUID && len(b) == 16 {
			d.quoted(fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]))
			return
		}
		d.latin1(b)
	default:
		d.latin1(b)
	}
}

// decimal writes a big-endian number in two's complement, with the decimal point where it belongs, as text.
func (d *avroDecoder) decimal(b []byte, scale int) {
	if len(b) > 64 || scale > 1000 {
		d.latin1(b)
		return
	}
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
	d.quoted(new(big.Rat).SetFrac(n, ten).FloatString(scale))
}
