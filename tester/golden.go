package tester

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gokasim/gokasim/internal/dump"
	"github.com/gokasim/gokasim/internal/kafka"
)

// ExpectGolden fails the test when tables and outputs differ from what a file says, and shows the difference. Topics that
// registered processors or views keep as tables are compared by their rows, others by all of their records, as they are in
// the topic. The file has a line of JSON for each, as gokasim writes them.
//
// -gokasim.golden (GOKASIM_GOLDEN=1) writes the file instead; the test fails then all the same, so that nobody accepts
// what he has not looked at.
func (tt *Tester) ExpectGolden(file string, topics ...string) {
	tt.mark.Helper()
	if len(topics) == 0 {
		tt.mistakef("golden file %s: there is nothing to compare; name tables and outputs", file)
		return
	}
	if err := tt.awaitStart(); err != nil {
		tt.fatalf("golden file %s: %v", file, err)
		return
	}
	got, err := tt.goldenText(topics)
	if err != nil {
		tt.fatalf("golden file %s: %v", file, err)
		return
	}
	if err := compareGolden(file, got); err != nil {
		tt.errorf("%v", err)
	}
}

// compareGolden compares text with a golden file, or writes it if that is asked for.
func compareGolden(file string, got []byte) error {
	write, err := fromGolden.boolean()
	if err != nil {
		return err
	}
	want, err := os.ReadFile(file)
	switch {
	case write && err == nil && bytes.Equal(want, got):
		return nil
	case write:
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			return err
		}
		return fmt.Errorf("golden file %s was written; look at it, and run again without -gokasim.golden (GOKASIM_GOLDEN)", file)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("golden file %s does not exist; make it by -gokasim.golden (GOKASIM_GOLDEN=1)", file)
	case err != nil:
		return err
	case !bytes.Equal(want, got):
		diff := lineDiff(string(want), string(got))
		if diff == "" {
			diff = "  (in empty lines only)\n"
		}
		return fmt.Errorf("golden file %s differs (-want +got); -gokasim.golden (GOKASIM_GOLDEN=1) writes it anew:\n%s", file, diff)
	}
	return nil
}

func lines(text []byte) []string { return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") }

// goldenText is tables and outputs as a golden file has them.
func (tt *Tester) goldenText(topics []string) ([]byte, error) {
	var b bytes.Buffer
	for _, topic := range topics {
		fmt.Fprintf(&b, "%% %s\n", topic)
		out := dump.NewWriter(&b)
		var err error
		if stores := tt.tables.present(topic, 0); len(stores) > 0 {
			err = tt.writeRows(out, topic)
		} else {
			err = tt.writeRecords(out, topic)
		}
		if err = errors.Join(err, out.Flush()); err != nil {
			return nil, fmt.Errorf("topic %s: %w", topic, err)
		}
	}
	return b.Bytes(), nil
}

func (tt *Tester) writeRows(out *dump.Writer, topic string) error {
	keys, err := tt.tables.keys(topic)
	if err != nil {
		return err
	}
	for _, key := range keys {
		value, err := tt.row(topic, key)
		if err != nil {
			return err
		}
		if err := out.WriteRow([]byte(key), value); err != nil {
			return err
		}
	}
	return nil
}

// writeRecords writes records without their times, which differ from run to run unless the test gave them. Those of
// several partitions are sorted by key, each key's in their order.
func (tt *Tester) writeRecords(out *dump.Writer, topic string) error {
	raw, err := tt.rawRecords(topic, nil)
	if err != nil {
		return err
	}
	if tt.unordered(topic) {
		slices.SortStableFunc(raw, func(a, b placed) int { return bytes.Compare(a.Key, b.Key) })
	}
	for _, r := range raw {
		rec := dump.Record{
			Topic: topic, Partition: r.partition, Offset: r.Offset, Broker: dump.NoBroker,
			Timestamp: kafka.NoTimestamp, Key: r.Key, Value: r.Value, Headers: r.Headers,
		}
		if tt.unordered(topic) {
			rec.Partition, rec.Offset = dump.NoPartition, -1
		}
		if err := out.Write(&rec); err != nil {
			return err
		}
	}
	return nil
}
