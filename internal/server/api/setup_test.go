package api_test

import (
	"bytes"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/farm/setup"
	"github.com/weir-ci/weir/internal/server/servertest"
)

func TestReload(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	f.State.Config = setup.Status{Version: "0123456789ab", File: "weir.yaml", Errors: 3, Problems: []setup.Problem{{Line: 4, Column: 5, Message: "m", Hint: "h"}},
		Recipes: []setup.Recipe{{Project: "mill", Revision: "abc", Origin: ".weir.yaml", Problem: "p"}}}
	anybody, _ := serve(t, f)
	c := anybody.WithToken(servertest.AdminToken)
	r, err := c.Reload(t.Context())
	if err != nil || !r.Applied || len(r.Diff.Changes) != 2 || r.Diff.Changes[1].Keys[0] != "steps" || r.Diff.Changes[0].Notes == nil {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err = c.CompareSetup(t.Context(), nil); err != nil || r.Applied || len(r.Restart) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err = c.CompareSetup(t.Context(), []byte("projects: {}")); err != nil {
		t.Error(err)
	}
	if _, err = c.CompareSetup(t.Context(), bytes.Repeat([]byte("#"), 5<<20)); weir.CodeOf(err) != weir.TooLarge && weir.CodeOf(err) != weir.Unavailable {
		t.Errorf("a file of 5 MiB: %v", err)
	}
	if want := []string{"reload otter", "compare 0", "compare 12"}; !reflect.DeepEqual(f.Done, want) {
		t.Errorf("the farm did %q", f.Done)
	}
	if _, err = anybody.Reload(t.Context()); weir.CodeOf(err) != weir.Unauthenticated {
		t.Errorf("without a token: %v", err)
	}
	o, err := anybody.Overview(t.Context())
	want := client.Setup{Version: "0123456789ab", File: "weir.yaml", Errors: 3, Problems: []client.SetupProblem{{Line: 4, Column: 5, Message: "m", Hint: "h"}},
		Recipes: []client.RepositoryRecipe{{Project: "mill", Revision: "abc", Origin: ".weir.yaml", Problem: "p"}}}
	if err != nil || !reflect.DeepEqual(o.Config, want) {
		t.Errorf("the overview says %+v, %v", o.Config, err)
	}
}

// TestConfigIsOpen reads what everybody may: how the configuration stands.
func TestConfigIsOpen(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	f.State.Config = setup.Status{Version: "0123456789ab"}
	_, url := serve(t, f)
	answer, err := http.Get(url + "/api/v1/config")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); err != nil || !strings.Contains(string(body), `"version":"0123456789ab"`) {
		t.Errorf("%s, %v", body, err)
	}
}
