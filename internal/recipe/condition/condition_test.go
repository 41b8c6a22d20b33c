package condition_test

import (
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe/condition"
)

func facts() condition.StepFacts {
	return condition.StepFacts{
		JobFacts: condition.JobFacts{Project: "attrs", Job: "test", Cell: "3.13,sqlite", Platform: "linux/arm64",
			Branch: "release/1.2", Cause: weir.CauseChange, Author: "Ann <ann@example.org>",
			Params: map[string]string{"level": "7", "publish": "true"},
			Matrix: map[string]string{"PYTHON": "3.13", "DB": "sqlite"}},
		Failed:  true,
		Outputs: map[string]map[string]string{"build": {"stage": "link"}, "go test": {"n": "3"}},
		Env:     map[string]string{"CI": "true"},
	}
}

func TestJob(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"":                                true,
		"true":                            true,
		`branch == "main"`:                false,
		`branch startsWith "release/"`:    true,
		`not pull and cause == "change"`:  true,
		`os in ["linux", "darwin"]`:       true,
		`arch not in ["amd64"]`:           true,
		`glob(branch, "release/*")`:       true,
		`glob(branch, "release/**")`:      true,
		`glob(branch, "**")`:              true,
		`glob(branch, "*")`:               false,
		`glob(branch, "**/1.[0-9]")`:      true,
		`glob("a/b/c/d", "a/**/d")`:       true,
		`glob("a/d", "a/**/d")`:           true,
		`glob("a/d/e", "a/**/d")`:         false,
		`params.publish == "true"`:        true,
		`params["publish"] == "true"`:     true,
		`params.missing == ""`:            true,
		`number(params.level) > 5`:        true,
		`number(params.level) >= -1.5`:    true,
		`matrix.DB == "sqlite" && !fork`:  true,
		`len(tag) > 0`:                    false,
		`branch matches "^release/[0-9]"`: true,
		`lower("ABC") == "abc"`:           true,
		`pull ? fork : cell contains ","`: true,
		`platform == "linux/arm64"`:       true,
		`author endsWith "example.org>"`:  true,
		`upper(project) == "ATTRS"`:       true,
		`"level" in params`:               true,
	} {
		got, err := condition.Job(text, facts().JobFacts)
		if err != nil || got != want {
			t.Errorf("%s is %v, %v, want %v", text, got, err, want)
		}
		compiled, err := condition.CompileJob(text)
		for range 2 { // it does not wear out
			if got, holdErr := compiled.Holds(facts().JobFacts); err != nil || holdErr != nil || got != want {
				t.Errorf("%s, compiled, is %v, %v, %v, want %v", text, got, err, holdErr, want)
			}
		}
		if text == "" {
			continue
		}
		if err := condition.CheckJob(text, condition.Scope{}); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if got, err = condition.Step(text, facts()); err != nil || got != want {
			t.Errorf("in a step %s is %v, %v, want %v", text, got, err, want)
		}
	}
}

func TestStep(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`status == "failed"`:                  true,
		`outputs.build.stage == "link"`:       true,
		`outputs["go test"].n == "3"`:         true,
		`outputs["go test"]["n"] in ["3"]`:    true,
		`outputs.nobody.nothing == ""`:        true,
		`env.CI == "true" and env.NONE == ""`: true,
		`status == "passed"`:                  false,
	} {
		if got, err := condition.Step(text, facts()); err != nil || got != want {
			t.Errorf("%s is %v, %v, want %v", text, got, err, want)
		}
		if err := condition.CheckStep(text, condition.Scope{}); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if err := condition.CheckJob(text, condition.Scope{}); err == nil {
			t.Errorf("a job may say %s", text)
		}
	}
	if ok, err := condition.Step(`status == "passed" and params.x == "" and outputs.a.b == ""`, condition.StepFacts{}); err != nil || !ok {
		t.Errorf("with no facts: %v, %v", ok, err)
	}
}

// TestWrong holds the messages that people see.
func TestWrong(t *testing.T) {
	t.Parallel()
	scope := condition.Scope{Params: []string{"level"}, Matrix: []string{}, Steps: []string{}}
	for text, want := range map[string]string{
		" ":                               "the condition is empty",
		strings.Repeat("true ", 999):      "the condition is longer than 2048 bytes",
		"branch":                          "the condition is neither true nor false",
		`branch = "main"`:                 "the condition is wrong at character 8: ",
		`brnach == "main"`:                "the condition is wrong at character 1: unknown name brnach",
		`branch == main`:                  "the condition is wrong at character 11: unknown name main",
		`branch == 3`:                     "the condition is wrong at character 8: invalid operation",
		`status == "failed"`:              "unknown name status",
		`params.x == "1"`:                 `there is no parameter "x"`,
		`matrix.DB == "1"`:                `there is no axis "DB"`,
		`1 + 1 == 2`:                      "unknown operator + between two values",
		`2 ** 9 > 1`:                      "unknown operator **",
		`1 in 1..9`:                       "unknown operator ..",
		`let x = branch; x == ""`:         "conditions cannot hold this",
		`all([1], # > 0)`:                 "the condition is wrong",
		`now() == 1`:                      "there is no function now",
		`repeat("a", 99) == ""`:           "there is no function repeat",
		`branch matches tag`:              "matches wants a regular expression",
		`branch matches "("`:              "matches wants a regular expression",
		`glob(branch, "[")`:               "not a pattern",
		`glob(branch)`:                    "the condition is wrong",
		`branch[0:1] == "a"`:              "conditions cannot hold this",
		`{"a": 1}.a == 1`:                 "conditions cannot hold this",
		`true and`:                        "unexpected token EOF",
		`"main`:                           "the condition is wrong",
		`$env.branch == "x"`:              "unknown name $env",
		strings.Repeat("!", 400) + "true": "the condition is wrong",
	} {
		err := condition.CheckJob(text, scope)
		if weir.CodeOf(err) != weir.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
		if _, err := condition.Job(text, condition.JobFacts{}); err == nil && strings.TrimSpace(text) != "" &&
			!strings.Contains(want, "there is no parameter") && !strings.Contains(want, "there is no axis") {
			t.Errorf("%s is evaluated", text)
		}
	}
	if err := condition.CheckStep(`outputs.x.y == ""`, scope); err == nil || !strings.Contains(err.Error(), `there is no earlier step "x"`) {
		t.Errorf("a step that is not there: %v", err)
	}
}

// TestStumbles is about conditions that are well formed, and wrong for the facts.
func TestStumbles(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`number(branch) > 1`, `number(params.none) > 1`} {
		if ok, err := condition.Job(text, facts().JobFacts); ok || weir.CodeOf(err) != weir.Invalid {
			t.Errorf("%s is %v, %v", text, ok, err)
		}
	}
}

func FuzzCondition(f *testing.F) {
	for _, text := range []string{`branch == "main"`, `glob(branch, "a/**") and not pull`, `outputs["a"].b matches "x+"`,
		`number(params.a) > 1 ? fork : os in ["linux"]`, `let a = 1; a == 1`, `[[1]] == [[1]]`, `params?.a ?? "" == ""`, `1..9`, `"\u{1F600}" < "a"`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		checked := condition.CheckStep(text, condition.Scope{})
		first, err := condition.Step(text, facts())
		if checked != nil && err == nil && strings.TrimSpace(text) != "" {
			t.Fatalf("%q is wrong (%v), and is evaluated", text, checked)
		}
		if err != nil && weir.CodeOf(err) != weir.Invalid {
			t.Fatalf("%q: %v", text, err)
		}
		if second, _ := condition.Step(text, facts()); second != first {
			t.Fatalf("%q says %v, then %v", text, first, second)
		}
	})
}
