// Package gomod reads Go modules with the go command, so that the user's
// GOPROXY, GOPRIVATE, GONOSUMDB and credentials apply.
//
// The revisions of a module are its released versions in the order of semantic
// versioning. Prereleases, retracted versions and pseudo-versions count only
// when the source names them in Versions, From or To. A version that appears
// late, below the newest known one (a fix of an older line), is not reported:
// positions only grow, and it lies behind them.
//
// Lists have gaps. Source.Versions is united with the list, and with Closed it
// replaces the list. If a list cannot be had but Versions are given, they are
// the list.
//
// The module golang.org/toolchain is special: it is Go itself. Its revisions
// are named go1.X.Y, taken from the entries for one platform, and ordered as
// Go orders its releases; a checkout is that release's GOROOT.
package gomod

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/mod/module"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/source/command"
)

// Limits of what a source may say.
const (
	maxPath     = 500  // bytes of a module path
	maxVersion  = 200  // bytes of a version
	maxVersions = 5000 // entries of Source.Versions
	chunk       = 10   // versions that one go command is asked about
	parallel    = 4    // go commands at once, for one listing
)

// Modules reads Go modules. It implements source.Adapter.
type Modules struct {
	env      []string
	platform weir.Platform
}

var _ source.Adapter = (*Modules)(nil)

// New reads modules with the environment env, as NAME=VALUE; nil means this
// process's own. Toolchains are those for this machine's platform.
func New(env []string) *Modules {
	if env == nil {
		env = os.Environ()
	}
	// GOFLAGS of the user must not reach these commands, and an empty value
	// would let `go env -w` decide; -trimpath is accepted by all of them and
	// means nothing to them.
	env = append(env[:len(env):len(env)],
		"GOFLAGS=-trimpath", "GOWORK=off", "GO111MODULE=on", "GOTOOLCHAIN=local", "LC_ALL=C",
		"GIT_TERMINAL_PROMPT=0", "GCM_INTERACTIVE=never", "SSH_ASKPASS_REQUIRE=never")
	return &Modules{env: env, platform: weir.Platform(runtime.GOOS + "/" + runtime.GOARCH)}
}

// run runs the go command outside of any module.
func (m *Modules) run(ctx context.Context, log io.Writer, args ...string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "weir-gomod-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	return command.Output(ctx, command.Cmd{Name: "go", Args: args, Dir: dir, Env: m.env, Log: log})
}

// scheme is how the versions of one module are written and ordered.
type scheme interface {
	check(version string) error                      // Invalid unless it is one exact version
	release(version string) bool                     // counts without being named
	compare(a, b string) int                         // the order of the line
	fromList(entry string) (version string, ok bool) // an entry of the proxy's list
	query(version string) string                     // what the go command calls it
}

// schemeOf checks src and finds its scheme.
func (m *Modules) schemeOf(src weir.Source) (scheme, error) {
	if len(src.Location) > maxPath || module.CheckPath(src.Location) != nil {
		return nil, weir.Errorf(weir.Invalid, "%.200q is not a Go module path", command.Redact(src.Location)).
			WithHint("write it as in go.mod, for example golang.org/x/mod")
	}
	if len(src.Versions) > maxVersions {
		return nil, weir.Errorf(weir.TooLarge, "%s names %d versions, more than %d", src.Location, len(src.Versions), maxVersions)
	}
	var s scheme = semantic{path: src.Location}
	if src.Location == toolchainPath {
		s = toolchains{platform: m.platform}
	}
	for _, v := range append([]string{src.From, src.To}, src.Versions...) {
		if v == "" {
			continue
		}
		if err := s.check(v); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// errText reads Error fields of the go command, which are an object from list
// and a string from download.
type errText string

// UnmarshalJSON accepts both forms.
func (e *errText) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) != nil {
		var o struct{ Err string }
		if err := json.Unmarshal(data, &o); err != nil {
			return err
		}
		s = o.Err
	}
	*e = errText(command.Redact(s))
	return nil
}

// line is the text on one line, without the module's name, which the message
// around it holds already.
func (e errText) line(src weir.Source) string {
	s := strings.Join(strings.Fields(string(e)), " ")
	s = strings.TrimPrefix(strings.TrimPrefix(s, "module "), src.Location)
	return command.Excerpt(strings.TrimLeft(s, ": "), 300)
}

// noSpace is how a full disk reads.
const noSpace = "no space left on device"

// reading makes a *weir.Error of what kept the go command from reading src.
func reading(ctx context.Context, src weir.Source, err error, text errText) error {
	var known *weir.Error
	var f *command.Failure
	switch {
	case errors.As(err, &known):
		return known
	case ctx.Err() != nil:
		return weir.Errorf(weir.Unavailable, "reading module %s was stopped: %w", src.Location, ctx.Err())
	case text == "" && errors.As(err, &f):
		text = errText(f.LastLine())
	}
	if strings.Contains(string(text), noSpace) {
		return weir.Errorf(weir.Exhausted, "no space left for module %s", src.Location).
			WithHint("go clean -modcache makes room").WithCause(err)
	}
	if text == "" {
		return weir.Errorf(weir.Internal, "the go command did not work on module %s", src.Location).WithCause(err)
	}
	return weir.Errorf(weir.Unavailable, "go cannot read module %s: %s", src.Location, text.line(src)).
		WithHint("try as the user that runs weir: go list -m -versions %s", src.Location).WithCause(err)
}
