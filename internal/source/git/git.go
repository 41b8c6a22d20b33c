// Package git reads sources with the git command.
//
// For each location there is one bare mirror in the cache directory, shared by
// all projects with that location and by all processes with that cache; a lock
// file beside it orders them. A mirror holds the branches that somebody asked
// for, with their whole history and tags. It appears by rename, so a half one
// is never seen; one that turns out to be damaged is made anew from the remote.
//
// A poll that finds nothing new is one `git ls-remote`. History is read along
// first parents: that is the order in which the branch moved, whatever the
// dates of the commits say.
//
// A checkout is a clone of the mirror with the objects copied, so that
// `git describe` and `git log` work in it, it stays whole when the mirror
// changes, and no step can reach the mirror through it. Copying costs about as
// much as writing the files does. With a depth, only so many commits are in it,
// and no tags.
//
// Submodules and LFS objects are fetched if the source says so, each time from
// where they are: mirrors do not hold them. Submodules have the remotes that a
// source may have, and those of a source from elsewhere may not lie in the file
// system (as git itself advises since CVE-2022-39253).
//
// A directory that a build used before can be used again: its .git is thrown
// away unread, since a build may have written hooks and filters there, and a new
// one from the mirror takes its place.
//
// # What a search for culprits needs
//
// A derived revision (weir.Without) is its head with one commit reverted. The
// revert is made by git's merge on trees, before any file is written, and
// becomes a commit of the checkout alone: the mirror never sees it. Neither
// attributes nor merge drivers nor hooks of anybody take part, and the same
// revision is the same commit on every machine. This needs git 2.38.
//
// [Mirrors.Merged] follows the first-parent line of a merged side, and
// [Mirrors.Touched] compares two trees. Both read the mirror, and talk to the
// remote only if the commit is not in it.
//
// # Whose configuration counts
//
// Talking to a remote (ls-remote, fetch) uses the configuration of the user
// that runs weir, and of the machine: credential helpers, ssh keys, proxies,
// certificates and insteadOf live there, and on Windows even the certificates
// that git trusts. That user is trusted. Prompts are off, hooks are off, and
// only the protocols file, git, http, https and ssh are allowed. Everything
// else (reading history, checkouts) sees no configuration but git's defaults,
// so that the files of a checkout are the same everywhere. Variables like
// GIT_DIR never reach git.
//
// If the source names a secret, that is all the credentials that git gets, and
// only its server sees them. ssh keys come from ssh and its agent.
package git

import (
	"context"
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

// Mirrors reads git sources through mirrors in a directory. It implements every
// port of package source.
type Mirrors struct {
	dir   string
	user  []string        // environment of commands that talk to a remote
	shut  []string        // environment of commands that see no configuration
	mkdir func() error    // makes dir, once
	ssh   func() []string // more environment for ssh, found out once
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
// the environment for git, as NAME=VALUE; nil means this process's own.
func New(dir string, env []string) *Mirrors {
	if env == nil {
		env = os.Environ()
	}
	user, shut := environments(env)
	m := &Mirrors{dir: dir, user: user, shut: shut,
		mkdir: sync.OnceValue(func() error { return os.MkdirAll(dir, 0o755) })}
	m.ssh = sync.OnceValue(m.sshEnv)
	return m
}

// kept lists the variables of git that tell how to reach remotes. All others
// that start with GIT_ are dropped: they would point git at another repository
// or make it write files.
var kept = []string{"GIT_SSH", "GIT_SSL_", "GIT_ASKPASS=", "GIT_PROXY_", "GIT_HTTP_",
	"GIT_CONFIG_GLOBAL=", "GIT_CONFIG_SYSTEM=", "GIT_CONFIG_NOSYSTEM=", "GIT_EXEC_PATH="}

func environments(env []string) (user, shut []string) {
	common := []string{"LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "GIT_LFS_SKIP_SMUDGE=1",
		"GIT_ALLOW_PROTOCOL=file:git:http:https:ssh", "SSH_ASKPASS_REQUIRE=never", "GCM_INTERACTIVE=never"}
	askpass := false
	for _, v := range env {
		if !strings.HasPrefix(strings.ToUpper(v), "GIT_") {
			user, shut = append(user, v), append(shut, v)
			continue
		}
		for _, k := range kept {
			if strings.HasPrefix(v, k) {
				user = append(user, v)
				askpass = askpass || k == "GIT_ASKPASS="
				break
			}
		}
	}
	if !askpass {
		user = append(user, "GIT_ASKPASS=") // or git would ask SSH_ASKPASS
	}
	shut = append(shut, "GIT_CONFIG_NOSYSTEM=1", "GIT_ATTR_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull)
	return append(user, common...), append(shut, common...)
}

// cmd makes a git command in dir ("" for none) that sees env.
func (m *Mirrors) cmd(env []string, dir string, args ...string) command.Cmd {
	// Attributes have a place of their own in the user's directory, which git
	// reads whatever configuration it is shut off from.
	fixed := []string{"-c", "core.hooksPath=" + os.DevNull, "-c", "core.fsmonitor=false", "-c", "protocol.ext.allow=never",
		"-c", "core.attributesFile=" + os.DevNull}
	return command.Cmd{Name: "git", Args: append(fixed, args...), Dir: dir, Env: env}
}

// remote is what a remote says of a branch.
type remote struct{ branch, tip string }

// lookup asks the remote where the branch is. One process.
func (m *Mirrors) lookup(ctx context.Context, src weir.Source) (remote, error) {
	if err := m.mkdir(); err != nil {
		return remote{}, explain(ctx, src, err)
	}
	ref := "HEAD"
	if src.Branch != "" {
		ref = "refs/heads/" + src.Branch
	}
	env, err := m.userEnv(ctx, src)
	if err != nil {
		return remote{}, err
	}
	out, err := command.Output(ctx, m.cmd(env, m.dir, "ls-remote", "--symref", "--", src.Location, ref))
	if err != nil {
		return remote{}, unreachable(ctx, src, err)
	}
	r := remote{branch: src.Branch}
	for line := range strings.Lines(string(out)) {
		value, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if name != ref {
			continue
		}
		if target, ok := strings.CutPrefix(value, "ref: refs/heads/"); ok && src.Branch == "" {
			r.branch = target
		} else if hashHex.MatchString(value) {
			r.tip = value
		}
	}
	return r, r.check(src)
}

// check turns what is missing into an error.
func (r remote) check(src weir.Source) error {
	hint := "git ls-remote --heads " + src.Location + " lists the branches"
	switch {
	case r.tip == "" && src.Branch != "":
		return weir.Errorf(weir.NotFound, "%s has no branch %s", src.Location, src.Branch).WithHint("%s", hint)
	case r.tip == "":
		return weir.Errorf(weir.NotFound, "%s has no commit on its default branch", src.Location).WithHint("%s", hint)
	case r.branch == "":
		return weir.Errorf(weir.NotFound, "%s has no default branch: its HEAD is detached", src.Location).
			WithHint("name the branch in the source; %s", hint)
	}
	return checkRefName("branch", r.branch)
}

// unreachable explains a failed talk with a remote.
func unreachable(ctx context.Context, src weir.Source, err error) error {
	var f *command.Failure
	var known *weir.Error
	if ctx.Err() != nil || errors.As(err, &known) || !errors.As(err, &f) || f.Has("No space left on device") {
		return explain(ctx, src, err)
	}
	return weir.Errorf(weir.Unavailable, "git cannot read %s: %s", src.Location, complaint(f)).
		WithHint("try as the user that runs weir: git ls-remote %s", src.Location).WithCause(err)
}

// advice is what git ends with, over two lines, when a remote hangs up.
const advice = "and the repository exists."

// complaintBytes is how much of a line of git is told.
const complaintBytes = 200

// complaint is the line in which git, or the ssh that it runs, says what is
// wrong: the last one, or the first one where the last is but general advice.
func complaint(f *command.Failure) string {
	if last := f.LastLine(); last != advice {
		return last
	}
	for line := range strings.Lines(f.Stderr) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(strings.ToLower(line), "warning:") {
			return command.Excerpt(line, complaintBytes)
		}
	}
	return advice
}

// explain makes a *weir.Error of any error.
func explain(ctx context.Context, src weir.Source, err error) error {
	return mirror.Explain(ctx, "git", src, "the mirror of "+src.Location, err)
}

// mirrorOf finds the place of src's mirror; the mirror itself may be absent.
func (m *Mirrors) mirrorOf(src weir.Source) *clone {
	return &clone{Mirrors: m, src: src, dir: filepath.Join(m.dir, mirrorName(src))}
}
