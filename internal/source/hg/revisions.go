package hg

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
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
	branch := branchOf(src)
	tip, err := m.lookup(ctx, src)
	if err != nil {
		return source.Listing{}, explain(ctx, src, err)
	}
	if known != "" && (tip == known || src.To == known) {
		return source.Listing{Branch: branch}, nil
	}
	var l source.Listing
	mir := m.cloneOf(src)
	err = mir.use(ctx, func() error {
		var err error
		l, err = mir.list(ctx, tip, known)
		return err
	})
	if errors.Is(err, errMissing) {
		err = weir.Errorf(weir.Unavailable, "branch %s of %s moved while it was read", branch, src.Location).
			WithHint("the next poll tries again").WithCause(err)
	}
	l.Branch = branch
	return l, explain(ctx, src, err)
}

// list reads what is behind known. The mirror is locked.
func (m *clone) list(ctx context.Context, tip, known string) (source.Listing, error) {
	wanted := []string{tip}
	if known != "" {
		wanted = append(wanted, known)
	}
	found, err := m.branches(ctx, wanted...)
	if err == nil && len(found) < len(wanted) {
		if err = m.pull(ctx); err == nil {
			found, err = m.branches(ctx, wanted...)
		}
	}
	if err != nil {
		return source.Listing{}, err
	}
	switch branch, ok := found[tip]; {
	case !ok:
		return source.Listing{}, errMissing
	case branch != branchOf(m.src): // the remote takes other names for branches too
		return source.Listing{}, noBranch(m.src, branchOf(m.src))
	}
	_, have := found[known]
	capped := false
	if m.src.To != "" {
		if tip, capped, err = m.cap(ctx, tip); err != nil {
			return source.Listing{}, err
		}
	}
	switch {
	case known != "" && capped && known == tip:
		return source.Listing{}, nil
	case known != "":
		return m.since(ctx, known, have, tip, capped)
	case m.src.From != "":
		return m.from(ctx, tip)
	}
	return m.history(ctx, "id("+tip+")")
}

// cap ends the line at the source's To, if that is on it.
func (m *clone) cap(ctx context.Context, tip string) (string, bool, error) {
	to, err := m.find(ctx, m.src.To)
	if err != nil || to == "" || to == tip {
		return tip, false, err
	}
	on, err := m.nodes(ctx, line(tip)+" and id("+to+")")
	if err != nil || len(on) == 0 {
		return tip, false, err
	}
	return to, true, nil
}

// line is the first-parent line that ends with a commit, as a revset. hg log
// --follow-first is made of the same.
func line(tip string) string { return "_firstancestors(id(" + tip + "))" }

// from lists the line from the source's From on, inclusive.
func (m *clone) from(ctx context.Context, tip string) (source.Listing, error) {
	off := weir.Errorf(weir.NotFound, "revision %s is not on the first-parent line of branch %s of %s", m.src.From, branchOf(m.src), m.src.Location).
		WithHint("hg log --follow-first -r 'reverse(::%.12s)' lists that line; set from to one of its commits", tip)
	from, err := m.find(ctx, m.src.From)
	if err != nil {
		return source.Listing{}, err
	}
	if from == "" {
		return source.Listing{}, off
	}
	l, err := m.history(ctx, line(tip)+" and id("+from+")::id("+tip+")")
	if err == nil && (len(l.Revisions) == 0 || l.Revisions[0].ID != from) {
		return source.Listing{}, off
	}
	return l, err
}

// since lists the line behind known. If known is on the line, then the oldest
// commit that is no ancestor of it has known as its first parent.
func (m *clone) since(ctx context.Context, known string, have bool, tip string, capped bool) (source.Listing, error) {
	if !have {
		l, err := m.history(ctx, "id("+tip+")")
		l.Rewritten = true
		return l, err
	}
	l, parent, err := m.read(ctx, source.MaxRevisions, behind(tip, known))
	switch {
	case err != nil:
		return l, err
	case len(l.Revisions) > 0 && parent == known:
		return l, nil
	case len(l.Revisions) == 0 && capped:
		return l, nil // To was moved behind what is known
	}
	fork, err := m.nodes(ctx, "max("+line(known)+" and "+line(tip)+")")
	if err != nil {
		return source.Listing{}, err
	}
	if len(fork) == 0 {
		l, err = m.history(ctx, "id("+tip+")")
	} else {
		l, err = m.history(ctx, behind(tip, fork[0]))
	}
	l.Rewritten = true
	return l, err
}

// behind is what is on tip's line and does not lead to another commit.
func behind(tip, other string) string {
	return line(tip) + " and only(id(" + tip + "), id(" + other + "))"
}

// history reads revisions, oldest first.
func (m *clone) history(ctx context.Context, revset string) (source.Listing, error) {
	l, _, err := m.read(ctx, source.MaxRevisions, revset)
	return l, err
}

// record is what read asks for. A NUL inside of a field must not end it.
const record = `{node}\0{p1node}\0{sub("\x00"," ",author)}\0{date|hgdate}\0{sub("\x00"," ",desc)}\0`

// read is history with a limit of one's own that also tells the first parent of
// the oldest revision. Parents come before their children by number.
func (m *clone) read(ctx context.Context, limit int, revset string) (l source.Listing, parent string, err error) {
	c := m.cmd(m.dir, "log", "--hidden", fmt.Sprintf("--rev=limit(sort(%s, rev), %d)", revset, limit+1), "--template="+record)
	err = command.Stream(ctx, c, func(r *bufio.Reader) error {
		for {
			if _, err := r.Peek(1); errors.Is(err, io.EOF) {
				return nil
			}
			if len(l.Revisions) == limit {
				l.More = true
				return command.ErrStop
			}
			rev, first, err := readRevision(r)
			if err != nil {
				return err
			}
			if len(l.Revisions) == 0 {
				parent = first
			}
			l.Revisions = append(l.Revisions, rev)
		}
	})
	return l, parent, err
}

// readRevision reads one record.
func readRevision(r *bufio.Reader) (rev weir.Revision, parent string, err error) {
	var fields [5]string
	for i, limit := range [...]int{40, 40, mirror.MaxAuthor, 40, weir.MaxMessage} {
		if fields[i], err = mirror.Field(r, limit); err != nil {
			return weir.Revision{}, "", errMissing // cut short: the mirror is at fault, or hg was stopped
		}
	}
	if !hashHex.MatchString(fields[0]) {
		return weir.Revision{}, "", errMissing
	}
	rev = weir.Revision{ID: fields[0], Author: strings.TrimSpace(fields[2]), Message: strings.TrimSpace(fields[4])}
	seconds, _, _ := strings.Cut(fields[3], " ")
	if s, err := strconv.ParseInt(seconds, 10, 64); err == nil {
		rev.Time = mirror.Second(s)
	}
	return rev, fields[1], nil
}
