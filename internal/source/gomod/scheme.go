package gomod

import (
	"go/version"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"github.com/weir-ci/weir"
)

// semantic is the scheme of ordinary modules.
type semantic struct{ path string }

func (s semantic) check(v string) error {
	if len(v) > maxVersion || module.CanonicalVersion(v) != v || module.Check(s.path, v) != nil {
		return weir.Errorf(weir.Invalid, "%.60q is not a version of module %s", v, s.path).
			WithHint("write an exact version, for example v1.2.3")
	}
	return nil
}

func (semantic) release(v string) bool              { return semver.Prerelease(v) == "" }
func (semantic) compare(a, b string) int            { return semver.Compare(a, b) }
func (s semantic) fromList(e string) (string, bool) { return e, s.check(e) == nil }
func (s semantic) query(v string) string            { return s.path + "@" + v }

// toolchainPath is the module that holds Go's own releases.
const toolchainPath = "golang.org/toolchain"

// toolchainPrefix stands before a release's name in the versions of that module.
const toolchainPrefix = "v0.0.1-"

// toolchains is the scheme of golang.org/toolchain.
type toolchains struct{ platform weir.Platform }

func (toolchains) check(v string) error {
	// A suffix, as in go1.21.0-custom, is valid for go/version but nothing
	// that is released.
	if len(v) > maxVersion || !version.IsValid(v) || strings.Trim(v, "abcdefghijklmnopqrstuvwxyz0123456789.") != "" {
		return weir.Errorf(weir.Invalid, "%.60q is not a Go release", v).WithHint("write it as go version does, for example go1.26.0")
	}
	return nil
}

func (toolchains) release(v string) bool {
	return !strings.Contains(v, "rc") && !strings.Contains(v, "beta")
}
func (toolchains) compare(a, b string) int { return version.Compare(a, b) }

func (t toolchains) fromList(e string) (string, bool) {
	v, ok := strings.CutPrefix(e, toolchainPrefix)
	v, mine := strings.CutSuffix(v, t.suffix())
	return v, ok && mine && t.check(v) == nil
}

func (t toolchains) query(v string) string {
	return toolchainPath + "@" + toolchainPrefix + v + t.suffix()
}

func (t toolchains) suffix() string { return "." + t.platform.OS() + "-" + t.platform.Arch() }
