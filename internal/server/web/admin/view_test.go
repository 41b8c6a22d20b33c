package admin

import (
	"fmt"
	"testing"
	"time"

	"github.com/weir-ci/weir/internal/farm/access"
	"github.com/weir-ci/weir/internal/farm/audit"
	"github.com/weir-ci/weir/internal/farm/setup"
	"github.com/weir-ci/weir/internal/farm/upkeep"
	"github.com/weir-ci/weir/internal/recipe/diff"
)

var now = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

func TestActLines(t *testing.T) {
	t.Parallel()
	for on, want := range map[string]string{"build 41": "/builds/41", "regression 3": "/regressions/3", "worker heron": "/workers/heron", "run 7": "/runs/7",
		"worker a/b?c": "/workers/a%2Fb%3Fc", "project mill": "/projects/mill", "token ci": "", "": "", "build": ""} {
		if got := actLine(audit.Act{On: on}, now).OnURL; got != want {
			t.Errorf("%q leads to %q, want %q", on, got, want)
		}
	}
	line := actLine(audit.Act{Who: "ann&bob", Via: audit.ViaAPI, From: "2001:db8::7", Verb: "cancel", Code: "conflict", At: now.Add(-time.Hour)}, now)
	if line.WhoURL != "/admin/audit?who=ann%26bob" || line.From != "api 2001:db8::7" || line.Refused != "conflict" || line.At.Rel != "60 min ago" && line.At.Rel != "1 h ago" {
		t.Errorf("the line is %+v", line)
	}
}

func TestTokenLines(t *testing.T) {
	t.Parallel()
	list := []access.Token{{Name: "ann.web-abcdefgh", Scope: access.ScopeWeb, Expires: now.Add(time.Hour)}, {Name: "bob.web-abcdefgh", Scope: access.ScopeWeb, Expires: now.Add(time.Hour)},
		{Name: "ci", Scope: access.ScopeAPI, Rights: []access.Right{access.Build}, Expires: now.Add(-time.Hour)}, {Name: "heron"}}
	tokens, sessions, more := tokenLines(list, "ann", now)
	if len(tokens) != 2 || len(sessions) != 2 || more != 0 || !sessions[0].Mine || sessions[1].Mine || sessions[0].Who != "ann" {
		t.Fatalf("%+v, %+v", tokens, sessions)
	}
	if ci := tokens[0]; !ci.Over || ci.Never || ci.Is != "program" || ci.Rights != "build" || ci.Revoke != "/admin/tokens/ci/revoke" {
		t.Errorf("the token is %+v", ci)
	}
	if heron := tokens[1]; !heron.Never || heron.Over || heron.Is != "worker" || heron.Rights != "" {
		t.Errorf("the worker's token is %+v", heron)
	}
	for i := range 2 * maxTokens {
		list = append(list, access.Token{Name: fmt.Sprint("w", i)})
	}
	if tokens, sessions, more := tokenLines(list, "", now); len(tokens)+len(sessions) != maxTokens || more != maxTokens+4 {
		t.Errorf("%d tokens, %d sessions, %d more", len(tokens), len(sessions), more)
	}
}

func TestViews(t *testing.T) {
	t.Parallel()
	v := NewView(upkeep.State{Database: upkeep.Sizes{Bytes: 3 << 20, Rows: map[string]int64{"b": 5, "a": 5, "none": 0, "most": 7000}},
		Retention: []upkeep.Expiry{{What: "x", Seconds: 3600}, {What: "y", Seconds: 2 * 86400, Removed: 1200, Last: now}, {What: "z"}},
		Config:    setup.Status{Version: "new", Errors: 1}, Versions: []upkeep.Version{{Version: "new", By: "signal"}, {Version: "old", By: "ann"}}}, "ann", now)
	if got := fmt.Sprint(v.Tables); got != "[{most 7,000} {a 5} {b 5}]" {
		t.Errorf("tables are %s", got)
	}
	if v.Expiries[0].For != "1 hour" || v.Expiries[1].For != "2 days" || v.Expiries[1].Removed != "1,200 removed" || v.Expiries[2].For != "for ever" {
		t.Errorf("what expires: %+v", v.Expiries)
	}
	if !v.Versions[0].Current || v.Versions[1].Current || v.Versions[0].By != "the signal HUP" || v.Versions[1].By != "ann" || v.Config.Mark.Word != "1 mistake, not in force" {
		t.Errorf("the configuration: %+v, %+v", v.Config, v.Versions)
	}
	r := setup.Result{Version: "new"}
	for range maxChanges + 7 {
		r.Diff.Changes = append(r.Diff.Changes, diff.Change{What: diff.Renamed, Kind: diff.Project, Name: "mill", Was: "grinder", Keys: []string{"jobs"}})
	}
	r.Diff.Omitted = 3
	if v := NewReloadView(r); len(v.Changes) != maxChanges || v.Omitted != 10 || v.Changes[0].Thing != "project mill" || v.Changes[0].Notes[0] != "it was grinder" || !v.Good {
		t.Errorf("the comparison has %d changes, %d omitted: %+v", len(v.Changes), v.Omitted, v.Changes[0])
	}
	var list []audit.Act
	for i := range maxActs + 1 {
		list = append(list, audit.Act{ID: int64(1000 - i)})
	}
	a := NewAuditView(list, audit.Filter{Who: "ann", Before: 1001}, now)
	if len(a.Lines) != maxActs || a.Pager.Older != "/admin/audit?before=901&who=ann" || a.Pager.Newest != "/admin/audit?who=ann" || !a.Filtered {
		t.Errorf("the audit: %d lines, %+v", len(a.Lines), a.Pager)
	}
}
