package recipe_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe"
)

func everything(t *testing.T) *recipe.Farm {
	t.Helper()
	farm, problems, err := recipe.Load("testdata/valid/everything.yaml")
	if err != nil {
		t.Fatal(problems.Format())
	}
	return farm
}

func jobOf(t *testing.T, farm *recipe.Farm, project, job string) weir.Job {
	t.Helper()
	p, ok := farm.Project(project)
	j, found := p.Job(job)
	if !ok || !found {
		t.Fatalf("there is no %s/%s", project, job)
	}
	return j
}

// equal compares what is left of two values as JSON, which all of them have.
func equal(t *testing.T, what string, got any, want string) {
	t.Helper()
	data, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if string(data) != want {
		t.Errorf("%s is\n%s\nwant\n%s", what, data, want)
	}
}

func TestShared(t *testing.T) {
	t.Parallel()
	farm := everything(t)
	equal(t, "locks", farm.Locks, `[{"name":"database","count":1},{"name":"display","scope":"worker","count":1},{"name":"license","count":3}]`)
	here, err := filepath.Abs("testdata/valid/secrets/upload")
	if err != nil {
		t.Fatal(err)
	}
	if farm.Secrets["UPLOAD_TOKEN"].File != here || farm.Secrets["READER"] != (recipe.SecretFrom{Env: "FARM_READER"}) || len(farm.Secrets) != 3 {
		t.Errorf("secrets are %+v", farm.Secrets)
	}
	equal(t, "trusted_proxies", farm.TrustedProxies, `["127.0.0.1/32","10.0.0.0/8","2001:db8::/32"]`)
	equal(t, "hooks", farm.Hooks, `{"generic":"HOOK","github":"HOOK"}`)
	equal(t, "grants", farm.Grants, `{"inside":["UPLOAD_TOKEN"]}`)
}

func TestSources(t *testing.T) {
	t.Parallel()
	farm := everything(t)
	for name, want := range map[string]string{
		"app": `{"kind":"git","location":"https://example.org/app.git","branch":"main","credentials":"READER",` +
			`"checkout":{"clean":"fresh","depth":50,"submodules":true,"lfs":true},"watch":{"branches":["release/**","v?.x"],"tags":["v*"],` +
			`"settle":30000000000,"files":["src/**","go.mod"],"ignore":["**/*.md"],"no_skip":true,` +
			`"pulls":{"build":"own","trusted":["583231","{a1b2c3d4-0000-1111-2222-333344445555}"]}}}`,
		"inside":    `{"kind":"hg","location":"https://example.org/inside","checkout":{"submodules":true}}`,
		"looked-at": `{"kind":"svn","location":"svn+ssh://svn@example.org/repo","branch":"trunk"}`,
		"old":       `{"kind":"archive","location":"https://example.org/dist/{version}/old-{version}.tar.gz","index":"https://example.org/dist/"}`,
		"package":   `{"kind":"npm","location":"@scope/package","index":"http://127.0.0.1:4873","from":"1.0.0-rc.1"}`,
		"wheel":     `{"kind":"pypi","location":"attrs","versions":["23.1.0","1!1.0"],"closed":true}`,
	} {
		p, _ := farm.Project(name)
		equal(t, "the source of "+name, p.Source, want)
	}
	for name, want := range map[string]weir.RecipeFrom{"app": weir.RecipeFarm, "inside": weir.RecipeRepository,
		"looked-at": weir.RecipeAuto, "old": weir.RecipeAuto, "package": weir.RecipeFarm} {
		if p, _ := farm.Project(name); p.Recipe != want {
			t.Errorf("the recipe of %s is from %q, want %q", name, p.Recipe, want)
		}
	}
	if p, _ := farm.Project("app"); fmt.Sprint(p.Formerly) != "[application]" {
		t.Errorf("app was formerly %s", p.Formerly)
	}
}

func TestMatrix(t *testing.T) {
	t.Parallel()
	j := jobOf(t, everything(t), "app", "test")
	var got []string
	for _, v := range j.Variants() {
		got = append(got, fmt.Sprint(v.Cell, " ", v.Env, " ", v.Platforms, " ", v.Labels, " ", v.Timeout, " ", v.AllowFailure))
	}
	want := []string{
		"3.12,sqlite [{DB sqlite} {PYTHON 3.12}] [] [] 0s false",
		"3.13,sqlite [{DB sqlite} {PYTHON 3.13}] [] [] 0s false",
		"3.13,postgres [{DB postgres} {PGHOST localhost} {PYTHON 3.13}] [] [postgres] 1h30m0s false",
		"3.14,sqlite [{DB sqlite} {PYTHON 3.14}] [linux/arm64] [] 0s true",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	// A matrix may do without axes.
	farm := parse(t, `projects: {a: {source: none, jobs: {test: {steps: [make], matrix: {include: [{X: a, Y: 1}, {X: b, Y: 2, timeout: 5m}]}}}}}`)
	equal(t, "a listed matrix", farm.Projects[0].Jobs[0].Cells, `[{"name":"a,1","vars":[{"name":"X","value":"a"},{"name":"Y","value":"1"}]},`+
		`{"name":"b,2","vars":[{"name":"X","value":"b"},{"name":"Y","value":"2"}],"timeout":300000000000}]`)
}

func TestJobs(t *testing.T) {
	t.Parallel()
	farm := everything(t)
	test := jobOf(t, farm, "app", "test")
	equal(t, "services", test.Services, `[{"name":"postgres","run":"postgres -D data","env":[{"name":"PGDATA","value":"data"}],"ready":"pg_isready","timeout":30000000000}]`)
	equal(t, "caches", test.Caches, `[{"paths":["~/.cache/pip",".venv"],"key":"pip-{platform}-{PYTHON}-{hash:requirements*.txt}","fallback":["pip-{platform}-{PYTHON}-","pip-{platform}-"]}]`)
	equal(t, "artifacts", test.Artifacts, `[{"path":"dist/*.whl"},{"path":"logs/**","keep":86400000000000,"when":"failed"}]`)
	equal(t, "locks", test.Locks, `[{"name":"database"},{"name":"license","count":2}]`)
	equal(t, "steps", test.Steps, `[{"name":"build","run":"make"},{"name":"report","script":"ci/report.py","shell":"python","when":"always",`+
		`"if":"status == \"failed\" and outputs.build.stage != \"\""},{"name":"make flaky","run":"make flaky","secrets":["READER"],"allow_failure":true,"retry":2}]`)
	if test.Shell != weir.ShellBash || fmt.Sprint(test.Needs, test.Secrets, test.Formerly) != "[lint] [UPLOAD_TOKEN] [check]" {
		t.Errorf("test is %+v", test)
	}
	equal(t, "start of lint", jobOf(t, farm, "app", "lint").Start, `{"on":["change","pull"]}`)
	nightly := jobOf(t, farm, "app", "nightly")
	equal(t, "start of nightly", nightly.Start, `{"cron":[{"spec":"30 3 * * *"},{"spec":"0 12 * * 1","zone":"Europe/Berlin","changed":true}]}`)
	if nightly.When != weir.WhenAlways || !nightly.AllowFailure {
		t.Errorf("nightly is %+v", nightly)
	}
	deploy := jobOf(t, farm, "app", "deploy")
	equal(t, "params", deploy.Params, `[{"name":"where","type":"choice","default":"staging","choices":["staging","production"],"help":"Which machines"},`+
		`{"name":"count","type":"number","required":true},{"name":"dry","type":"bool","default":"true"},{"name":"note"}]`)
	if deploy.Superseded != weir.SupersededNever || deploy.Dir != "app" || jobOf(t, farm, "app", "lint").Superseded != weir.SupersededRunning {
		t.Errorf("deploy is %+v", deploy)
	}
}

func TestExpandCells(t *testing.T) {
	t.Parallel()
	var got []string
	for _, p := range recipe.ExpandBranches(everything(t), "linux/amd64", map[string][]string{"app": {"main", "release/1"}}) {
		if p.Key.Project != "app" || p.Key.Job != "test" {
			continue
		}
		if p.Job.Cell != p.Key.Cell || len(p.Job.Cells) > 0 {
			t.Errorf("the job of %s is that of cell %q", p.Key.Name(), p.Job.Cell)
		}
		if s := p.Spec(weir.Pins{"app": "1"}); s.Branch != p.Key.Branch || s.Source.Branch != p.Key.Branch {
			t.Errorf("the specification of %s is of branch %q, its source of %q", p.Key.Name(), s.Branch, s.Source.Branch)
		}
		got = append(got, p.Key.Name())
	}
	want := `app/test 3.12,sqlite main linux/amd64
app/test 3.13,sqlite main linux/amd64
app/test 3.13,postgres main linux/amd64
app/test 3.14,sqlite main linux/arm64
app/test 3.12,sqlite release/1 linux/amd64
app/test 3.13,sqlite release/1 linux/amd64
app/test 3.13,postgres release/1 linux/amd64
app/test 3.14,sqlite release/1 linux/arm64`
	if strings.Join(got, "\n") != want {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), want)
	}
}

// TestOldNames reads a key by the name that it had.
func TestOldNames(t *testing.T) {
	t.Parallel()
	const text = "projects: {a: {source: none, jobs: {test: {steps: [make], dir: here, timeout: 1m}}}}\n"
	farm, problems := recipe.Parse("weir.yaml", []byte(text))
	if farm == nil || len(problems) != 1 || problems[0].Severity != recipe.Warning {
		t.Fatalf("an old name gives %s", problems.Format())
	}
	if j := farm.Projects[0].Jobs[0]; j.Dir != "here" || j.Timeout != time.Minute {
		t.Errorf("read as %+v", j)
	}
	if want := `warning: the key "dir" in job a/test is now called checkout_dir`; !strings.Contains(problems.Error(), want) {
		t.Errorf("the warning is %s", problems.Format())
	}
	both := strings.Replace(text, "dir: here", "dir: here, checkout_dir: there", 1)
	if farm, problems = recipe.Parse("weir.yaml", []byte(both)); farm != nil || !strings.Contains(problems.Error(), "which are the same") {
		t.Errorf("both names give %s", problems.Format())
	}
}
