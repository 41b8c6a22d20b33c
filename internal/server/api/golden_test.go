package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/weir-ci/weir/internal/farm/views"
	"github.com/weir-ci/weir/internal/server/api"
	"github.com/weir-ci/weir/internal/server/rest/openapi"
	"github.com/weir-ci/weir/internal/server/servertest"
	"github.com/weir-ci/weir/internal/store/sqlite"
)

var update = flag.Bool("update", false, "write testdata/openapi.json anew, if nothing breaks")

// TestPromises holds the API against what has been promised: whatever breaks a
// program that was written for an earlier state of version 1 fails here.
func TestPromises(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "weir.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	h := api.New(api.Options{Farm: servertest.New(), Views: views.New(views.Options{Store: db}), Version: "0"})
	answer, body := ask(t, h, "/api/openapi.json")
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", answer.Status, body)
	}
	var tidy bytes.Buffer
	if err := json.Indent(&tidy, []byte(body), "", " "); err != nil {
		t.Fatal(err)
	}
	tidy.WriteByte('\n')
	is, err := openapi.Parse(tidy.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", "openapi.json")
	golden, err := os.ReadFile(file)
	if err != nil && !*update {
		t.Fatal(err)
	}
	if err == nil {
		was, err := openapi.Parse(golden)
		if err != nil {
			t.Fatal(err)
		}
		for _, what := range openapi.Broken(was, is) {
			t.Errorf("this breaks programs that use version 1 of the API: %s", what)
		}
	}
	if t.Failed() || bytes.Equal(golden, tidy.Bytes()) {
		return
	}
	if !*update {
		t.Fatalf("the API is not what %s says; look at what changed, then run: go test ./internal/server/api -run TestPromises -update", file)
	}
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, tidy.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
