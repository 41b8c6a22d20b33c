package repro

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source/command"
	"github.com/weir-ci/weir/internal/worker/disk"
	"github.com/weir-ci/weir/internal/worker/execute"
	"github.com/weir-ci/weir/internal/worker/product"
)

// Checkouter checks out sources.
type Checkouter = execute.Checkouter

// sourceForm says how a source is kept in a capsule.
type sourceForm string

const (
	bundle sourceForm = "bundle" // a git bundle: the history up to the revision, and its tags
	tree   sourceForm = "tree"   // the checkout, packed like a product
)

// fallbackBranch names the branch of a bundle whose source follows the remote's
// default branch, if that has no name.
const fallbackBranch = "main"

// sourceName says which source it is, and not how it is followed.
type sourceName struct {
	Kind     weir.SourceKind `json:"kind"`
	Location string          `json:"location"`
	Branch   string          `json:"branch,omitempty"`
}

func nameOf(s weir.Source) sourceName { return sourceName{s.Kind, s.Location, s.Branch} }

// packSource checks a project out below dir, which is made, and packs it into a
// file there.
func packSource(ctx context.Context, from Checkouter, spec weir.Spec, dir string) (path string, form sourceForm, err error) {
	checkout := filepath.Join(dir, "checkout")
	if err := os.MkdirAll(checkout, 0o700); err != nil {
		return "", "", weir.Errorf(weir.Exhausted, "no directory to check out %s: %w", spec.Project, err)
	}
	defer func() { _ = disk.RemoveAll(checkout) }() // only what was packed is wanted
	src := spec.Source
	src.Credentials = ""   // the farm's secrets are not here: the tool finds those of whoever saves
	src.Checkout.Depth = 0 // a bundle begins where history does
	if err := from.Checkout(ctx, src, spec.Revision, checkout, nil); err != nil {
		return "", "", err
	}
	path = filepath.Join(dir, "packed")
	// A bundle holds neither submodules nor large files.
	if src.Kind == weir.Git && !src.Checkout.Submodules && !src.Checkout.LFS {
		return path, bundle, bundleOf(ctx, checkout, spec.Source.Branch, path)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", "", err
	}
	_, err = product.Pack(checkout, f)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return path, tree, err
}

// bundleOf writes what leads to the revision that is checked out, under the
// branch's name. Later revisions, and tags that are not on the way, stay out.
func bundleOf(ctx context.Context, checkout, branch, path string) error {
	if branch == "" {
		branch = fallbackBranch
	}
	later, err := git(ctx, checkout, "", "for-each-ref", "--no-merged=HEAD", "--format=delete %(refname)", "refs/tags", "refs/heads")
	if err != nil {
		return err
	}
	head := "update refs/heads/" + branch + " HEAD\n"
	if _, err := git(ctx, checkout, later+head, "update-ref", "--stdin"); err != nil {
		return err
	}
	_, err = git(ctx, checkout, "", "bundle", "create", "--quiet", path, "HEAD", "refs/heads/"+branch, "--tags")
	return err
}

// git runs git in a checkout, without the user's configuration.
func git(ctx context.Context, dir, stdin string, args ...string) (string, error) {
	env := []string{"LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_TERMINAL_PROMPT=0", "HOME=" + dir}
	for _, name := range []string{"PATH", "SystemRoot", "TMPDIR", "TEMP", "TMP"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	fixed := []string{"-c", "core.hooksPath=" + os.DevNull, "-c", "core.fsmonitor=false"}
	out, err := command.Output(ctx, command.Cmd{Name: "git", Args: append(fixed, args...), Dir: dir, Env: env, Stdin: stdin})
	return string(out), err
}

// Checkout puts a source of the capsule into dir, as the farm's source would.
// NotFound if the capsule does not hold it.
func (c *Capsule) Checkout(ctx context.Context, src weir.Source, revision, dir string, log io.Writer) error {
	if src.Kind == weir.None {
		return nil
	}
	for _, f := range c.files {
		if f.Source == nil || *f.Source != nameOf(src) || f.Revision != revision {
			continue
		}
		if f.Form == tree {
			packed, err := os.Open(f.path)
			if err != nil {
				return err
			}
			defer packed.Close()
			_, err = product.Unpack(packed, dir)
			return err
		}
		from := src
		from.Location, from.From, from.To, from.Credentials = f.path, "", "", ""
		if from.Branch == "" {
			from.Branch = fallbackBranch
		}
		if err := c.inner.Checkout(ctx, from, revision, dir, log); err != nil {
			return err
		}
		_, err := git(ctx, dir, "", "remote", "set-url", "--", "origin", src.Location)
		return err
	}
	return weir.Errorf(weir.NotFound, "the capsule does not hold %s at %s", strings.TrimSpace(src.Location), weir.ShortRevision(revision)).
		WithHint("save it again, with --rebuild if its upstreams are to be built")
}
