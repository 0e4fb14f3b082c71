package record

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gokasim/gokasim/internal/dump"
)

// kind says what a Bound counts from.
type kind int

const (
	unset    kind = iota
	absolute      // an offset
	start         // so many after the first offset
	end           // so many before the end
	at            // a time
)

// Bound is one end of what is recorded, of each partition.
type Bound struct {
	kind kind
	n    int64
	time time.Time
}

// Range says what of a partition is recorded: from the first offset to the present end unless bounds say otherwise.
type Range struct {
	From, To Bound
	texts    []string // that it was read from
}

// Grammar explains what ParseRange reads.
const Grammar = `  start, beginning       from the first offset (the default)
  end                    from the present end, with --follow
  27, 27:                from offset 27
  +10, -10               from 10 after the first offset, from 10 before the end
  27:35, :35             up to an offset, which is not included
  :end                   up to the present end (the default without --follow)
  @2026-01-02            from a time: a date, RFC 3339, milliseconds or seconds since 1970, or a duration before now, as @-48h
  @2026-01-02:1h         up to a time, or for so long; @-48h:-24h, @-1h:end, @:-1h
  s@MILLISECONDS         kcat's words for from and, e@MILLISECONDS, up to a time`

// ParseRange reads offsets and times in the grammar of rpk, and kcat's words. Several texts may give one bound each, as kcat's s@ and e@.
func ParseRange(now time.Time, texts ...string) (Range, error) {
	r := Range{texts: texts}
	for _, text := range texts {
		one, err := parseRange(now, text)
		if err != nil {
			return Range{}, fmt.Errorf("offsets %q: %w", text, err)
		}
		if one.From.kind != unset {
			if r.From.kind != unset {
				return Range{}, fmt.Errorf("offsets %q: there are two beginnings; give one", text)
			}
			r.From = one.From
		}
		if one.To.kind != unset {
			if r.To.kind != unset {
				return Range{}, fmt.Errorf("offsets %q: there are two ends; give one", text)
			}
			r.To = one.To
		}
	}
	switch {
	case r.From.kind == at && r.To.kind == at && r.To.time.Before(r.From.time):
		return Range{}, fmt.Errorf("offsets %s: the end, %s, is before the beginning, %s", strings.Join(texts, " "), r.To.time.Format(time.RFC3339), r.From.time.Format(time.RFC3339))
	case r.From.kind == absolute && r.To.kind == absolute && r.To.n < r.From.n:
		return Range{}, fmt.Errorf("offsets %s: the end, %d, is before the beginning, %d", strings.Join(texts, " "), r.To.n, r.From.n)
	}
	return r, nil
}

func parseRange(now time.Time, text string) (r Range, err error) {
	switch {
	case text == "":
		return r, fmt.Errorf("there is nothing; leave the flag out for the whole topic")
	case strings.HasPrefix(text, "s@"):
		r.From, err = parseTime(now, text[2:], now)
	case strings.HasPrefix(text, "e@"):
		r.To, err = parseTime(now, text[2:], now)
	case strings.HasPrefix(text, "@"):
		return parseTimes(now, text[1:])
	default:
		from, to, two := strings.Cut(text, ":")
		if from != "" {
			if r.From, err = parseOffset(from); err != nil {
				return r, err
			}
		}
		if two && to != "" {
			r.To, err = parseOffset(to)
		}
		if two && from == "" && to == "" {
			err = fmt.Errorf("there is nothing on either side of the colon")
		}
	}
	return r, err
}

func parseOffset(text string) (Bound, error) {
	switch text {
	case "start", "beginning":
		return Bound{kind: start}, nil
	case "end":
		return Bound{kind: end}, nil
	}
	digits, k := text, absolute
	switch text[0] {
	case '+':
		digits, k = text[1:], start
	case '-':
		digits, k = text[1:], end
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil {
		return Bound{}, fmt.Errorf("%q is no offset; an offset is start, end, N, +N, -N, or a time after @", text)
	}
	return Bound{kind: k, n: int64(n)}, nil
}

func parseTimes(now time.Time, text string) (r Range, err error) {
	from, to, two := cutTimes(text)
	if from == "start" {
		r.From = Bound{kind: start}
	} else if from != "" {
		if r.From, err = parseTime(now, from, now); err != nil {
			return r, err
		}
	}
	switch {
	case !two || to == "":
		if from == "" {
			err = fmt.Errorf("there is no time after @")
		}
	case to == "end":
		r.To = Bound{kind: end}
	default:
		since := now
		if r.From.kind == at {
			since = r.From.time
		}
		r.To, err = parseTime(now, to, since)
	}
	return r, err
}

// cutTimes cuts at the colon between two times, which may have colons themselves.
func cutTimes(text string) (from, to string, two bool) {
	for i, c := range text {
		if c != ':' {
			continue
		}
		left, right := text[:i], text[i+1:]
		if timeLike(left) && timeLike(right) {
			return left, right, true
		}
	}
	return text, "", false
}

func timeLike(text string) bool {
	switch text {
	case "", "start", "end":
		return true
	}
	_, err := parseTime(time.Time{}, text, time.Time{})
	return err == nil
}

// parseTime reads a time. Durations with a sign count from now, those without from since.
func parseTime(now time.Time, text string, since time.Time) (Bound, error) {
	if _, err := strconv.ParseUint(text, 10, 63); err == nil && len(text) < 9 {
		return Bound{}, fmt.Errorf("%q is no time since 1970: seconds have 9 to 11 digits, milliseconds 12 or more", text)
	}
	if t, err := dump.ParseTime(text); err == nil {
		return Bound{kind: at, time: time.UnixMilli(int64(t)).UTC()}, nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		if strings.HasPrefix(text, "-") || strings.HasPrefix(text, "+") {
			since = now
		}
		return Bound{kind: at, time: since.Add(d)}, nil
	}
	return Bound{}, fmt.Errorf("%q is no time; a time is 2026-01-02, 2026-01-02T15:04:05Z, milliseconds since 1970, or a duration as -48h", text)
}
