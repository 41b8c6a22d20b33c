package git

import (
	"bufio"
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/source/command"
	"github.com/weir-ci/weir/internal/source/mirror"
)

// Revisions implements source.Lister. From and To may be hashes, whole or
// abbreviated, or tags. A To that is not on the branch's line, perhaps because
// it is still to come, ends nothing.
func (m *Mirrors) Revisions(ctx context.Context, src weir.Source, known string) (source.Listing, error) {
	if err := checkSource(src); err != nil {
		return source.Listing{}, err
	}
	if known != "" {
		if err := checkHash(known); err != nil {
			return source.Listing{}, err
		}
	}
	at, err := m.lookup(ctx, src)
	if err != nil {
		return source.Listing{}, err
	}
	if known != "" && (at.tip == known || src.To == known) {
		return source.Listing{Branch: at.branch}, nil
	}
	var l source.Listing
	mir := m.mirrorOf(src)
	err = mir.use(ctx, at.branch, objectFormat(at.tip), func() error {
		var err error
		l, err = mir.list(ctx, at, known)
		return err
	})
	if errors.Is(err, errMissing) {
		err = weir.Errorf(weir.Unavailable, "branch %s of %s moved while it was read", at.branch, src.Location).
			WithHint("the next poll tries again").WithCause(err)
	}
	l.Branch = at.branch
	return l, explain(ctx, src, err)
}

// list reads what is behind known. The mirror is locked.
func (m *clone) list(ctx context.Context, at remote, known string) (source.Listing, error) {
	first := m.src.From
	if known != "" {
		first = "" // counts only at the start
	}
	names := []string{at.tip, orElse(known, at.tip), orElse(first, at.tip), orElse(m.src.To, at.tip)}
	found, err := m.resolve(ctx, names...)
	if err != nil {
		return source.Listing{}, err
	}
	if slices.Contains(found[:3], "") {
		if err := m.fetchBranch(ctx, at.branch); err != nil {
			return source.Listing{}, err
		}
		if found, err = m.resolve(ctx, names...); err != nil {
			return source.Listing{}, err
		}
	}
	if found[1] == "" && m.fetchCommit(ctx, known) == nil { // pushed away, yet perhaps still to be had
		found[1] = known
	}
	tip, from, to := found[0], found[2], found[3]
	if tip == "" {
		return source.Listing{}, errMissing
	}
	capped := false
	if m.src.To != "" && to != "" && to != tip {
		if capped, err = m.onLine(ctx, to, tip); err != nil {
			return source.Listing{}, err
		}
		if capped {
			tip = to
		}
	}
	switch {
	case known != "" && capped && known == tip:
		return source.Listing{}, nil
	case known != "":
		return m.since(ctx, known, found[1] != "", tip, capped)
	case m.src.From != "":
		return m.from(ctx, from, tip, at.branch)
	}
	return m.history(ctx, "--max-count=1", tip)
}

// from lists the line from a revision on, inclusive.
func (m *clone) from(ctx context.Context, from, tip, branch string) (source.Listing, error) {
	off := weir.Errorf(weir.NotFound, "revision %s is not on the first-parent line of branch %s of %s", m.src.From, branch, m.src.Location).
		WithHint("git log --first-parent %s lists that line; set from to one of its commits", branch)
	if from == "" {
		return source.Listing{}, off
	}
	l, err := m.history(ctx, tip, "--not", from+"^@")
	if err == nil && (len(l.Revisions) == 0 || l.Revisions[0].ID != from) {
		return source.Listing{}, off
	}
	return l, err
}

// since lists the line behind known. If known is on the line, then the oldest
// commit that is not reachable from it has known as its first parent.
func (m *clone) since(ctx context.Context, known string, have bool, tip string, capped bool) (source.Listing, error) {
	if !have {
		l, err := m.history(ctx, "--max-count=1", tip)
		l.Rewritten = true
		return l, err
	}
	var parent string
	l, err := m.read(ctx, source.MaxRevisions, &parent, tip, "^"+known)
	switch {
	case err != nil:
		return l, err
	case len(l.Revisions) > 0 && parent == known:
		return l, nil
	case len(l.Revisions) == 0 && capped:
		return l, nil // To was moved behind what is known
	}
	fork, err := m.fork(ctx, known, tip)
	if err != nil {
		return source.Listing{}, err
	}
	if fork == "" {
		l, err = m.history(ctx, "--max-count=1", tip)
	} else {
		l, err = m.history(ctx, tip, "^"+fork)
	}
	l.Rewritten = true
	return l, err
}

// fork finds the newest commit that is on the first-parent lines of both a
// and b; empty if there is none. It compares the lines themselves, because
// git merge-base goes by all parents.
func (m *clone) fork(ctx context.Context, a, b string) (string, error) {
	line := map[string]bool{}
	if err := m.walk(ctx, func(hash string) bool { line[hash] = true; return true }, a); err != nil {
		return "", err
	}
	fork := ""
	err := m.walk(ctx, func(hash string) bool {
		if line[hash] {
			fork = hash
		}
		return fork == ""
	}, b)
	return fork, err
}

// onLine reports whether commit is on tip's first-parent line.
func (m *clone) onLine(ctx context.Context, commit, tip string) (bool, error) {
	on := false
	err := m.walk(ctx, func(hash string) bool { on = hash == commit; return !on }, tip, "--not", commit+"^@")
	return on, err
}

// walk calls yield for each commit of a first-parent line, newest first, until
// it returns false.
func (m *clone) walk(ctx context.Context, yield func(hash string) bool, revs ...string) error {
	args := append([]string{"--git-dir=.", "rev-list", "--first-parent"}, revs...)
	return command.Stream(ctx, m.cmd(m.shut, m.dir, args...), func(r *bufio.Reader) error {
		for {
			line, err := r.ReadString('\n')
			switch {
			case errors.Is(err, io.EOF):
				return nil
			case err != nil:
				return err
			case !yield(strings.TrimSuffix(line, "\n")):
				return command.ErrStop
			}
		}
	})
}

// history reads revisions, oldest first.
func (m *clone) history(ctx context.Context, revs ...string) (source.Listing, error) {
	return m.read(ctx, source.MaxRevisions, new(string), revs...)
}

// read is history with a limit of one's own that also tells the first parent of
// the oldest revision.
func (m *clone) read(ctx context.Context, limit int, parent *string, revs ...string) (source.Listing, error) {
	args := []string{"--git-dir=.", "log", "-z", "--first-parent", "--reverse", "--no-mailmap", "--no-show-signature",
		"--no-notes", "--no-patch", "--encoding=UTF-8", "--format=tformat:%H%x00%P%x00%an <%ae>%x00%ct%x00%B"}
	var l source.Listing
	err := command.Stream(ctx, m.cmd(m.shut, m.dir, append(append(args, revs...), "--")...), func(r *bufio.Reader) error {
		for {
			if _, err := r.Peek(1); errors.Is(err, io.EOF) {
				return nil
			}
			if len(l.Revisions) == limit {
				l.More = true
				return command.ErrStop
			}
			rev, parents, err := readRevision(r)
			if err != nil {
				return err
			}
			if len(l.Revisions) == 0 {
				*parent, _, _ = strings.Cut(parents, " ")
			}
			l.Revisions = append(l.Revisions, rev)
		}
	})
	return l, err
}

// readRevision reads one record of the format that read asks for.
func readRevision(r *bufio.Reader) (rev weir.Revision, parents string, err error) {
	var fields [5]string
	for i, limit := range [...]int{64, 65 * 64, mirror.MaxAuthor, 20, weir.MaxMessage} {
		if fields[i], err = mirror.Field(r, limit); err != nil {
			return weir.Revision{}, "", errMissing // cut short: the mirror is at fault, or git was stopped
		}
	}
	if !hashHex.MatchString(fields[0]) {
		return weir.Revision{}, "", errMissing
	}
	rev = weir.Revision{ID: fields[0], Author: fields[2], Message: strings.TrimSpace(fields[4])}
	if s, err := strconv.ParseInt(fields[3], 10, 64); err == nil {
		rev.Time = mirror.Second(s)
	}
	if rev.Author == " <>" {
		rev.Author = ""
	}
	return rev, fields[1], nil
}

// orElse is s, or other if s is empty.
func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
