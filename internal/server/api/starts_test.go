package api_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/farm/starts"
	"github.com/weir-ci/weir/internal/server/servertest"
)

func TestStarts(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	c, _ := serve(t, f)
	ctx := t.Context()
	patch := bytes.Repeat([]byte("+\x00\xff line\n"), 100_000) // larger than any other request may be
	ask := client.Try{Project: "mill", Base: "0123", Patch: patch, Platforms: []weir.Platform{"linux/arm64"}}
	if _, err := c.Try(ctx, ask); weir.CodeOf(err) != weir.Unauthenticated {
		t.Errorf("without a token: %v", err)
	}
	c = c.WithToken(servertest.AdminToken)
	out, err := c.Try(ctx, ask)
	if err != nil || !reflect.DeepEqual(out, client.Forced{Run: 41, Builds: []weir.BuildID{812}}) {
		t.Errorf("try: %+v, %v", out, err)
	}
	if _, err := c.Rerun(ctx, 7, client.Rerun{Failed: true, Builds: []weir.BuildID{5, 6}}); err != nil {
		t.Error(err)
	}
	if err := c.DecidePull(ctx, 3, "abc", true); err != nil {
		t.Error(err)
	}
	if err := c.DecidePull(ctx, 4, "def", false); err != nil {
		t.Error(err)
	}
	want := []string{"try mill at 0123, 900000 bytes, by otter", "rerun 7, failed true, builds [5 6], by otter",
		"decide pull 3 at abc: true, by otter", "decide pull 4 at def: false, by otter"}
	if !reflect.DeepEqual(f.Done, want) {
		t.Errorf("the farm did %q", f.Done)
	}
	if list, err := c.Upcoming(ctx); err != nil || list == nil || len(list) != 0 {
		t.Errorf("upcoming: %v, %v", list, err)
	}
	if list, err := c.Pulls(ctx, "", ""); err != nil || list == nil || len(list) != 0 {
		t.Errorf("pulls: %v, %v", list, err)
	}
	ask.Patch = make([]byte, starts.MaxPatch+1<<20)
	if _, err := c.Try(ctx, ask); weir.CodeOf(err) != weir.TooLarge {
		t.Errorf("a patch that is too large: %v", err)
	}
}

func TestArtifacts(t *testing.T) {
	t.Parallel()
	c, address := serve(t, servertest.Demo())
	list, err := c.Artifacts(t.Context(), 41)
	if err != nil || len(list) != 1 || list[0].Path != servertest.ArtifactPath {
		t.Fatalf("%+v, %v", list, err)
	}
	content, err := c.OpenArtifact(t.Context(), 41, list[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	if text, err := io.ReadAll(content); err != nil || string(text) != servertest.ArtifactText {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := c.OpenArtifact(t.Context(), 41, "../secret"); weir.CodeOf(err) != weir.NotFound {
		t.Errorf("another file: %v", err)
	}
	answer, err := http.Get(address + "/api/v1/builds/41/artifact?path=" + url.QueryEscape(servertest.ArtifactPath))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	for name, want := range map[string]string{"Content-Type": "application/octet-stream", "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "sandbox", "Content-Disposition": "attachment"} {
		if got := answer.Header.Get(name); !strings.Contains(got, want) {
			t.Errorf("%s is %q, want %q in it", name, got, want)
		}
	}
	notes, err := c.Notes(t.Context(), 41)
	if err != nil || notes.Summary == "" || len(notes.Metrics) != 1 {
		t.Errorf("%+v, %v", notes, err)
	}
}
