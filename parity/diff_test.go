package parity_test

import "strings"

// lineDiff shows which lines differ, with - those wanted and with + those got, and one line before each place.
func lineDiff(want, got []string) string {
	common := make([][]int, len(want)+1) // the longest common subsequence of what is left of both
	for i := range common {
		common[i] = make([]int, len(got)+1)
	}
	for i := len(want) - 1; i >= 0; i-- {
		for j := len(got) - 1; j >= 0; j-- {
			if want[i] == got[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var out []string
	shown := false
	for i, j := 0, 0; i < len(want) || j < len(got); {
		if i < len(want) && j < len(got) && want[i] == got[j] {
			i, j, shown = i+1, j+1, false
			continue
		}
		if !shown && i > 0 {
			out = append(out, "  "+want[i-1])
		}
		shown = true
		if j == len(got) || i < len(want) && common[i+1][j] >= common[i][j+1] {
			out = append(out, "- "+want[i])
			i++
		} else {
			out = append(out, "+ "+got[j])
			j++
		}
	}
	return strings.Join(out, "\n")
}
