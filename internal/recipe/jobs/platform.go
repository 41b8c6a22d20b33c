package jobs

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe/near"
	"github.com/weir-ci/weir/internal/recipe/strict"
)

// systems and architectures are the ones a worker can be built for.
func systems() []string {
	return []string{"aix", "android", "darwin", "dragonfly", "freebsd", "illumos",
		"linux", "netbsd", "openbsd", "solaris", "windows"}
}

func architectures() []string {
	return []string{"386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le",
		"mipsle", "ppc64", "ppc64le", "riscv64", "s390x"}
}

// otherName translates what others call a system or an architecture.
func otherName(s string) string {
	switch strings.ToLower(s) {
	case "x86_64", "x86-64", "x64":
		return "amd64"
	case "aarch64", "armv8":
		return "arm64"
	case "i386", "i686", "x86":
		return "386"
	case "macos", "osx", "mac":
		return "darwin"
	case "win", "win32", "win64":
		return "windows"
	}
	return s
}

// Platforms reads a list of platforms. Their order is kept.
func Platforms(r *strict.Reader, n *yaml.Node, what string) []weir.Platform {
	var out []weir.Platform
	r.List(n, what, func(_ int, n *yaml.Node) {
		s, ok := r.Text(n, "a platform in "+what)
		if !ok {
			return
		}
		p := weir.Platform(s)
		switch {
		case !p.Valid() || !slices.Contains(systems(), p.OS()) || !slices.Contains(architectures(), p.Arch()):
			badPlatform(r, strict.Target(n), s)
		case slices.Contains(out, p):
			r.Problem(n, "%s names %s twice", what, p)
		default:
			out = append(out, p)
		}
	})
	return out
}

func badPlatform(r *strict.Reader, n *yaml.Node, s string) {
	p := r.Problem(n, "unknown platform %s", strict.Show(s)).
		Hint("a platform is an operating system and an architecture as Go names them, for example linux/amd64")
	system, arch, _ := strings.Cut(s, "/")
	if arch == "" {
		arch = "amd64"
	}
	system, arch = otherName(system), otherName(arch)
	if !slices.Contains(systems(), system) {
		system = near.Name(system, systems())
	}
	if !slices.Contains(architectures(), arch) {
		arch = near.Name(arch, architectures())
	}
	if system != "" && arch != "" {
		p.Hint("did you mean %q?", system+"/"+arch)
	}
}

const maxLabels = 64

// Labels reads a list of labels. They are returned sorted.
func Labels(r *strict.Reader, n *yaml.Node, what string) []string {
	var out []string
	r.List(n, what, func(_ int, n *yaml.Node) {
		s, ok := r.Text(n, "a label in "+what)
		switch {
		case !ok:
		case !weir.ValidName(s):
			r.BadName(strict.Target(n), "a label", s)
		case slices.Contains(out, s):
			r.Problem(n, "%s names %s twice", what, strict.Show(s))
		case len(out) == maxLabels:
			r.Problem(n, "%s has more than %d labels", what, maxLabels)
		default:
			out = append(out, s)
		}
	})
	slices.Sort(out)
	return out
}
