package api_test

import (
	"bytes"
	"context"
	"encoding"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/flaky"
	"github.com/weir-ci/weir/internal/farm/setup"
	"github.com/weir-ci/weir/internal/protocol"
	"github.com/weir-ci/weir/internal/server/api"
	"github.com/weir-ci/weir/internal/server/servertest"
)

func serve(t *testing.T, f *servertest.Farm) (*client.Client, string) {
	t.Helper()
	s := httptest.NewServer(api.New(api.Options{Farm: f, Version: "1.2.3"}))
	t.Cleanup(s.Close)
	c, err := client.New(s.URL, s.Client())
	if err != nil {
		t.Fatal(err)
	}
	return c, s.URL
}

// TestClientKnowsEveryField sends each answer, with no field left at zero,
// through the client's copy of it: what comes out must be what went in.
func TestClientKnowsEveryField(t *testing.T) {
	t.Parallel()
	roundTrip[farm.Overview, client.Overview](t)
	roundTrip[farm.BuildDetail, client.BuildDetail](t)
	roundTrip[farm.RegressionDetail, client.RegressionDetail](t)
	roundTrip[farm.TestHistory, client.TestHistory](t)
	roundTrip[flaky.List, client.FlakyList](t)
	roundTrip[api.FlakyDigest, client.FlakyDigest](t)
	roundTrip[farm.LogPiece, client.LogPiece](t)
	roundTrip[api.Results, client.Results](t)
	roundTrip[api.WorkerStatus, client.Worker](t)
	roundTrip[farm.Forced, client.Forced](t)
	roundTrip[setup.Result, client.Reload](t)
}

func roundTrip[Server, Client any](t *testing.T) {
	t.Helper()
	var in Server
	n := 0
	fill(reflect.ValueOf(&in).Elem(), &n)
	sent, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out Client
	dec := json.NewDecoder(bytes.NewReader(sent))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&out); err != nil {
		t.Fatalf("%T: %v", out, err)
	}
	back, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(sent, back) {
		t.Errorf("%T: sent\n%s\ngot back\n%s", out, sent, back)
	}
}

// fill gives every field below v a value of its own.
func fill(v reflect.Value, n *int) {
	*n++
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Unix(int64(*n), 0).UTC()))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("text " + strings.Repeat("x", *n%7))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Float64:
		v.SetFloat(float64(*n) + .5)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, n)
		fill(value, n)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i), n)
			}
		}
	}
}

var _ encoding.TextMarshaler = weir.AttemptID{} // ids of attempts travel as text

func TestReads(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	c, _ := serve(t, f)
	ctx := t.Context()
	o, err := c.Overview(ctx)
	if err != nil || o.Name != "Riverside" || len(o.Regressions) != 2 || o.Queue[weir.Queued] != 5 {
		t.Errorf("overview: %+v, %v", o, err)
	}
	b, err := c.Build(ctx, servertest.FailedBuild)
	if err != nil || !reflect.DeepEqual(b.Build, f.Details[servertest.FailedBuild].Build) || b.Attempts[1].Steps[2].LogLines != 2400 {
		t.Errorf("build: %+v, %v", b, err)
	}
	if around := b.Attempts[1].Surroundings.String(); around != "not as root, load 0.25, with network, clock 90 s behind, in mill" {
		t.Errorf("where it ran: %q", around)
	}
	list, err := c.Builds(ctx, client.BuildQuery{Project: "mill", Limit: 3, Before: 40})
	if err != nil || len(list) != 3 || list[0].ID >= 40 || list[0].Builder.Project != "mill" {
		t.Errorf("builds: %+v, %v", list, err)
	}
	if none, err := c.Builds(ctx, client.BuildQuery{Project: "none"}); err != nil || none == nil || len(none) != 0 {
		t.Errorf("no builds: %#v, %v", none, err)
	}
	open, err := c.Regressions(ctx, false)
	all, err2 := c.Regressions(ctx, true)
	if err != nil || err2 != nil || len(open) != 2 || len(all) != 4 {
		t.Errorf("%d open, %d in all; %v, %v", len(open), len(all), err, err2)
	}
	r, err := c.Regression(ctx, servertest.Culprit)
	if err != nil || r.Regression.Culprit.Project != "brook" || len(r.Points) != 9 || len(r.Probes) != 7 {
		t.Errorf("regression: %+v, %v", r, err)
	}
	bad, err := c.Results(ctx, servertest.FailedBuild, false, 0)
	if err != nil || len(bad.Results) != 3 || bad.Counts.Pass != 1204 || bad.Omitted != 0 {
		t.Errorf("bad results: %d, %v", len(bad.Results), err)
	}
	every, err := c.Results(ctx, servertest.FailedBuild, true, 10)
	if err != nil || len(every.Results) != 10 || every.Omitted != 1209 || !every.Results[0].Status.Bad() || every.Results[3].Status.Bad() {
		t.Errorf("all results: %d, %d omitted, %v", len(every.Results), every.Omitted, err)
	}
}

func TestLogs(t *testing.T) {
	t.Parallel()
	c, url := serve(t, servertest.Demo())
	id := weir.AttemptID{Build: servertest.FailedBuild, Number: 2}
	p, err := c.Log(t.Context(), id, 2, 100, 200)
	if err != nil || p.FirstLine != 100 || p.Lines != 2400 || !strings.Contains(p.Text, "module_0100.c") || len(p.Text) > 200 {
		t.Errorf("log: %+v, %v", p, err)
	}
	if p, err = c.Log(t.Context(), id, 2, -1, 0); err != nil || p.FirstLine != 2399 {
		t.Errorf("end of the log: %+v, %v", p, err)
	}
	var raw bytes.Buffer
	if err := c.CopyLog(t.Context(), &raw, id, 2); err != nil || strings.Count(raw.String(), "\n") != 2400 {
		t.Errorf("raw log: %d bytes, %v", raw.Len(), err)
	}
	answer, err := http.Get(url + "/api/v1/builds/41/attempts/2/steps/0/log/raw")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if kind := answer.Header.Get("Content-Type"); kind != "text/plain; charset=utf-8" || answer.Header.Get("X-Content-Type-Options") != "nosniff" ||
		!strings.HasPrefix(answer.Header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("raw log comes as %q: %v", kind, answer.Header)
	}
	for _, step := range []int{9, 100_000} {
		if err := c.CopyLog(t.Context(), io.Discard, id, step); weir.CodeOf(err) != weir.NotFound {
			t.Errorf("step %d: %v", step, err)
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	c, url := serve(t, f)
	if _, err := c.Build(t.Context(), 999); weir.CodeOf(err) != weir.NotFound || err.Error() != "there is no build 999" {
		t.Errorf("no such build: %v", err)
	}
	for _, c := range []struct {
		path   string
		status int
		code   weir.Code
	}{
		{"builds/x", 422, weir.Invalid}, {"builds/0", 422, weir.Invalid}, {"builds?limit=5000", 422, weir.Invalid},
		{"builds/41/results?status=odd", 422, weir.Invalid}, {"nothing", 404, weir.NotFound},
		{"builds/41/attempts/1/steps/0/log?bytes=999999999", 422, weir.Invalid}, {"builds/99999999999999999999", 422, weir.Invalid},
	} {
		answer, err := http.Get(url + "/api/v1/" + c.path)
		if err != nil {
			t.Fatal(err)
		}
		var p protocol.Problem
		err = json.NewDecoder(answer.Body).Decode(&p)
		_ = answer.Body.Close()
		if err != nil || answer.StatusCode != c.status || p.Status != c.status || p.Code != c.code || p.Detail == "" ||
			answer.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %+v %v", c.path, answer.StatusCode, p, err)
		}
	}
	f.Fail = weir.Errorf(weir.Unavailable, "the database does not answer").WithHint("is it running?").WithCause(io.ErrClosedPipe)
	_, err := c.Overview(t.Context())
	if weir.CodeOf(err) != weir.Unavailable || err.Error() != "the database does not answer (is it running?)" {
		t.Errorf("unavailable: %v", err)
	}
}

func TestFollowEvents(t *testing.T) {
	t.Parallel()
	f := servertest.Demo()
	f.Change(weir.EventRun, "1", func() {})
	c, _ := serve(t, f)
	n := 0
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for e, err := range c.FollowEvents(ctx, 0) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		if e.Seq != int64(n) {
			t.Errorf("event %d has number %d", n, e.Seq)
		}
		if n == 3 {
			break
		}
		go f.Change(weir.EventBuild, "41", func() {})
	}
}

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	_, url := serve(t, servertest.Demo())
	answer, err := http.Get(url + "/api/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var doc struct {
		Info  struct{ Version string }
		Paths map[string]map[string]struct {
			Responses map[string]struct {
				Content map[string]struct{ Schema map[string]any }
			}
		}
	}
	if err := json.NewDecoder(answer.Body).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	if doc.Info.Version != "1.2.3" || len(doc.Paths) < 15 {
		t.Errorf("the document has version %q and %d paths", doc.Info.Version, len(doc.Paths))
	}
	get := doc.Paths["/api/v1/builds/{id}"]["get"]
	if s := get.Responses["default"].Content["application/problem+json"].Schema["$ref"]; s != "#/components/schemas/Problem" {
		t.Errorf("errors are described by %q", s)
	}
	for _, path := range []string{"/api/docs", "/docs", "/api/schemas/Problem.json"} {
		answer, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != 404 {
			t.Errorf("%s answers %d", path, answer.StatusCode)
		}
	}
}
