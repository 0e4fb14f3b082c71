package target

import (
	"fmt"
	"slices"
	"strings"
)

// Selection is the graphs of one or several packages that one program runs.
type Selection []Chosen

// Chosen are the graphs of one package, one at least.
type Chosen struct {
	Package *Package
	Graphs  []Graph
}

// Select returns the graphs called names of the packages, or all of them when names is empty. Each name has to be that of a graph in one of the
// packages, and each package has to have graphs.
func Select(packages []*Package, names []string) (Selection, error) {
	var s Selection
	found := map[string]bool{}
	for i, p := range packages {
		if slices.ContainsFunc(packages[:i], func(other *Package) bool { return other.ImportPath == p.ImportPath }) {
			return nil, fmt.Errorf("package %s is named twice", p.ImportPath)
		}
		own := names
		if len(packages) > 1 && len(p.Graphs) > 0 {
			own = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !slices.Contains(p.Graphs, Graph{name}) })
		}
		for _, name := range own {
			found[name] = true
		}
		if len(names) > 0 && len(own) == 0 {
			continue
		}
		graphs, err := p.Select(own)
		if err != nil {
			return nil, err
		}
		s = append(s, Chosen{p, graphs})
	}
	for _, name := range names {
		if !found[name] {
			return nil, fmt.Errorf("%w: none of packages %s has an exported func %s() *goka.GroupGraph", ErrNoGraph, pathsOf(packages), name)
		}
	}
	return s, s.arrange()
}

// arrange puts the host first: nobody can import a program, and few what is internal.
func (s Selection) arrange() error {
	var programs []*Package
	for _, c := range s {
		if c.Package.Name == "main" {
			programs = append(programs, c.Package)
		}
	}
	if len(programs) > 1 {
		return fmt.Errorf("packages %s are programs, of which only one can be replayed at a time; move the graphs into packages that they import", pathsOf(programs))
	}
	rank := func(p *Package) int {
		switch {
		case p.Name == "main":
			return 0
		case slices.Contains(strings.Split(p.ImportPath, "/"), "internal"):
			return 1
		}
		return 2
	}
	slices.SortStableFunc(s, func(a, b Chosen) int { return rank(a.Package) - rank(b.Package) })
	return nil
}

// Host is the package whose tests the program is compiled as, and in whose directory it runs.
func (s Selection) Host() *Package { return s[0].Package }

// String names the packages.
func (s Selection) String() string {
	var packages []*Package
	for _, c := range s {
		packages = append(packages, c.Package)
	}
	return pathsOf(packages)
}

func pathsOf(packages []*Package) string {
	var paths []string
	for _, p := range packages {
		paths = append(paths, p.ImportPath)
	}
	return strings.Join(paths, ", ")
}
