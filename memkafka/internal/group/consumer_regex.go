package group

import (
	"maps"
	"regexp"
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
)

// resolvedRegex is the topics that a regular expression stood for when it was last looked at.
type resolvedRegex struct {
	topics  []string // sorted
	version int      // of the topics
	at      kafka.Millis
}

// regexRefreshMin is how long a group leaves its regular expressions alone after it looked at them. Kafka fixes it.
const regexRefreshMin kafka.Millis = 10_000

// compileRegex reads an expression of Kafka's, which is RE2 and has to match a whole topic name.
func compileRegex(expression string) (*regexp.Regexp, error) {
	return regexp.Compile(`^(?:` + expression + `)$`)
}

// changeRegex takes note that a member's expression has changed. It reports whether that changes what the group wants
// right now; an expression that is new to the group does so only once it is resolved.
func (c *consumer) changeRegex(before, after string) bool {
	if before == after {
		return false
	}
	c.forgetRegex(before)
	if after == "" {
		return true
	}
	_, resolved := c.regexes[after]
	return resolved
}

// forgetRegex drops an expression to which nobody subscribes any more.
func (c *consumer) forgetRegex(regex string) {
	for _, m := range c.members {
		if m.regex == regex {
			return
		}
	}
	if _, resolved := c.regexes[regex]; resolved {
		c.put(regexRecord{regex: regex})
	}
}

// resolveRegexes looks which topics the members' expressions stand for, when one is new, topics have changed, or it was
// long ago; but at most every 10 s. Kafka does so beside the requests, so it shows in the heartbeats that follow.
func (c *consumer) resolveRegexes() {
	wanted := map[string]bool{}
	for _, m := range c.members {
		if m.regex != "" {
			wanted[m.regex] = true
		}
	}
	if len(wanted) == 0 {
		return
	}
	last, resolved := c.lastResolved()
	if resolved && c.now <= last+regexRefreshMin {
		return
	}
	stale := c.regexesFor != c.topicsVersion || c.cfg.ConsumerRegexRefreshInterval > 0 && c.now > last+c.cfg.ConsumerRegexRefreshInterval
	if len(wanted) == len(c.regexes) && !stale {
		return
	}
	c.regexesFor = c.topicsVersion
	names := c.topicNames()
	changed := false
	for _, regex := range slices.Sorted(maps.Keys(wanted)) {
		found := resolvedRegex{topics: matching(regex, names), version: c.topicsVersion, at: c.now}
		changed = changed || !slices.Equal(found.topics, c.regexes[regex].topics)
		c.put(regexRecord{regex: regex, resolved: &found})
	}
	c.bump(changed)
}

func (c *consumer) lastResolved() (last kafka.Millis, resolved bool) {
	for _, r := range c.regexes {
		last, resolved = max(last, r.at), true
	}
	return last, resolved
}

func matching(regex string, names []string) []string {
	expression, err := compileRegex(regex)
	if err != nil {
		return nil // it was checked when it came; an expression from elsewhere matches nothing
	}
	var found []string
	for _, name := range names {
		if expression.MatchString(name) {
			found = append(found, name)
		}
	}
	return found
}
