package openapi

import (
	"slices"
	"strings"
	"testing"
)

const document = `{"openapi":"3.1.0","info":{"title":"Farm","version":"1"},
"components":{"schemas":{
 "Build":{"type":"object","required":["id"],"properties":{"id":{"type":"integer","format":"int64"},"state":{"type":"string","enum":["queued","running"]},
  "needs":{"type":["array","null"],"items":{"$ref":"#/components/schemas/Build"}},"pins":{"type":"object","additionalProperties":{"type":"string"}}}},
 "Force":{"type":"object","required":["project"],"properties":{"project":{"type":"string","maxLength":64},"count":{"type":"integer","minimum":0,"maximum":1000},"mode":{"type":"string","enum":["all","new"]}}}}},
"paths":{
 "/builds":{"get":{"operationId":"builds","parameters":[{"name":"limit","in":"query","schema":{"type":"integer"}}],
   "responses":{"200":{"content":{"application/json":{"schema":{"type":"array","items":{"$ref":"#/components/schemas/Build"}}}}}}}},
 "/runs":{"post":{"operationId":"force","security":[{"admin":[]}],"requestBody":{"required":true,"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Force"}}}},
   "responses":{"200":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Build"}}}},"default":{"description":"Problem"}}}}}}`

func parse(t *testing.T, text string) *Doc {
	t.Helper()
	d, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDocument(t *testing.T) {
	t.Parallel()
	d := parse(t, document)
	calls := d.Calls()
	if len(calls) != 2 || calls[0].Method != "GET" || calls[0].Path != "/builds" || calls[1].ID != "force" || len(calls[1].Security) != 1 {
		t.Fatalf("the calls are %+v", calls)
	}
	list := calls[0].Answer()
	build, name := d.Resolve(list.Items)
	if name != "Build" || build.Properties["pins"].Values.Type[0] != "string" || len(build.Properties["needs"].Type) != 2 {
		t.Errorf("%s is %+v", name, build)
	}
	if calls[0].Sends() != nil || calls[1].Sends() == nil {
		t.Errorf("the bodies are %+v and %+v", calls[0].Sends(), calls[1].Sends())
	}
	for _, wrong := range []string{"", "[]", `{"paths":[]}`, `{"paths":{"/x":{"get":{"parameters":[{"schema":{"type":7}}]}}}}`} {
		if _, err := Parse([]byte(wrong)); err == nil {
			t.Errorf("%q is a document", wrong)
		}
	}
}

func TestBroken(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		was, is string // what is changed in the document
		want    []string
	}{
		{"", "", nil},
		{`"description":"Problem"`, `"description":"A problem"`, nil},
		{`"enum":["queued","running"]`, `"enum":["queued","running","lost"]`, nil},
		{`"required":["id"],`, ``, nil},
		{`"state":{`, `"new":{"type":"boolean"},"state":{`, nil},
		{`"maximum":1000`, `"maximum":2000`, nil},
		{`"type":["array","null"]`, `"type":"array"`, nil},
		{`"parameters":[`, `"parameters":[{"name":"state","in":"query","schema":{"type":"string"}},`, nil},
		{`"parameters":[`, `"parameters":[{"name":"state","in":"query","required":true,"schema":{"type":"string"}},`, []string{"GET /builds needs the new parameter state"}},
		{`"/builds":`, `"/build":`, []string{"GET /builds is gone"}},
		{`"operationId":"builds"`, `"operationId":"list"`, []string{"GET /builds was called builds and is called list"}},
		{`"name":"limit"`, `"name":"max"`, []string{"GET /builds has no parameter limit in its query any more"}},
		{`"name":"limit","in":"query",`, `"name":"limit","in":"query","required":true,`, []string{"GET /builds needs the parameter limit now"}},
		{`"state":{"type":"string","enum":["queued","running"]}`, `"status":{"type":"string"}`, []string{
			"GET /builds answers[].state is gone", "POST /runs answers.state is gone"}},
		{`"id":{"type":"integer","format":"int64"}`, `"id":{"type":"string"}`, []string{
			"GET /builds answers[].id: was integer (int64) and is string", "POST /runs answers.id: was integer (int64) and is string"}},
		{`"additionalProperties":{"type":"string"}`, `"additionalProperties":{"type":"integer"}`, []string{
			"GET /builds answers[].pins{}: was string and is integer", "POST /runs answers.pins{}: was string and is integer"}},
		{`"required":["project"]`, `"required":["project","count"]`, []string{"POST /runs takes.count is required now"}},
		{`"maximum":1000`, `"maximum":10`, []string{"POST /runs takes.count: takes less than before"}},
		{`"minimum":0`, `"minimum":1`, []string{"POST /runs takes.count: takes only more than before"}},
		{`"maxLength":64`, `"maxLength":32`, []string{"POST /runs takes.project: takes only shorter text than before"}},
		{`"enum":["all","new"]`, `"enum":["all"]`, []string{"POST /runs takes.mode: new is not taken any more"}},
		{`"requestBody":{"required":true,"content":{"application/json"`, `"requestBody":{"required":true,"content":{"text/plain"`, []string{"POST /runs takes no body any more"}},
	} {
		if strings.Count(document, c.was) == 0 {
			t.Fatalf("the document does not hold %s", c.was)
		}
		is := parse(t, strings.Replace(document, c.was, c.is, 1))
		if c.was == "" {
			is = parse(t, document)
		}
		if got := Broken(parse(t, document), is); !slices.Equal(got, c.want) {
			t.Errorf("%s -> %s:\n got %q\nwant %q", c.was, c.is, got, c.want)
		}
	}
}
