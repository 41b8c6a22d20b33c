package api_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/server/servertest"
)

func TestProducts(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	d := f.Details[servertest.FailedBuild]
	d.Build.Product = weir.Product{Digest: weir.DigestOf([]byte("a tree")), Prefix: "/opt/tree", Size: 6}
	f.Details[servertest.FailedBuild] = d
	f.Blobs[d.Build.Product.Digest] = []byte("a tree")
	c, url := serve(t, f)
	content, err := c.OpenProduct(t.Context(), servertest.FailedBuild)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(content)
	if err != nil || string(text) != "a tree" || content.Close() != nil {
		t.Errorf("got %q, %v", text, err)
	}
	for id, want := range map[weir.BuildID]bool{servertest.FailedBuild: true, servertest.RunningBuild: false, 999: false} {
		if have, err := c.HasProduct(t.Context(), id); have != want || err != nil {
			t.Errorf("build %d has a product: %v, %v", id, have, err)
		}
	}
	if _, err := c.OpenProduct(t.Context(), servertest.RunningBuild); weir.CodeOf(err) != weir.NotFound {
		t.Errorf("no product: %v", err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/api/v1/builds/41/product", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Range", "bytes=2-")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); string(text) != "tree" || err != nil || answer.StatusCode != http.StatusPartialContent ||
		answer.Header.Get("Content-Type") != "application/zstd" || answer.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("a part: %q, %v, %v", text, answer.Status, answer.Header)
	}
}
