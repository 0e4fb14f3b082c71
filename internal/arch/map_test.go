package arch

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestTheMap holds the table of ARCHITECTURE.md to the packages that there are and to what they import. A package that is not in
// the table counts as part of the one above it.
func TestTheMap(t *testing.T) {
	imports := map[string][]string{}
	for _, p := range goList(t, "./...") {
		for _, to := range p.Imports {
			if strings.HasPrefix(to, module+"/") {
				imports[ours(p.ImportPath)] = append(imports[ours(p.ImportPath)], ours(to))
			}
		}
		imports[ours(p.ImportPath)] = append(imports[ours(p.ImportPath)], "") // the package is there
	}
	_, table, _ := strings.Cut(text(t, "ARCHITECTURE.md"), "\n## Packages\n")
	table, _, _ = strings.Cut(table, "\n## ")
	type drawn struct{ packages, imports []string }
	var rows []drawn
	at := map[string]int{} // a package's row
	ticked := regexp.MustCompile("`([^`]+)`")
	for _, line := range strings.Split(table, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !strings.Contains(cells[1], "`") {
			continue
		}
		var row drawn
		dir := ""
		for _, m := range ticked.FindAllStringSubmatch(cells[1], -1) {
			name := m[1]
			if !strings.Contains(name, "/") && imports[name] == nil { // `goka/web/index`, `monitor`
				name = dir + name
			}
			dir = name[:strings.LastIndex(name, "/")+1]
			name = strings.TrimSuffix(name, "/...")
			if _, twice := at[name]; twice {
				t.Errorf("ARCHITECTURE.md has two rows of %s", name)
			}
			at[name] = len(rows)
			row.packages = append(row.packages, name)
		}
		for _, m := range ticked.FindAllStringSubmatch(cells[3], -1) {
			row.imports = append(row.imports, m[1])
		}
		rows = append(rows, row)
	}
	if len(rows) < 40 {
		t.Fatalf("ARCHITECTURE.md has %d rows", len(rows))
	}

	part := map[string]string{} // a package's part of the table: itself, or the nearest above
	taken := map[int]map[string]bool{}
	for name := range imports {
		listed := name
		for _, found := at[listed]; !found && listed != ""; _, found = at[listed] {
			listed = listed[:max(strings.LastIndex(listed, "/"), 0)]
		}
		if listed == "" {
			t.Errorf("ARCHITECTURE.md has no row of %s", name)
		}
		part[name] = listed
	}
	for name, all := range imports {
		row := at[part[name]]
		if taken[row] == nil {
			taken[row] = map[string]bool{}
		}
		for _, to := range all {
			if to != "" && at[part[to]] != row {
				taken[row][part[to]] = true
			}
		}
	}
	for i, row := range rows {
		for _, name := range row.packages {
			if !slices.Contains(slices.Collect(maps.Values(part)), name) {
				t.Errorf("ARCHITECTURE.md: there is no package %s", name)
			}
		}
		for to := range taken[i] {
			if to != "internal/kafka" && !slices.ContainsFunc(row.imports, func(s string) bool { return means(s, to) }) {
				t.Errorf("ARCHITECTURE.md: %s imports %s, too", row.packages, to)
			}
		}
		for _, said := range row.imports {
			if !slices.ContainsFunc(slices.Collect(maps.Keys(taken[i])), func(to string) bool { return means(said, to) }) {
				t.Errorf("ARCHITECTURE.md: %s does not import %s", row.packages, said)
			}
		}
	}
}

// means reports whether the table says a package by this name: whole, without its folders, or as all of a folder.
func means(said, name string) bool {
	if folder, all := strings.CutSuffix(said, "…"); all {
		return strings.HasPrefix(name, folder)
	}
	return said == name || strings.HasSuffix(name, "/"+said)
}
