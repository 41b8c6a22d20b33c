package compat

import (
	"slices"
	"strings"

	"github.com/weir-ci/weir"
)

// Ask is a question: does a project work, with an upstream, on a platform?
type Ask struct {
	Project  string `json:"project"`
	Of       string `json:"of,omitempty"`       // version or branch of the project; empty: the newest
	Upstream string `json:"upstream,omitempty"` // empty: whatever it is built with
	Version  string `json:"version,omitempty"`  // of the upstream: a release, a branch, a revision; empty: the newest
	// Platform is os/arch, or one of both alone; empty: all.
	Platform string `json:"platform,omitempty"`
}

// Sentence is the question as people say it.
func (a Ask) Sentence() string {
	s := a.Project
	if a.Of != "" {
		s += " " + a.Of
	}
	if a.Upstream != "" {
		s += " on " + a.Upstream
		if a.Version != "" {
			s += " " + a.Version
		}
	}
	if a.Platform != "" {
		s += " on " + a.Platform
	}
	return s
}

// Limits of a sentence.
const (
	MaxSentence = 300 // bytes that are read
	maxWords    = 40
)

// Names are the projects that a farm knows.
type Names struct {
	All []string
	// Upstream reports whether the second is upstream of the first.
	Upstream func(downstream, upstream string) bool
}

// Parsed is what a sentence says.
type Parsed struct {
	Ask
	Strange []string `json:"strange,omitempty"` // words that mean nothing here
}

// mention is a project in a sentence, and the version behind it.
type mention struct{ name, version string }

// Parse reads a sentence such as "does twisted work on cpython 3.14 on windows?".
// The order is free: of two projects the one that is built against the other is
// the one that is asked for.
func Parse(sentence string, names Names) Parsed {
	sentence = strings.ToLower(sentence[:min(len(sentence), MaxSentence)])
	words := strings.Fields(strings.Map(func(r rune) rune {
		if strings.ContainsRune(",;?!()\"'`", r) {
			return ' '
		}
		return r
	}, sentence))
	words = words[:min(len(words), maxWords)]
	var p parser
	p.names = names
	for _, w := range words {
		p.word(strings.TrimRight(w, ".:"))
	}
	return p.done()
}

type parser struct {
	names    Names
	mentions []mention
	system   string
	machine  string
	version  string // that stands before any project
	out      Parsed
}

func (p *parser) word(w string) {
	if w == "" || prepositions[w] {
		return
	}
	if name, version, ok := p.project(w); ok {
		if !slices.ContainsFunc(p.mentions, func(m mention) bool { return m.name == name }) {
			p.mentions = append(p.mentions, mention{name, version})
		}
		return
	}
	if system, machine, ok := platform(w); ok {
		if system != "" {
			p.system = system
		}
		if machine != "" {
			p.machine = machine
		}
		return
	}
	if fillers[w] {
		return
	}
	if n := len(p.mentions); looksLikeVersion(w) {
		switch {
		case n > 0 && p.mentions[n-1].version == "":
			p.mentions[n-1].version = w
			return
		case n == 0 && p.version == "":
			p.version = w
			return
		}
	}
	p.stray(w)
}

// project finds the project that a word names, with a version in the same word
// if there is one: cpython, cpython@3.14, cpython3.14, python.
func (p *parser) project(w string) (name, version string, ok bool) {
	if name, ok := p.known(w); ok {
		return name, "", true
	}
	for _, sign := range []string{"==", "@", "=", "-", "_", "/"} {
		if i := strings.LastIndex(w, sign); i > 0 {
			if name, ok := p.known(w[:i]); ok && looksLikeVersion(w[i+len(sign):]) {
				return name, w[i+len(sign):], true
			}
		}
	}
	if i := strings.IndexAny(w, "0123456789"); i > 0 {
		if name, ok := p.known(strings.TrimSuffix(w[:i], "v")); ok {
			return name, w[i:], true
		}
	}
	return "", "", false
}

// known finds a project by its name, by one that people use for it, or by what
// stands before the version in its name.
func (p *parser) known(w string) (string, bool) {
	for _, name := range p.names.All {
		if strings.EqualFold(name, w) {
			return name, true
		}
	}
	for _, other := range called[w] {
		for _, name := range p.names.All {
			if strings.EqualFold(name, other) {
				return name, true
			}
		}
	}
	for _, name := range p.names.All { // cpython, of cpython-3.14 and cpython-3.13
		if base, _, ok := lineOf(name); ok && strings.EqualFold(base, w) {
			return base, true
		}
	}
	return "", false
}

// lineOf takes a name apart that has a version in it: cpython-3.14.
func lineOf(name string) (base, version string, ok bool) {
	i := strings.IndexAny(name, "0123456789")
	if i <= 0 || !strings.Contains(name[i:], ".") {
		return "", "", false
	}
	base = strings.TrimRight(strings.TrimSuffix(name[:i], "v"), "-_.")
	return base, name[i:], base != ""
}

func (p *parser) done() Parsed {
	p.out.Platform = joined(p.system, p.machine)
	for i := range p.mentions { // a line of an upstream that is a project of its own
		m := &p.mentions[i]
		for _, name := range p.names.All {
			if base, version, ok := lineOf(name); ok && strings.EqualFold(base, m.name) && m.version == version {
				m.name, m.version = name, ""
			}
		}
	}
	switch len(p.mentions) {
	case 0:
		p.stray(p.version)
		return p.out
	case 1:
		m := p.mentions[0]
		p.lend(&m)
		p.out.Project, p.out.Of = m.name, m.version
		return p.out
	}
	x, y, rest := p.mentions[0], p.mentions[1], p.mentions[2:]
	if up := p.names.Upstream; up != nil && !up(x.name, y.name) && up(y.name, x.name) {
		x, y = y, x
	}
	p.lend(&y)
	p.out.Project, p.out.Of, p.out.Upstream, p.out.Version = x.name, x.version, y.name, y.version
	for _, m := range rest {
		p.stray(m.name)
	}
	return p.out
}

// lend gives a project the version that stands before all of them, if it has none.
func (p *parser) lend(m *mention) {
	if m.version == "" {
		m.version, p.version = p.version, ""
	}
	p.stray(p.version)
}

// stray notes a word that means nothing here.
func (p *parser) stray(w string) {
	if w != "" {
		p.out.Strange = append(p.out.Strange, w)
	}
}

// newest are the words that ask for no version in particular.
var newest = map[string]bool{"latest": true, "newest": true, "head": true, "tip": true, "nightly": true, "current": true}

// looksLikeVersion reports whether a word may be a release, a branch or a revision.
func looksLikeVersion(w string) bool {
	if newest[w] || branches[w] {
		return true
	}
	digits := strings.TrimPrefix(w, "v")
	if digits != "" && digits[0] >= '0' && digits[0] <= '9' {
		return true
	}
	return isHash(w)
}

// shortHash is the least of a commit hash that is taken for one.
const shortHash = 7

func isHash(w string) bool {
	return len(w) >= shortHash && strings.Trim(w, "0123456789abcdef") == ""
}

var prepositions = set("on with against under for and in to at of using plus")

var fillers = set("does do will is are the a an it work works working run runs running pass passes passing compatible compatibility test tests tested " +
	"build builds built version versions release platform any all what about how well still")

var branches = set("main master trunk default develop dev tip")

func set(words string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(words) {
		out[w] = true
	}
	return out
}

// called is what people call projects whose repositories have other names.
var called = map[string][]string{
	"python": {"cpython"}, "python3": {"cpython"}, "py": {"cpython"}, "golang": {"go"}, "node.js": {"node"}, "nodejs": {"node"},
	"rustc": {"rust"}, "postgres": {"postgresql"}, "llvm": {"llvm-project"}, "clang": {"llvm-project"},
}

var systems = map[string]string{
	"linux": "linux", "windows": "windows", "win": "windows", "win32": "windows", "win64": "windows", "darwin": "darwin", "mac": "darwin",
	"macos": "darwin", "osx": "darwin", "freebsd": "freebsd", "openbsd": "openbsd", "netbsd": "netbsd", "dragonfly": "dragonfly",
	"solaris": "solaris", "illumos": "illumos", "aix": "aix", "android": "android", "plan9": "plan9",
}

var machines = map[string]string{
	"amd64": "amd64", "x86_64": "amd64", "x86-64": "amd64", "x64": "amd64", "arm64": "arm64", "aarch64": "arm64", "386": "386", "i386": "386",
	"i686": "386", "x86": "386", "arm": "arm", "armv7": "arm", "riscv64": "riscv64", "ppc64le": "ppc64le", "ppc64": "ppc64", "s390x": "s390x", "loong64": "loong64",
}

// platform reads a word that names an operating system, a machine, or both.
func platform(w string) (system, machine string, ok bool) {
	if s, ok := systems[w]; ok {
		return s, "", true
	}
	if m, ok := machines[w]; ok {
		return "", m, true
	}
	for _, sign := range []string{"/", "-", "_"} {
		a, b, cut := strings.Cut(w, sign)
		if s, m := systems[a], machines[b]; cut && s != "" && m != "" {
			return s, m, true
		}
	}
	return "", "", false
}

// Platform reads the name of a platform, or of a part of one, as people write
// it; empty if it is none.
func Platform(w string) string {
	system, machine, _ := platform(strings.ToLower(strings.TrimSpace(w)))
	return joined(system, machine)
}

func joined(system, machine string) string {
	if system != "" && machine != "" {
		return system + "/" + machine
	}
	return system + machine
}

// on reports whether a platform is what is asked for: os/arch, one of both, or anything.
func on(p weir.Platform, asked string) bool {
	system, machine, _ := strings.Cut(string(p), "/")
	return asked == "" || asked == string(p) || asked == system || asked == machine
}
