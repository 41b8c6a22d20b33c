package git

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source/command"
	"github.com/weir-ci/weir/internal/source/mirror"
)

// The commit on top of a derived revision's head is signed by nobody. Its name
// and date may depend on nothing but the revision, or the commit would not be
// the same everywhere.
const (
	revertName = "weir"
	revertMail = "weir@localhost"
)

// Limits of a revert.
const (
	// renameLimit bounds the files among which git looks for moved ones: the
	// time it takes grows with the square.
	renameLimit = 1000
	// maxConflicts limits the conflicting files that the log names.
	maxConflicts = 20
)

// Exit statuses of git that say something.
const (
	exitNo    = 1   // merge-base --is-ancestor: it is none; merge-tree: there are conflicts
	exitUsage = 129 // git does not know the option
)

// ancestor insists that commit is part of head's history, head included.
// Everything that leads to head is in the mirror if head is.
func (m *clone) ancestor(ctx context.Context, commit, head string) error {
	stranger := weir.Errorf(weir.NotFound, "%s is not part of the history of %s in %s: there is nothing to revert", commit, head, m.src.Location).
		WithHint("git merge-base --is-ancestor %s %s tells", commit, head)
	found, err := m.resolve(ctx, commit)
	switch {
	case err != nil:
		return err
	case found[0] != commit: // unknown, or the hash of a tag
		return stranger
	}
	_, err = command.Output(ctx, m.cmd(m.shut, m.dir, "--git-dir=.", "merge-base", "--is-ancestor", commit, head))
	if command.Status(err) == exitNo {
		return stranger
	}
	return err
}

// revert makes a commit in the checkout dir that takes back what culprit, an
// ancestor of head, changed against its first parent, and returns its hash.
//
// It is a commit, and not a change of the work tree alone, for two reasons.
// Recipes ask git: `git describe`, `git archive`, a clone of the checkout, "is
// the tree clean?". All of these would build or test head itself, or refuse,
// and the search would take that for the word of a tree without the culprit. And
// a step that cleans up (reset --hard, stash) would undo the revert unseen. The
// commit's parent is head, so that versions made from tags go on; its date is
// head's, so that dates made from commits stay.
//
// The merge works on trees: what checkouts do to line ends, and file systems to
// the case of names, cannot get into its way. The revert as it would have been
// made at once, on top of the culprit, is merged into head; the culprit is then
// the one base of that merge. If head does not differ any more from what it
// would be without the culprit, the commit is empty.
func (m *clone) revert(ctx context.Context, head, culprit, dir string) (string, error) {
	who, err := m.identity(ctx, head, dir)
	if err != nil {
		return "", err
	}
	before, err := m.treeBefore(ctx, culprit, dir)
	if err != nil {
		return "", err
	}
	message := fmt.Sprintf("Revert %s\n\nMade to see whether that commit is to blame for what happens at\n%s.\n", culprit, head)
	undone, err := m.commitTree(ctx, who, dir, message, before, culprit)
	if err != nil {
		return "", err
	}
	c := m.cmd(m.shut, dir, "-c", "merge.renameLimit="+strconv.Itoa(renameLimit), "-c", "merge.renames=true",
		"-c", "merge.directoryRenames=conflict", "merge-tree", "--write-tree", "--no-messages", "--name-only", "-z", head, undone)
	out, err := command.Output(ctx, c)
	tree, conflicts, _ := strings.Cut(string(out), "\x00")
	switch {
	case ctx.Err() != nil:
		return "", err
	case command.Status(err) == exitNo:
		return "", m.conflict(head, culprit, conflicts)
	case command.Status(err) == exitUsage:
		return "", weir.Errorf(weir.Unsupported, "git on this machine is too old to check out %s", weir.ShortRevision(weir.Without(head, culprit))).
			WithHint("install git 2.38 or newer").WithCause(err)
	case err != nil:
		return "", err
	case !hashHex.MatchString(tree):
		return "", errMissing
	}
	_, _ = fmt.Fprintf(m.log, "reverted %s at %s\n", culprit, head)
	return m.commitTree(ctx, who, dir, message, tree, head)
}

// conflict is the error for a revert that later commits are in the way of. paths
// ends each name with a NUL. The names go to the log alone: there may be many.
func (m *clone) conflict(head, culprit, paths string) error {
	n := 0
	for path := range strings.SplitSeq(strings.TrimSuffix(paths, "\x00"), "\x00") {
		if n++; n <= maxConflicts {
			_, _ = fmt.Fprintf(m.log, "conflict: %.300q\n", path)
		}
	}
	if n > maxConflicts {
		_, _ = fmt.Fprintf(m.log, "and %d more\n", n-maxConflicts)
	}
	files := "1 file conflicts"
	if n != 1 {
		files = fmt.Sprintf("%d files conflict", n)
	}
	return weir.Errorf(weir.Invalid, "%s cannot be reverted at %s: %s", weir.ShortRevision(culprit), weir.ShortRevision(head), files).
		WithHint("later commits changed the same lines: git revert %s, on top of %s, shows them", culprit, head)
}

// identity is the environment of commits that depend on nothing but head.
func (m *clone) identity(ctx context.Context, head, dir string) ([]string, error) {
	out, err := command.Output(ctx, m.cmd(m.shut, dir, "log", "-1", "--no-show-signature", "--no-patch", "--format=%ct", head, "--"))
	if err != nil {
		return nil, err
	}
	at, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	if err != nil || mirror.Second(at).IsZero() {
		at = 0
	}
	env := m.shut[:len(m.shut):len(m.shut)]
	for _, role := range []string{"AUTHOR", "COMMITTER"} {
		env = append(env, "GIT_"+role+"_NAME="+revertName, "GIT_"+role+"_EMAIL="+revertMail,
			fmt.Sprintf("GIT_%s_DATE=@%d +0000", role, at))
	}
	return env, nil
}

// treeBefore names the tree of a commit's first parent; for a commit without
// parents that is the empty one.
func (m *clone) treeBefore(ctx context.Context, commit, dir string) (string, error) {
	parents, err := m.parents(ctx, commit)
	if err != nil {
		return "", err
	}
	if len(parents) > 0 {
		return parents[0] + "^{tree}", nil
	}
	out, err := command.Output(ctx, m.cmd(m.shut, dir, "mktree")) // of nothing
	return strings.TrimSpace(string(out)), err
}

// commitTree writes a commit.
func (m *clone) commitTree(ctx context.Context, env []string, dir, message, tree, parent string) (string, error) {
	c := m.cmd(env, dir, "commit-tree", "-p", parent, tree)
	c.Stdin = message
	out, err := command.Output(ctx, c)
	hash := strings.TrimSpace(string(out))
	if err == nil && !hashHex.MatchString(hash) {
		err = errMissing
	}
	return hash, err
}
