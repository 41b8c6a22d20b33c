// Package hg reads sources with Mercurial's hg command.
//
// For each location there is one mirror in the cache directory: a repository
// without files, shared by all projects with that location and by all processes
// with that cache; a lock file beside it orders them. A mirror appears by
// rename, so a half one is never seen; one that turns out to be damaged, or to
// be of a repository that is another one now, is made anew from the remote. It
// holds all branches, as clones of Mercurial do.
//
// The branch of a source is a named branch, and "default" if it names none. Its
// head is the one that the remote means by that name. History is read along
// first parents from there: that is the order in which the branch moved, whatever
// the dates of the commits say, and whatever numbers one repository gives them.
// Numbers are never used. A poll that finds nothing new is one `hg identify`.
//
// A checkout is a repository of its own, copied from the mirror, so that it stays
// whole when the mirror changes, and no step can reach the mirror through it.
// Subrepositories are checked out if the source says so, each from a mirror of
// its own, if they are Mercurial's; others are refused.
//
// # Whose configuration counts
//
// Nobody's. Configuration of Mercurial may hold hooks, extensions and aliases,
// which are programs, and a repository brings its own. So hg sees neither that of
// the user and the machine, nor that of repositories (HGRCPATH, HGRCSKIPREPO,
// which needs hg 5.3 or newer). Credentials come from the secret that the source
// names, ssh keys from ssh and its agent, proxies from http_proxy.
package hg

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/source/command"
	"github.com/weir-ci/weir/internal/source/mirror"
)

// Mirrors reads Mercurial sources through mirrors in a directory. It implements
// every port of package source.
type Mirrors struct {
	dir   string
	env   []string
	mkdir func() error // makes dir, once
}

var (
	_ source.Adapter     = (*Mirrors)(nil)
	_ source.MergeLister = (*Mirrors)(nil)
	_ source.PathLister  = (*Mirrors)(nil)
	_ source.Preparer    = (*Mirrors)(nil)
	_ source.RefLister   = (*Mirrors)(nil)
	_ source.Resolver    = (*Mirrors)(nil)
	_ source.FileReader  = (*Mirrors)(nil)
)

// New keeps mirrors below dir, which is made when it is first needed. env is
// the environment for hg, as NAME=VALUE; nil means this process's own.
func New(dir string, env []string) *Mirrors {
	if env == nil {
		env = os.Environ()
	}
	return &Mirrors{dir: dir, env: environment(env),
		mkdir: sync.OnceValue(func() error { return errors.Join(os.MkdirAll(dir, 0o755), sweep(dir)) })}
}

// authFiles are those with credentials, and staleAuth is how old one is that no
// running hg can need any more.
const (
	authFiles = "auth-*.rc"
	staleAuth = 24 * time.Hour
)

// sweep removes credentials that a process left behind when it was killed.
func sweep(dir string) error {
	old, err := filepath.Glob(filepath.Join(dir, authFiles))
	for _, path := range old {
		if info, statErr := os.Lstat(path); statErr == nil && time.Since(info.ModTime()) > staleAuth {
			err = errors.Join(err, os.Remove(path))
		}
	}
	return err
}

// environment drops all variables that change what hg does.
func environment(env []string) []string {
	var out []string
	for _, v := range env {
		name, _, _ := strings.Cut(strings.ToUpper(v), "=")
		if !strings.HasPrefix(name, "HG") && !strings.HasPrefix(name, "LC_") && name != "LANG" && name != "LANGUAGE" {
			out = append(out, v)
		}
	}
	return append(out, "LC_ALL=C", "HGPLAIN=1", "HGRCPATH=", "HGRCSKIPREPO=1", "HGENCODING=UTF-8", "SSH_ASKPASS_REQUIRE=never")
}

// cmd makes an hg command in dir ("" for none).
func (m *Mirrors) cmd(dir string, args ...string) command.Cmd {
	fixed := []string{"--noninteractive", "--config", "ui.ssh=ssh -o BatchMode=yes", "--config", "ui.merge=internal:fail",
		"--config", "ui.clonebundles=false", "--config", "ui.timeout=60", "--config", "subrepos.allowed=false"}
	return command.Cmd{Name: "hg", Args: append(args[:1:1], append(fixed, args[1:]...)...), Dir: dir, Env: m.env}
}

// remote runs an hg command that talks to src's remote, with its credential.
func (m *Mirrors) remote(ctx context.Context, src weir.Source, c command.Cmd) ([]byte, error) {
	credential, err := source.CredentialOf(ctx, src)
	if err != nil {
		return nil, err
	}
	if credential.Password == "" {
		return command.Output(ctx, c)
	}
	u, err := url.Parse(src.Location)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return nil, weir.Errorf(weir.Invalid, "hg takes no password for %s", src.Location).
			WithHint("take credentials out of the source and give the key to the ssh agent of the user that runs weir, or write an https location")
	}
	file, err := m.authFile(u, credential)
	if err != nil {
		return nil, err
	}
	defer os.Remove(file)
	c.Env = append(c.Env[:len(c.Env):len(c.Env)], "HGRCPATH="+file)
	return command.Output(ctx, c)
}

// authFile writes a configuration that nobody else may read and that has the
// credential for one host, and nothing else.
func (m *Mirrors) authFile(u *url.URL, c source.Credential) (string, error) {
	f, err := os.CreateTemp(m.dir, authFiles) // 0600
	if err != nil {
		return "", err
	}
	_, err = f.WriteString("[auth]\nweir.prefix = " + u.Scheme + "://" + u.Host + "/\nweir.schemes = " + u.Scheme +
		"\nweir.username = " + c.User + "\nweir.password = " + c.Password + "\n")
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// defaultBranch is what hg calls the branch of a repository that made none.
const defaultBranch = "default"

func branchOf(src weir.Source) string {
	if src.Branch == "" {
		return defaultBranch
	}
	return src.Branch
}

// lookup asks the remote for the head of the branch. One process.
func (m *Mirrors) lookup(ctx context.Context, src weir.Source) (tip string, err error) {
	if err := m.mkdir(); err != nil {
		return "", err
	}
	branch := branchOf(src)
	out, err := m.remote(ctx, src, m.cmd(m.dir, "identify", "--template={node}", "--rev="+branch, "--", src.Location))
	var f *command.Failure
	switch {
	case err != nil && errors.As(err, &f) && ctx.Err() == nil && f.Has("unknown revision", "unknown branch"):
		return "", noBranch(src, branch)
	case err != nil:
		return "", unreachable(ctx, src, err)
	}
	tip = strings.TrimSpace(string(out))
	if !hashHex.MatchString(tip) || strings.Trim(tip, "0") == "" {
		return "", noBranch(src, branch)
	}
	return tip, nil
}

func noBranch(src weir.Source, branch string) error {
	return weir.Errorf(weir.NotFound, "%s has no branch %s with a commit", src.Location, branch).
		WithHint("hg branches lists the named branches of a clone; bookmarks are none")
}

// unreachable explains a failed talk with a remote.
func unreachable(ctx context.Context, src weir.Source, err error) error {
	var f *command.Failure
	var known *weir.Error
	if ctx.Err() != nil || errors.As(err, &known) || !errors.As(err, &f) || f.Has("No space left on device") {
		return explain(ctx, src, err)
	}
	return weir.Errorf(weir.Unavailable, "hg cannot read %s: %s", src.Location, f.LastLine()).
		WithHint("try as the user that runs weir: HGRCPATH= hg identify %s", src.Location).WithCause(err)
}

// explain makes a *weir.Error of any error.
func explain(ctx context.Context, src weir.Source, err error) error {
	return mirror.Explain(ctx, "hg", src, "the mirror of "+src.Location, err)
}

// cloneOf finds the place of src's mirror; the mirror itself may be absent.
func (m *Mirrors) cloneOf(src weir.Source) *clone {
	return &clone{Mirrors: m, src: src, dir: filepath.Join(m.dir, mirrorName(src))}
}
