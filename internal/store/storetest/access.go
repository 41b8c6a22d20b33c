package storetest

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func accessTests() []subtest {
	return []subtest{
		{"added, found, listed, revoked", testTokens},
		{"rights", testRights},
		{"a name is taken once", testTokenRace},
	}
}

func testTokens(f *fixture) {
	zoe := store.Token{Name: "zoe", Hash: "aa11", Created: f.now()}
	adam := store.Token{Name: "adam", Hash: "bb22", Created: f.now(), Scope: store.ScopeAdmin, Owner: "adam@example.org"}
	f.ok(f.AddToken(f.ctx, zoe))
	f.ok(f.AddToken(f.ctx, adam))
	zoe.Scope = store.ScopeWorker
	f.code(f.AddToken(f.ctx, store.Token{Name: "eve", Hash: "ee55", Created: f.now(), Scope: "root"}), weir.Invalid)
	f.code(f.AddToken(f.ctx, store.Token{Name: "zoe", Hash: "cc33", Created: f.now()}), weir.Conflict)

	equal(f, "found", must[store.Token](f)(f.FindToken(f.ctx, "aa11")), zoe)
	for _, hash := range []string{"cc33", "", "AA11", "aa1", "%"} {
		_, err := f.FindToken(f.ctx, hash)
		f.code(err, weir.NotFound)
	}
	zoe.Hash, adam.Hash = "", ""
	equal(f, "listed", must[[]store.Token](f)(f.Tokens(f.ctx)), []store.Token{adam, zoe})

	f.ok(f.RevokeToken(f.ctx, "zoe"))
	f.code(f.RevokeToken(f.ctx, "zoe"), weir.NotFound)
	_, err := f.FindToken(f.ctx, "aa11")
	f.code(err, weir.NotFound)
	equal(f, "listed", must[[]store.Token](f)(f.Tokens(f.ctx)), []store.Token{adam})
	f.ok(f.AddToken(f.ctx, store.Token{Name: "zoe", Hash: "dd44", Created: f.now()}))
	equal(f, "a name that is free again", must[store.Token](f)(f.FindToken(f.ctx, "dd44")).Name, "zoe")
}

func testRights(f *fixture) {
	tok := store.Token{Name: "ci", Hash: "aa11", Created: f.now(), Scope: store.ScopeAPI, Expires: f.now().Add(time.Hour),
		Rights: []store.Right{store.RightTriage, store.RightBuild, store.RightTriage}}
	f.ok(f.AddToken(f.ctx, tok))
	equal(f, "the caller's list", len(tok.Rights), 3)
	tok.Rights = []store.Right{store.RightBuild, store.RightTriage}
	equal(f, "found", must[store.Token](f)(f.FindToken(f.ctx, "aa11")), tok)
	reads := store.Token{Name: "reads", Hash: "bb22", Created: f.now(), Scope: store.ScopeAPI}
	f.ok(f.AddToken(f.ctx, reads))
	every := store.Token{Name: "every", Hash: "cc33", Created: f.now(), Scope: store.ScopeAPI, Rights: store.Rights()}
	f.ok(f.AddToken(f.ctx, every))
	slices.Sort(every.Rights)
	tok.Hash, reads.Hash, every.Hash = "", "", ""
	equal(f, "listed", must[[]store.Token](f)(f.Tokens(f.ctx)), []store.Token{tok, every, reads})
	for _, bad := range []store.Token{
		{Scope: store.ScopeAPI, Rights: []store.Right{"everything"}}, {Scope: store.ScopeAPI, Rights: []store.Right{"build triage"}},
		{Scope: store.ScopeAPI, Rights: []store.Right{""}}, {Scope: store.ScopeAdmin, Rights: []store.Right{store.RightBuild}}, {Rights: []store.Right{store.RightBuild}},
	} {
		bad.Name, bad.Hash, bad.Created = "bad", "dd44", f.now()
		f.code(f.AddToken(f.ctx, bad), weir.Invalid)
	}
}

func testTokenRace(f *fixture) {
	var won atomic.Int32
	f.together(8, func(i int) {
		switch err := f.AddToken(f.ctx, store.Token{Name: "w", Hash: string(rune('a' + i)), Created: f.now()}); weir.CodeOf(err) {
		case "":
			won.Add(1)
		case weir.Conflict:
		default:
			f.Errorf("AddToken: %v", err)
		}
	})
	equal(f, "names taken", won.Load(), 1)
	equal(f, "tokens", len(must[[]store.Token](f)(f.Tokens(f.ctx))), 1)
}
