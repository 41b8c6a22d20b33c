package apidocs

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/weir-ci/weir/internal/server/api"
	"github.com/weir-ci/weir/internal/server/servertest"
	"github.com/weir-ci/weir/internal/server/web/page"
	"github.com/weir-ci/weir/internal/server/web/static"
)

func TestPage(t *testing.T) {
	t.Parallel()
	files, err := static.New()
	if err != nil {
		t.Fatal(err)
	}
	routes := page.NewRoutes(page.NewRenderer(page.Options{Assets: files}), nil, nil)
	Register(routes, api.New(api.Options{Farm: servertest.New(), Version: "1.2.3"}).Document)
	w := httptest.NewRecorder()
	routes.ServeHTTP(w, httptest.NewRequest(http.MethodGet, Path, nil))
	text := w.Body.String()
	if w.Code != http.StatusOK || len(text) > 300_000 {
		t.Errorf("%d, %d bytes", w.Code, len(text))
	}
	for _, want := range []string{
		`<details id="op-cancel"`, `weir api --method POST builds/ID/cancel`, `<a href="#form-Build">`, `id="form-Build"`,
		`weir api builds/ID/attempts/ATTEMPT/steps/STEP/log/search q=Q`, "only builds of this project", "0 to 1000", "This is version 1.2.3",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not hold %s", want)
		}
	}
	for _, part := range strings.Split(text, `href="#`)[1:] { // every link within the page leads somewhere
		id, _, _ := strings.Cut(part, `"`)
		if !strings.Contains(text, `id="`+id+`"`) {
			t.Errorf("nothing is called %s", id)
		}
	}
}
