// Package svn reads sources with Subversion's svn command.
//
// A source is a location, such as https://example.com/project, and a branch,
// which is a path below it: trunk, or branches/1.x. Its revisions are those of
// the repository that touched that path, since the path was made or copied from
// another; their ids are "r123", and their order is that of the numbers. Dates and
// authors can be rewritten in Subversion and mean nothing.
//
// There is no mirror: svn reads history and files straight from the server, which
// is how Subversion is made. What is kept in the cache directory is the UUID of
// each repository, since the numbers of another one in the same place mean
// something else. A repository that was put back to an earlier state and went on
// from there keeps its UUID, and cannot be told from one that did not.
//
// A checkout is a working copy. Externals are left out, unless the source asks
// for submodules: then each is checked out by itself, below, and one without a
// revision of its own at that of the checkout if it is from the same repository.
//
// # Whose configuration counts
//
// Nobody's: svn gets an empty configuration directory of ours. Credentials come
// from the secret that the source names, through standard input, and are stored
// nowhere; ssh keys come from ssh and its agent.
package svn

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/source/command"
	"github.com/weir-ci/weir/internal/source/mirror"
)

// Repositories reads Subversion sources. It implements every port of package
// source but source.MergeLister: merges of Subversion have no parents.
type Repositories struct {
	dir   string
	env   []string
	mkdir func() error // makes dir, once
}

var (
	_ source.Adapter    = (*Repositories)(nil)
	_ source.PathLister = (*Repositories)(nil)
	_ source.Preparer   = (*Repositories)(nil)
	_ source.RefLister  = (*Repositories)(nil)
	_ source.Resolver   = (*Repositories)(nil)
	_ source.FileReader = (*Repositories)(nil)
)

// New keeps what it has to remember below dir, which is made when it is first
// needed. env is the environment for svn, as NAME=VALUE; nil means this process's own.
func New(dir string, env []string) *Repositories {
	if env == nil {
		env = os.Environ()
	}
	return &Repositories{dir: dir, env: environment(env),
		mkdir: sync.OnceValue(func() error { return os.MkdirAll(filepath.Join(dir, configDir), 0o755) })}
}

// configDir is svn's configuration directory, below that of Repositories.
const configDir = "config"

// environment drops all variables that change what svn does. Names of files are
// UTF-8 in Subversion, and svn refuses those that the locale cannot say.
func environment(env []string) []string {
	var out []string
	tunnel := "SVN_SSH=ssh -o BatchMode=yes"
	for _, v := range env {
		name, _, _ := strings.Cut(strings.ToUpper(v), "=")
		switch {
		case name == "SVN_SSH":
			tunnel = v
		case strings.HasPrefix(name, "SVN_"), strings.HasPrefix(name, "LC_"), name == "LANG", name == "LANGUAGE":
		default:
			out = append(out, v)
		}
	}
	return append(out, "LC_ALL=C.UTF-8", "SSH_ASKPASS_REQUIRE=never", tunnel)
}

// local makes an svn command that needs no credential. The verb comes first.
func (m *Repositories) local(args ...string) command.Cmd {
	fixed := []string{"--non-interactive", "--no-auth-cache", "--config-dir", filepath.Join(m.dir, configDir),
		"--config-option", "servers:global:store-auth-creds=no", "--config-option", "config:auth:password-stores="}
	return command.Cmd{Name: "svn", Args: append(args[:1:1], append(fixed, args[1:]...)...), Dir: m.dir, Env: m.env}
}

// remote makes an svn command that may need src's credential.
func (m *Repositories) remote(ctx context.Context, src weir.Source, args ...string) (command.Cmd, error) {
	if err := m.mkdir(); err != nil {
		return command.Cmd{}, err
	}
	credential, err := source.CredentialOf(ctx, src)
	if err != nil || credential.Password == "" {
		return m.local(args...), err
	}
	c := m.local(append([]string{args[0], "--username=" + credential.User, "--password-from-stdin"}, args[1:]...)...)
	c.Stdin = credential.Password + "\n"
	return c, nil
}

// output runs an svn command that talks to src's server.
func (m *Repositories) output(ctx context.Context, src weir.Source, args ...string) ([]byte, error) {
	c, err := m.remote(ctx, src, args...)
	if err != nil {
		return nil, err
	}
	return command.Output(ctx, c)
}

// place is what `svn info` says of a path.
type place struct {
	Head   int64  `xml:"revision,attr"` // of the repository
	URL    string `xml:"url"`
	Root   string `xml:"repository>root"`
	UUID   string `xml:"repository>uuid"`
	Commit struct {
		Revision int64 `xml:"revision,attr"` // the last one that touched the path
	} `xml:"commit"`
}

// lookup asks the server about a path. One process.
func (m *Repositories) lookup(ctx context.Context, src weir.Source, target string) (place, error) {
	var answer struct {
		Entries []place `xml:"entry"`
	}
	out, err := m.output(ctx, src, "info", "--xml", "--", target)
	if err != nil {
		return place{}, unreachable(ctx, src, err)
	}
	if err := decode(out, &answer); err != nil || len(answer.Entries) != 1 || answer.Entries[0].UUID == "" {
		return place{}, weir.Errorf(weir.Internal, "svn says nothing of %s that makes sense", src.Location).WithCause(err)
	}
	return answer.Entries[0], nil
}

// noSuchThing is what svn calls errors about revisions, paths and URLs.
func noSuchThing(f *command.Failure) bool {
	return f.Has("E160006", "E160013", "E160005", "E200009", "E170000", "W170000", "E195012") && !f.Has("E170013", "E180001")
}

// unreachable explains a failed talk with a server.
func unreachable(ctx context.Context, src weir.Source, err error) error {
	var f *command.Failure
	var known *weir.Error
	switch {
	case ctx.Err() != nil, errors.As(err, &known), !errors.As(err, &f), f.Has("No space left on device"):
		return explain(ctx, src, err)
	case noSuchThing(f):
		return weir.Errorf(weir.NotFound, "%s has no such path or revision: %s", src.Location, f.LastLine()).
			WithHint("svn list %s shows what is there; the branch is a path below it, such as trunk", src.Location).WithCause(err)
	}
	return weir.Errorf(weir.Unavailable, "svn cannot read %s: %s", src.Location, f.LastLine()).
		WithHint("try as the user that runs weir: svn info --non-interactive %s", src.Location).WithCause(err)
}

// explain makes a *weir.Error of any error.
func explain(ctx context.Context, src weir.Source, err error) error {
	return mirror.Explain(ctx, "svn", src, src.Location, err)
}

// identity is the file that says which repository there was in src's place when
// its revisions were last told.
func (m *Repositories) identity(src weir.Source) string {
	sum := sha256.Sum256([]byte(src.Location + "\x00" + src.Branch))
	return filepath.Join(m.dir, source.DirName(src)+"-"+hex.EncodeToString(sum[:8])+".uuid")
}

// remember writes it.
func (m *Repositories) remember(ctx context.Context, src weir.Source, uuid string) error {
	path := m.identity(src)
	unlock, err := mirror.Lock(ctx, strings.TrimSuffix(path, ".uuid")+".lock", true)
	if err != nil {
		return err
	}
	defer unlock()
	if err := os.WriteFile(path+".new", []byte(uuid+"\n"), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
