package signin_test

import (
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/signin"
	"github.com/weir-ci/weir/internal/store/sqlite"
)

func TestDoor(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "weir.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx := t.Context()
	now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	d := signin.Door{Store: db, Now: func() time.Time { return now }}
	if err := db.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Link(ctx, "not a name"); weir.CodeOf(err) != weir.Invalid {
		t.Errorf("a name with spaces: %v", err)
	}
	link := func() string {
		t.Helper()
		code, err := d.Link(ctx, "ann")
		if err != nil {
			t.Fatal(err)
		}
		return code
	}
	code := link()
	var in atomic.Int32
	var session atomic.Value
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			switch s, err := d.Enter(ctx, code); weir.CodeOf(err) {
			case "":
				in.Add(1)
				session.Store(s)
			case weir.Unauthenticated:
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if in.Load() != 1 {
		t.Errorf("%d came in with one link", in.Load())
	}
	secret, _ := session.Load().(string)
	token, err := db.FindToken(ctx, signin.Hash(secret))
	if err != nil || signin.Person(token.Name) != "ann" || !strings.HasPrefix(token.Name, "ann.web-") {
		t.Errorf("the session is %+v, %v", token, err)
	}
	for _, wrong := range []string{"", code, secret, "nonsense"} {
		if _, err := d.Enter(ctx, wrong); weir.CodeOf(err) != weir.Unauthenticated {
			t.Errorf("entered with %q: %v", wrong, err)
		}
	}
	old := link()
	now = now.Add(signin.LinkTime)
	if _, err := d.Enter(ctx, old); weir.CodeOf(err) != weir.Unauthenticated {
		t.Errorf("an old link: %v", err)
	}
	for range 2 {
		if err := d.Leave(ctx, secret); err != nil {
			t.Error(err)
		}
	}
	if err := d.Tidy(ctx); err != nil {
		t.Error(err)
	}
	if list, err := db.Tokens(ctx); err != nil || len(list) != 0 {
		t.Errorf("left are %+v, %v", list, err)
	}
}
