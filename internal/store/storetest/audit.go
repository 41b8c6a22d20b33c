package storetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func auditTests() []subtest {
	return []subtest{
		{"recorded, listed, filtered", testActs},
		{"texts are cut", testActTexts},
		{"what is no act", testBadActs},
		{"old ones go", testPruneActs},
		{"many at once", testActRace},
	}
}

func (f *fixture) act(who, verb, on string) store.Act {
	f.Helper()
	a := store.Act{At: f.now(), Who: who, Via: store.ViaAPI, From: "192.0.2.7", Verb: verb, On: on}
	f.ok(f.RecordAct(f.ctx, a))
	return a
}

func (f *fixture) acts(filter store.ActFilter) (verbs string) {
	f.Helper()
	last := int64(0)
	for _, a := range must[[]store.Act](f)(f.Acts(f.ctx, filter)) {
		verbs += a.Who + ":" + a.Verb + " "
		if a.ID <= 0 || last != 0 && a.ID >= last {
			f.Errorf("an act has the id %d, the one before %d", a.ID, last)
		}
		last = a.ID
	}
	return strings.TrimSpace(verbs)
}

func testActs(f *fixture) {
	equal(f, "nothing", f.acts(store.ActFilter{}), "")
	f.act("ann", "cancel", "build 4")
	f.act("bob", "force", "build 5")
	whole := store.Act{At: f.now(), Who: "ann", Via: store.ViaPage, From: "2001:db8::1", Verb: "pause", On: "worker heron", Note: "hot", Code: "conflict"}
	f.ok(f.RecordAct(f.ctx, whole))
	f.ok(f.RecordAct(f.ctx, store.Act{At: f.now(), Via: store.ViaCommand, Verb: "token.add"}))

	all := must[[]store.Act](f)(f.Acts(f.ctx, store.ActFilter{}))
	equal(f, "acts", len(all), 4)
	whole.ID = all[1].ID
	equal(f, "a whole one", all[1], whole)
	equal(f, "all", f.acts(store.ActFilter{}), ":token.add ann:pause bob:force ann:cancel")
	equal(f, "of one", f.acts(store.ActFilter{Who: "ann"}), "ann:pause ann:cancel")
	equal(f, "on one", f.acts(store.ActFilter{On: "build 5"}), "bob:force")
	equal(f, "a verb", f.acts(store.ActFilter{Verb: "cancel"}), "ann:cancel")
	equal(f, "both", f.acts(store.ActFilter{Who: "bob", Verb: "cancel"}), "")
	equal(f, "the next page", f.acts(store.ActFilter{Before: all[1].ID, Limit: 1}), "bob:force")
	equal(f, "a pattern is none", f.acts(store.ActFilter{Who: "%"})+f.acts(store.ActFilter{On: "build_5"})+f.acts(store.ActFilter{Who: "ann\x00"}), "")
}

func testActTexts(f *fixture) {
	long := strings.Repeat("ö", 500) + "\x00\xff"
	f.ok(f.RecordAct(f.ctx, store.Act{At: f.now(), Who: long, Via: store.ViaHook, From: long, Verb: long, On: long, Note: long, Code: long}))
	f.ok(f.RecordAct(f.ctx, store.Act{At: f.now(), Who: "\x00a\xffb", Via: store.ViaHook, Verb: "v", Note: "'; DROP TABLE acts; --\u202e<b>"}))
	acts := must[[]store.Act](f)(f.Acts(f.ctx, store.ActFilter{}))
	short, note := strings.Repeat("ö", 32), strings.Repeat("ö", 100)
	equal(f, "cut", acts[1], store.Act{ID: acts[1].ID, At: acts[1].At, Who: short, Via: store.ViaHook, From: short, Verb: short, On: note, Note: note, Code: short})
	equal(f, "cleaned", acts[0].Who, "\ufffda\ufffdb")
	equal(f, "as it was", acts[0].Note, "'; DROP TABLE acts; --\u202e<b>")
}

func testBadActs(f *fixture) {
	f.code(f.RecordAct(f.ctx, store.Act{At: f.now(), Who: "ann", Via: "pigeon", Verb: "cancel"}), weir.Invalid)
	f.code(f.RecordAct(f.ctx, store.Act{At: f.now(), Who: "ann", Via: store.ViaAPI}), weir.Invalid)
	equal(f, "nothing", f.acts(store.ActFilter{}), "")
}

func testPruneActs(f *fixture) {
	for i := range 6 {
		f.act("ann", fmt.Sprint("v", i), "")
	}
	all := must[[]store.Act](f)(f.Acts(f.ctx, store.ActFilter{}))
	border := all[1].At // the second newest stays
	equal(f, "some", must[int](f)(f.PruneActs(f.ctx, border, 3)), 3)
	equal(f, "left", f.acts(store.ActFilter{}), "ann:v5 ann:v4 ann:v3")
	equal(f, "the rest", must[int](f)(f.PruneActs(f.ctx, border, 0)), 1)
	equal(f, "nothing", must[int](f)(f.PruneActs(f.ctx, border, 10)), 0)
	equal(f, "left", f.acts(store.ActFilter{}), "ann:v5 ann:v4")
	must[int](f)(f.PruneActs(f.ctx, f.now().Add(time.Hour), 1<<40))
	last := all[0].ID
	f.act("bob", "again", "")
	equal(f, "ids grow", must[[]store.Act](f)(f.Acts(f.ctx, store.ActFilter{}))[0].ID > last, true)
}

func testActRace(f *fixture) {
	f.together(8, func(i int) {
		for range 5 {
			if err := f.RecordAct(f.ctx, store.Act{At: f.now(), Who: fmt.Sprint("w", i), Via: store.ViaAPI, Verb: "cancel"}); err != nil {
				f.Error(err)
			}
			if _, err := f.PruneActs(f.ctx, epoch, 10); err != nil {
				f.Error(err)
			}
		}
	})
	equal(f, "acts", len(must[[]store.Act](f)(f.Acts(f.ctx, store.ActFilter{Limit: 1000}))), 40)
}
