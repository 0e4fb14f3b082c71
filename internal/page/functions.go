package page

import (
	"fmt"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// functions are what templates can call.
func (s *Site) functions() template.FuncMap {
	return template.FuncMap{
		"asset":    s.assetPath,
		"path":     func(parts ...any) string { return s.Path(texts(parts)...) },
		"count":    Count,
		"bytes":    Bytes,
		"duration": Duration,
		"ago":      func(t time.Time) string { return ago(t, time.Now()) },
		"time":     Time,
		"join":     func(list any, separator string) string { return joined(list, separator) },
		"dict":     dict,
	}
}

func texts(parts []any) []string {
	list := make([]string, len(parts))
	for i, p := range parts {
		list[i] = fmt.Sprint(p)
	}
	return list
}

func escapeAll(parts []string) []string {
	list := make([]string, len(parts))
	for i, p := range parts {
		list[i] = url.PathEscape(p)
		if p == "." || p == ".." { // a path has no other way to say these
			list[i] = strings.ReplaceAll(p, ".", "%2E")
		}
	}
	return list
}

// dict makes a map out of names and values, for templates that call others.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("dict got %d arguments, want pairs", len(pairs))
	}
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict got %v as a name", pairs[i])
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}

func joined(list any, separator string) string {
	switch list := list.(type) {
	case []string:
		return strings.Join(list, separator)
	case []int32:
		return Ranges(list, separator)
	}
	return fmt.Sprint(list)
}

// Ranges prints sorted numbers, neighbours as ranges: 0–2, 5.
func Ranges(list []int32, separator string) string {
	var parts []string
	for i := 0; i < len(list); {
		j := i
		for j+1 < len(list) && list[j+1] == list[j]+1 {
			j++
		}
		if j > i+1 {
			parts = append(parts, fmt.Sprintf("%d–%d", list[i], list[j]))
		} else {
			for ; i <= j; i++ {
				parts = append(parts, strconv.Itoa(int(list[i])))
			}
		}
		i = j + 1
	}
	return strings.Join(parts, separator)
}

// Count prints a number with a space between thousands.
func Count(n any) string {
	var v int64
	switch n := n.(type) {
	case int:
		v = int64(n)
	case int32:
		v = int64(n)
	case int64:
		v = n
	case uint:
		v = int64(n)
	case uint64:
		v = int64(n)
	default:
		return fmt.Sprint(n)
	}
	text := strconv.FormatInt(v, 10)
	start := 0
	if v < 0 {
		start = 1
	}
	for i := len(text) - 3; i > start; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return text
}

// Bytes prints a size.
func Bytes(n any) string {
	var v float64
	switch n := n.(type) {
	case int:
		v = float64(n)
	case int64:
		v = float64(n)
	default:
		return fmt.Sprint(n)
	}
	if v < 1024 {
		return fmt.Sprintf("%.0f B", v)
	}
	for _, unit := range []string{"KiB", "MiB", "GiB"} {
		if v /= 1024; v < 1024 {
			return fmt.Sprintf("%.1f %s", v, unit)
		}
	}
	return fmt.Sprintf("%.1f TiB", v/1024)
}

// Duration prints a duration for people: the two greatest units.
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "–" + Duration(-d)
	case d == 0:
		return "0 s"
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d d %d h", int(d.Hours())/24, int(d.Hours())%24)
}

func ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return Duration(now.Sub(t)) + " ago"
}

// Time prints a time in UTC, nothing for none.
func Time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05.000")
}
