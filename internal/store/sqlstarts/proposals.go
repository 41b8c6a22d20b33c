package sqlstarts

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

const proposalColumns = `b.id, b.project, b.forge, b.number, b.title, b.url, b.author, b.author_id, b.head, b.ref, b.base, b.fork,
	b.state, b.run_id, b.by_whom, b.created, b.updated, b.built`

// proposal is one with the head that its run is of.
type proposal struct {
	weir.Proposal
	built string
}

func scanProposal(r sqltx.Scanner) (p proposal, err error) {
	var fork int
	err = r.Scan(&p.ID, &p.Project, &p.Forge, &p.Number, &p.Title, &p.URL, &p.Author, &p.AuthorID, &p.Head, &p.Ref, &p.Base, &fork,
		&p.State, &p.Run, &p.By, sqltx.Time(&p.Created), sqltx.Time(&p.Updated), &p.built)
	p.Fork = fork != 0
	return p, err
}

// Propose records what a forge says of a pull request.
func (s Starts) Propose(ctx context.Context, p weir.Proposal) (kept weir.Proposal, err error) {
	if err := store.CheckProposal(p); err != nil {
		return kept, err
	}
	p = cleanProposal(p)
	err = s.write(ctx, "record a pull request", p.Updated, func(t tx) error {
		now, err := t.ensure(p)
		if err != nil {
			return err
		}
		next := merged(now, p)
		kept = next
		if next == now.Proposal && now.Head != "" {
			return nil
		}
		next.Updated = p.Updated
		kept = next
		t.TellID(weir.EventProposal, int64(next.ID))
		return t.Put(`UPDATE proposals SET title = $2, url = $3, author = $4, author_id = $5, head = $6, ref = $7, base = $8, fork = $9,
			state = $10, by_whom = $11, updated = $12 WHERE id = $1`,
			int64(next.ID), next.Title, next.URL, next.Author, next.AuthorID, next.Head, next.Ref, next.Base, sqltx.Flag(next.Fork),
			string(next.State), next.By, sqltx.Micros(next.Updated))
	})
	if err != nil {
		return weir.Proposal{}, err
	}
	return kept, nil
}

// ensure finds the row of a proposal and locks it. A new one has no head yet.
func (t tx) ensure(p weir.Proposal) (now proposal, err error) {
	if err := t.Put(`INSERT INTO proposals (project, forge, number, title, url, author, author_id, head, ref, base, fork, state, run_id, built, by_whom, created, updated)
		VALUES ($1, $2, $3, '', '', '', '', '', '', '', 0, $4, 0, '', '', $5, $6) ON CONFLICT (project, forge, number) DO NOTHING`,
		p.Project, p.Forge, p.Number, string(p.State), sqltx.Micros(p.Created), sqltx.Micros(p.Updated)); err != nil {
		return now, err
	}
	return scanProposal(t.Row(`SELECT `+proposalColumns+` FROM proposals b WHERE b.project = $1 AND b.forge = $2 AND b.number = $3`+t.Lock(),
		p.Project, p.Forge, p.Number))
}

// merged is what becomes of a proposal that is known when the forge says p.
func merged(now proposal, p weir.Proposal) weir.Proposal {
	next := p
	next.ID, next.Run, next.Created, next.Updated = now.ID, now.Run, now.Created, now.Updated
	next.By = ""
	switch {
	case p.State == weir.ProposalClosed:
		if now.Head == p.Head {
			next.By = now.By
		}
	case now.Head != p.Head: // nobody has decided anything of this head
	case now.State == weir.ProposalClosed: // it is open again
		if now.built == p.Head {
			next.State, next.By = weir.ProposalBuilt, now.By
		}
	default:
		next.State, next.By = now.State, now.By
	}
	return next
}

func cleanProposal(p weir.Proposal) weir.Proposal {
	for _, text := range []*string{&p.Project, &p.Forge, &p.Number, &p.URL, &p.Author, &p.AuthorID, &p.Head, &p.Ref, &p.Base} {
		*text = sqltx.Clip(*text, store.MaxProposalText)
	}
	p.Title = sqltx.Clip(p.Title, weir.MaxTitle)
	if p.Updated.IsZero() {
		p.Updated = time.Now()
	}
	if p.Created.IsZero() {
		p.Created = p.Updated
	}
	p.Created, p.Updated = sqltx.TimeOf(sqltx.Micros(p.Created)), sqltx.TimeOf(sqltx.Micros(p.Updated))
	return p
}

// Proposals lists them, those that changed last first.
func (s Starts) Proposals(ctx context.Context, f store.ProposalFilter) ([]weir.Proposal, error) {
	q := &sqltx.Where{}
	if f.Project != "" {
		q.And(`b.project = ?`, sqltx.Clean(f.Project))
	}
	sqltx.WhereIn(q, `b.state`, f.States)
	limit := q.Arg(sqltx.Limit(f.Limit, sqltx.StandardList, sqltx.LongestList))
	return sqltx.List(ctx, s.db, "list pull requests", func(r sqltx.Scanner) (weir.Proposal, error) {
		p, err := scanProposal(r)
		return p.Proposal, err
	}, `SELECT `+proposalColumns+` FROM proposals b`+q.String()+` ORDER BY b.updated DESC, b.id DESC LIMIT `+limit, q.Args()...)
}

// Proposal finds one; NotFound if there is none.
func (s Starts) Proposal(ctx context.Context, id weir.ProposalID) (weir.Proposal, error) {
	p, err := sqltx.One(ctx, s.db, "find a pull request", noProposal(id), scanProposal,
		`SELECT `+proposalColumns+` FROM proposals b WHERE b.id = $1`, int64(id))
	return p.Proposal, err
}

func noProposal(id weir.ProposalID) *weir.Error {
	return weir.Errorf(weir.NotFound, "there is no pull request %d", id)
}

// Decide approves or refuses the head of a proposal.
func (s Starts) Decide(ctx context.Context, id weir.ProposalID, head string, state weir.ProposalState, by string, now time.Time) error {
	if state != weir.ProposalApproved && state != weir.ProposalRefused {
		return weir.Errorf(weir.Invalid, "a pull request is approved or refused, not %.40q", string(state))
	}
	return s.write(ctx, "decide on a pull request", now, func(t tx) error {
		p, err := scanProposal(t.Row(`SELECT `+proposalColumns+` FROM proposals b WHERE b.id = $1`+t.Lock(), int64(id)))
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return noProposal(id)
		case err != nil:
			return err
		case p.Head != sqltx.Clean(head):
			return weir.Errorf(weir.Conflict, "pull request %d is at %s by now, not at %.80q", id, weir.ShortRevision(p.Head), head).
				WithHint("look at what is new, then decide again")
		case p.State != weir.ProposalHeld && p.State != weir.ProposalRefused:
			return weir.Errorf(weir.Conflict, "pull request %d is %s already", id, p.State)
		}
		t.TellID(weir.EventProposal, int64(id))
		return t.Put(`UPDATE proposals SET state = $2, by_whom = $3, updated = $4 WHERE id = $1`,
			int64(id), string(state), sqltx.Clip(by, store.MaxProposalText), sqltx.Micros(now))
	})
}

// SeenDelivery records that a webhook's delivery has come, and says whether it had before.
func (s Starts) SeenDelivery(ctx context.Context, id string, now time.Time) (seen bool, err error) {
	err = s.write(ctx, "record a delivery", now, func(t tx) error {
		if err := t.Put(`DELETE FROM deliveries WHERE at < $1`, sqltx.Micros(now.Add(-store.DeliveryTime))); err != nil {
			return err
		}
		n, err := t.Exec(`INSERT INTO deliveries (hash, at) VALUES ($1, $2) ON CONFLICT DO NOTHING`, sqltx.HashOf(id), sqltx.Micros(now))
		seen = n == 0
		return err
	})
	return seen, err
}
