package results

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/gokasim/gokasim/internal/dump"
)

// DiffOptions say what of two dumps counts as different.
type DiffOptions struct {
	IgnorePartitions bool // a record may be in another partition
	Times            bool // timestamps count
	Offsets          bool // offsets count
}

// Diff compares two dumps, or two directories of results, and writes what differs to w: lines with - are of a alone, lines with + of b alone.
// It reports how many topics there are, and which of them differ.
//
// Records are compared by topic, partition and key: the records of a key have to be the same, in the same order. Lines without partition and offset are rows
// of a table, and are compared by key.
func Diff(a, b string, o DiffOptions, w io.Writer) (topics int, different []string, err error) {
	left, err := side(a)
	defer func() { err = errors.Join(err, left.close()) }()
	if err != nil {
		return 0, nil, err
	}
	right, err := side(b)
	defer func() { err = errors.Join(err, right.close()) }()
	if err != nil {
		return 0, nil, err
	}
	if left.dir != right.dir {
		return 0, nil, fmt.Errorf("%s and %s are a file and a directory; name two of a kind", a, b)
	}
	names := slices.Collect(maps.Keys(left.files))
	for name := range right.files {
		if _, ok := left.files[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		x, inA := left.files[name]
		y, inB := right.files[name]
		switch {
		case !inB || !inA:
			topics++
			different = append(different, name)
			where := a
			if !inA {
				where = b
			}
			if _, err := fmt.Fprintf(w, "%s is in %s only\n", name, where); err != nil {
				return 0, nil, err
			}
		default:
			signs := "-" + a + " +" + b
			if left.dir {
				signs = "-" + x + " +" + y
			}
			n, d, err := diffFiles(x, y, name, signs, o, w)
			topics += n
			different = append(different, d...)
			if err != nil {
				return 0, nil, err
			}
		}
	}
	return topics, different, nil
}

// compared is one side: one dump, or the files of a directory by topic.
type compared struct {
	dir   bool
	files map[string]string
	copy  string // of what can be read only once; empty for none
}

func (c compared) close() error {
	if c.copy == "" {
		return nil
	}
	return os.Remove(c.copy)
}

func side(name string) (compared, error) {
	if dump.Once(name) {
		file, err := keep(name)
		return compared{files: map[string]string{"": file}, copy: file}, err
	}
	info, err := os.Stat(name)
	if err != nil {
		return compared{}, err
	}
	if !info.IsDir() {
		return compared{files: map[string]string{"": name}}, nil
	}
	files, err := expectations(name)
	if errors.Is(err, errNoFiles) {
		return compared{}, fmt.Errorf("directory %s holds no TOPIC.jsonl file", name)
	}
	return compared{dir: true, files: files}, err
}

// keep copies what can be read only once to a temporary file, since a comparison reads twice.
func keep(name string) (file string, err error) {
	from := os.Stdin
	if name != dump.Stdin {
		if from, err = os.Open(name); err != nil {
			return "", err
		}
		defer func() { err = errors.Join(err, from.Close()) }()
	}
	to, err := os.CreateTemp("", "gokasim-*")
	if err != nil {
		return "", fmt.Errorf("keeping %s to read it twice: %w", name, err)
	}
	_, err = io.Copy(to, from)
	if err = errors.Join(err, to.Close()); err != nil {
		return to.Name(), fmt.Errorf("keeping %s to read it twice: %w", name, err)
	}
	return to.Name(), nil
}

// place is where records are compared with one another.
type place struct {
	topic     string
	partition int32
	key       string
	null      bool
}

type digest [16]byte

// sequences are the records of each place, in order.
type sequences map[place][]digest

// placeOf finds the place of a record; those without a topic are of the one called topic.
func placeOf(rec *dump.Record, topic string, o DiffOptions) place {
	p := place{topic: rec.Topic, partition: rec.Partition, key: string(rec.Key), null: rec.Key == nil}
	if p.topic == "" {
		p.topic = topic
	}
	if o.IgnorePartitions {
		p.partition = dump.NoPartition
	}
	return p
}

func digestOf(rec *dump.Record, o DiffOptions) digest {
	h := sha256.New()
	fmt.Fprintf(h, "%v %q", rec.Value == nil, rec.Value) // a hash never fails
	for _, header := range rec.Headers {
		fmt.Fprintf(h, " %q %v %q", header.Key, header.Value == nil, header.Value)
	}
	if o.Times {
		fmt.Fprintf(h, " at %d", rec.Timestamp)
	}
	if o.Offsets {
		fmt.Fprintf(h, " offset %d", rec.Offset)
	}
	return digest(h.Sum(nil)[:16])
}

func read(file, topic string, o DiffOptions) (sequences, error) {
	s := sequences{}
	return s, each(file, func(rec *dump.Record) error {
		p := placeOf(rec, topic, o)
		if rec.Partition < 0 && rec.Offset < 0 { // a row: the last one counts
			s[p] = s[p][:0]
		}
		s[p] = append(s[p], digestOf(rec, o))
		return nil
	})
}

// diffFiles compares two dumps topic by topic. It holds a digest of each record, not the records.
func diffFiles(a, b, topic, signs string, o DiffOptions, w io.Writer) (topics int, different []string, err error) {
	left, err := read(a, topic, o)
	if err != nil {
		return 0, nil, err
	}
	right, err := read(b, topic, o)
	if err != nil {
		return 0, nil, err
	}
	seen := map[string]bool{}
	shown := map[string]*differences{}
	surplus := map[place]map[digest]int{} // of each place that differs: by how many b has more
	for _, s := range []sequences{left, right} {
		for p := range s {
			seen[p.topic] = true
			if surplus[p] != nil || slices.Equal(left[p], right[p]) {
				continue
			}
			more := map[digest]int{}
			for _, d := range left[p] {
				more[d]--
			}
			for _, d := range right[p] {
				more[d]++
			}
			surplus[p] = more
			if shown[p.topic] == nil {
				shown[p.topic] = &differences{topic: named(p.topic), what: "record", signs: signs, to: w}
			}
			n := 0
			for _, by := range more {
				n += max(by, -by)
			}
			shown[p.topic].count += max(n, 1)
		}
	}
	if len(surplus) == 0 {
		return len(seen), nil, nil
	}
	for _, name := range slices.Sorted(maps.Keys(shown)) {
		d := shown[name]
		different = append(different, named(name))
		show := func(sign string, step int) func(*dump.Record) error {
			return func(rec *dump.Record) error {
				p := placeOf(rec, topic, o)
				more := surplus[p]
				if p.topic != name || more == nil {
					return nil
				}
				if sum := digestOf(rec, o); more[sum]*step > 0 {
					more[sum] -= step
					d.line(sign, p.label(), labelOf(rec, o))
				}
				return nil
			}
		}
		reordered := orderOnly(surplus, name)
		if err := errors.Join(each(a, show("-", -1)), each(b, show("+", 1))); err != nil {
			return 0, nil, err
		}
		for _, p := range reordered {
			d.line("!", p.label(), "the same records in another order")
		}
		if err := d.end(); err != nil {
			return 0, nil, err
		}
	}
	return len(seen), different, nil
}

// orderOnly finds the places of a topic at which nothing but the order differs.
func orderOnly(surplus map[place]map[digest]int, topic string) []place {
	var found []place
	for p, more := range surplus {
		if p.topic == topic && !slices.ContainsFunc(slices.Collect(maps.Values(more)), func(n int) bool { return n != 0 }) {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(x, y place) int {
		if x.partition != y.partition {
			return int(x.partition) - int(y.partition)
		}
		if x.key < y.key {
			return -1
		}
		return 1
	})
	return found
}

func named(topic string) string {
	if topic == "" {
		return "(no topic)"
	}
	return topic
}

func (p place) label() string {
	key := Text(p.key)
	if p.null {
		key = "null"
	}
	if p.partition < 0 {
		return key
	}
	return fmt.Sprintf("[%d] %s", p.partition, key)
}

func labelOf(rec *dump.Record, o DiffOptions) string {
	text := Text(string(rec.Value))
	if rec.Value == nil {
		text = "null"
	}
	for _, h := range rec.Headers {
		value := "null"
		if h.Value != nil {
			value = Text(string(h.Value))
		}
		text += " " + Text(h.Key) + "=" + value
	}
	if o.Times {
		text += fmt.Sprintf(" at %d", rec.Timestamp)
	}
	if o.Offsets {
		text += fmt.Sprintf(" offset %d", rec.Offset)
	}
	return text
}
