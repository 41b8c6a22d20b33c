package api_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/server/servertest"
	"github.com/weir-ci/weir/internal/steplog"
)

func TestClientKnowsEveryFieldOfLogs(t *testing.T) {
	t.Parallel()
	roundTrip[steplog.Found, client.LogFound](t)
	roundTrip[farm.LogSections, client.LogSections](t)
}

// TestRawRanges reads byte ranges of a log, as a download that goes on does.
func TestRawRanges(t *testing.T) {
	t.Parallel()
	c, url := serve(t, servertest.Demo())
	id := weir.AttemptID{Build: servertest.FailedBuild, Number: 2}
	var whole bytes.Buffer
	if err := c.CopyLog(t.Context(), &whole, id, 2); err != nil {
		t.Fatal(err)
	}
	ask := func(method string, header ...string) (*http.Response, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, url+"/api/v1/builds/41/attempts/2/steps/2/log/raw?download=true", nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer, string(body)
	}
	answer, body := ask(http.MethodGet)
	tag := answer.Header.Get("ETag")
	if answer.StatusCode != 200 || body != whole.String() || answer.ContentLength != int64(whole.Len()) || answer.Header.Get("Accept-Ranges") != "bytes" ||
		tag == "" || !strings.HasPrefix(answer.Header.Get("Content-Disposition"), "attachment;") {
		t.Errorf("the whole: %s, %d bytes, %v", answer.Status, len(body), answer.Header)
	}
	if answer, body := ask(http.MethodHead); answer.StatusCode != 200 || body != "" || answer.ContentLength != int64(whole.Len()) {
		t.Errorf("HEAD: %s, %d bytes", answer.Status, answer.ContentLength)
	}
	for _, c := range []struct {
		ranges, want string
		status       int
	}{
		{"bytes=10-19", whole.String()[10:20], 206}, {"bytes=-5", whole.String()[whole.Len()-5:], 206},
		{"bytes=100-", whole.String()[100:], 206}, {"bytes=99999999-", "", 416},
	} {
		answer, body := ask(http.MethodGet, "Range", c.ranges)
		if answer.StatusCode != c.status || c.status == 206 && body != c.want {
			t.Errorf("%s: %s, %.40q", c.ranges, answer.Status, body)
		}
	}
	if answer, body := ask(http.MethodGet, "Range", "bytes=3-", "If-Range", `"another"`); answer.StatusCode != 200 || body != whole.String() {
		t.Errorf("a range of another text: %s", answer.Status)
	}
	if answer, _ := ask(http.MethodGet, "If-None-Match", tag); answer.StatusCode != 304 {
		t.Errorf("the same text again: %s", answer.Status)
	}
	var rest bytes.Buffer
	if err := c.CopyLogFrom(t.Context(), &rest, id, 2, 1000); err != nil || rest.String() != whole.String()[1000:] {
		t.Errorf("from byte 1000 on: %d bytes, %v", rest.Len(), err)
	}
	if err := c.CopyLogFrom(t.Context(), &rest, id, 2, int64(whole.Len())); err != nil || rest.Len() != whole.Len()-1000 {
		t.Errorf("from the end on: %v", err)
	}
}

func TestSearchAndSections(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	f.Logs[2] = servertest.Log{Lines: 3000, Bytes: 90_000, Line: func(n int64) string {
		if n%1000 == 0 {
			return "::group::Part"
		}
		return "A line like any other"
	}}
	c, url := serve(t, f)
	id := weir.AttemptID{Build: servertest.FailedBuild, Number: 2}
	found, err := c.SearchLog(t.Context(), id, 2, client.LogQuery{Pattern: "^a LINE", Regexp: true, IgnoreCase: true, Limit: 2, Count: true})
	if err != nil || len(found.Matches) != 2 || found.Total != 2997 || found.Matches[0].Line != 1 || found.Matches[0].End != 6 || !found.Done {
		t.Errorf("found %+v, %v", found, err)
	}
	if found, err = c.SearchLog(t.Context(), id, 2, client.LogQuery{Pattern: "group", From: found.Next}); err != nil || len(found.Matches) != 2 {
		t.Errorf("found %+v, %v", found, err)
	}
	sections, err := c.LogSections(t.Context(), id, 2)
	if err != nil || !sections.Complete || len(sections.Sections) != 3 || sections.Sections[1] != (client.LogSection{FirstLine: 1000, LastLine: 1999, Title: "Part"}) {
		t.Errorf("sections %+v, %v", sections, err)
	}
	piece, err := c.ReadLog(t.Context(), id, 2, client.LogAsk{Tail: 3, Times: true})
	if err != nil || piece.FirstLine != 2997 || len(piece.Times) != 3 || piece.Times[2].Line != 2999 {
		t.Errorf("the last lines: %+v, %v", piece, err)
	}
	for _, path := range []string{"search", "search?q=", "search?q=x&limit=99999", "search?q=(&regex=true", "search?q=x&from=-1"} {
		answer, err := http.Get(url + "/api/v1/builds/41/attempts/2/steps/2/log/" + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != 422 && answer.StatusCode != 400 {
			t.Errorf("%s: %s", path, answer.Status)
		}
	}
}
