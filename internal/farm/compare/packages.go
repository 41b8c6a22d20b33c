package compare

import (
	"bufio"
	"cmp"
	"io"
	"path"
	"slices"
	"strings"
)

// PackagesFile is what the name of an artifact ends in that lists the packages that
// a build ran with: a line for each, NAME VERSION or NAME==VERSION, as pip freeze
// writes them. Lines that begin with # and empty ones do not count.
const PackagesFile = "packages.txt"

// Packages is how the packages of two builds differ.
type Packages struct {
	// A and B say whether the build has a list.
	A bool `json:"a"`
	B bool `json:"b"`
	// Moves are the packages that differ, by name; at most MaxPackages. Same is how
	// many do not, More how many that do are not listed.
	Moves []PackageMove `json:"moves"`
	Same  int           `json:"same"`
	More  int           `json:"more,omitempty"`
}

// PackageMove is a package in two builds.
type PackageMove struct {
	Name string `json:"name"`
	From string `json:"from,omitempty"` // empty: it was not there
	To   string `json:"to,omitempty"`   // empty: it is not there
}

// Limits on a list of packages.
const (
	maxPackageBytes = 1 << 20
	maxPackageLine  = 4 << 10
	MaxPackages     = 1000
)

// IsPackages reports whether an artifact lists packages.
func IsPackages(artifact string) bool { return strings.HasSuffix(path.Base(artifact), PackagesFile) }

// ReadPackages reads a list: versions by name. What cannot be understood is left
// out, and so is what lies behind the first megabyte.
func ReadPackages(r io.Reader) (map[string]string, error) {
	list := map[string]string{}
	lines := bufio.NewScanner(io.LimitReader(r, maxPackageBytes))
	lines.Buffer(make([]byte, 0, maxPackageLine), maxPackageLine)
	for lines.Scan() {
		if name, version, ok := packageOf(lines.Text()); ok {
			list[name] = version
		}
	}
	if err := lines.Err(); err != nil && err != bufio.ErrTooLong {
		return nil, err
	}
	return list, nil
}

func packageOf(line string) (name, version string, ok bool) {
	line = strings.TrimSpace(strings.TrimSuffix(line, "\r"))
	if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "-") {
		return "", "", false
	}
	for _, separator := range []string{" @ ", "===", "==", " ", "\t", "@"} {
		if name, version, ok = strings.Cut(line, separator); ok && strings.TrimSpace(name) != "" {
			return strings.TrimSpace(name), strings.TrimSpace(version), true
		}
	}
	return line, "", true
}

// ComparePackages says how two lists differ.
func ComparePackages(a, b map[string]string) Packages {
	p := Packages{A: a != nil, B: b != nil, Moves: []PackageMove{}}
	if !p.A || !p.B {
		return p
	}
	for name, to := range b {
		from, known := a[name]
		switch {
		case known && from == to:
			p.Same++
		default:
			p.Moves = append(p.Moves, PackageMove{name, orThere(from, known), orThere(to, true)})
		}
	}
	for name, from := range a {
		if _, ok := b[name]; !ok {
			p.Moves = append(p.Moves, PackageMove{Name: name, From: orThere(from, true)})
		}
	}
	slices.SortFunc(p.Moves, func(x, y PackageMove) int { return cmp.Compare(x.Name, y.Name) })
	p.More = max(0, len(p.Moves)-MaxPackages)
	p.Moves = p.Moves[:len(p.Moves)-p.More]
	return p
}

// orThere is a version, or that there is one that nobody knows.
func orThere(version string, there bool) string {
	if there && version == "" {
		return "?"
	}
	return version
}
