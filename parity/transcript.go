package parity

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Transcript is a script with the answers to it.
type Transcript struct {
	Recorded string   // the Apache Kafka that answered, as 4.3.0; empty if none did yet
	Since    string   // the oldest Apache Kafka that the script is for, as 4.0; empty: any
	About    []string // comments at its head
	Steps    []Step
}

// Step is some commands and the answers to them.
type Step struct {
	Line     int      // of the first command, from 1
	Comments []string // above the commands
	Commands []string
	Answers  []string
	By       []string // the command of each answer, where one was just asked; not part of the file
}

var (
	recordedLine = regexp.MustCompile(`^# Recorded from Apache Kafka (\S+)\.$`)
	sinceLine    = regexp.MustCompile(`^# Since Apache Kafka (\S+)\.$`)
)

const dashes = "----"

// Parse reads a transcript. Its answers may be missing, as in one that is yet to be recorded.
func Parse(text string) (*Transcript, error) {
	t := &Transcript{}
	var step Step
	answers, head := false, true
	end := func() {
		if len(step.Commands) > 0 {
			t.Steps = append(t.Steps, step)
		} else if head {
			t.About = append(t.About, step.Comments...)
		}
		head = head && len(step.Commands) == 0
		step, answers = Step{}, false
	}
	for i, line := range strings.Split(text, "\n") {
		switch {
		case line == "":
			end()
		case answers:
			step.Answers = append(step.Answers, line)
		case line == dashes && len(step.Commands) == 0:
			return nil, fmt.Errorf("line %d: answers to no command; expected commands above the dashes", i+1)
		case line == dashes:
			answers = true
		case recordedLine.MatchString(line):
			t.Recorded = recordedLine.FindStringSubmatch(line)[1]
		case sinceLine.MatchString(line):
			t.Since = sinceLine.FindStringSubmatch(line)[1]
		case strings.HasPrefix(line, "#"):
			step.Comments = append(step.Comments, line)
		default:
			if len(step.Commands) == 0 {
				step.Line = i + 1
			}
			step.Commands = append(step.Commands, line)
		}
	}
	end()
	if len(t.Steps) == 0 {
		return nil, fmt.Errorf("no commands; expected at least one")
	}
	return t, nil
}

// String is the transcript as Parse reads it.
func (t *Transcript) String() string {
	var b strings.Builder
	if t.Recorded != "" {
		fmt.Fprintf(&b, "# Recorded from Apache Kafka %s.\n", t.Recorded)
	}
	if t.Since != "" {
		fmt.Fprintf(&b, "# Since Apache Kafka %s.\n", t.Since)
	}
	lines := func(ls []string) {
		for _, l := range ls {
			b.WriteString(l + "\n")
		}
	}
	lines(t.About)
	for _, s := range t.Steps {
		b.WriteString("\n")
		lines(s.Comments)
		lines(s.Commands)
		b.WriteString(dashes + "\n")
		lines(s.Answers)
	}
	return b.String()
}

// SameScript reports whether two transcripts have the same commands.
func (t *Transcript) SameScript(other *Transcript) bool {
	return slices.EqualFunc(t.Steps, other.Steps, func(a, b Step) bool { return slices.Equal(a.Commands, b.Commands) })
}
