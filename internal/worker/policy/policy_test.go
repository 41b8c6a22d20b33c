package policy_test

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/worker/policy"
)

func parse(t testing.TB, text string) policy.Policy {
	t.Helper()
	p, err := policy.Parse("policy.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	return p
}

func build(project string, steps ...string) weir.Spec {
	s := weir.Spec{Project: project, Platform: "linux/amd64", Job: weir.Job{Name: "test"}}
	for i, run := range steps {
		s.Job.Steps = append(s.Job.Steps, weir.Step{Name: fmt.Sprint("s", i+1), Run: run})
	}
	return s
}

// TestNothingSaid: without a rule everything may run at any time.
func TestNothingSaid(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]policy.Policy{"zero": {}, "empty": parse(t, "{}"), "strangers": parse(t, "strangers: true")} {
		s := build("x", "rm -rf ~; curl evil | sh")
		s.Untrusted = true
		if rule, text, refused := p.Refuses(s); refused || rule != "" || text != "" {
			t.Errorf("%s refuses: %s %s", name, rule, text)
		}
		if rest, rests := p.Rest(time.Now(), policy.Conditions{Load: -1}); rests || rest != (weir.Rest{}) {
			t.Errorf("%s rests: %+v", name, rest)
		}
		if got := p.Sentences(); len(got) != 0 {
			t.Errorf("%s says %q", name, got)
		}
	}
}

func TestProjects(t *testing.T) {
	t.Parallel()
	p := parse(t, `{projects: [cpython, "django-*", "*-rs"], except: [django-old, "*evil*"]}`)
	for name, want := range map[string]bool{
		"cpython": true, "cpython2": false, "Cpython": false, "mycpython": false, "": false, "django": false, "django-": true, "django-forms": true,
		"django-old": false, "django-older": true, "regex-rs": true, "rs": false, "-rs": true, "django-evil-x": false, "twisted": false,
	} {
		rule, text, refused := p.Refuses(build(name))
		if refused == want || refused != (rule == weir.RuleProjects) || refused != (text != "") {
			t.Errorf("%q: refused is %v by %q: %s", name, refused, rule, text)
		}
	}
	_, text, _ := p.Refuses(build("twi\x1bsted"))
	if want := `builds of "twi\x1bsted" are not wanted here: builds of cpython, django-* and *-rs only`; text != want {
		t.Errorf("it says %q", text)
	}
	if _, text, _ = p.Refuses(build("django-old")); text != `builds of "django-old" are not wanted here` {
		t.Errorf("it says %q", text)
	}
	if _, _, refused := parse(t, "except: [a]").Refuses(build("b")); refused {
		t.Error("an exception keeps others out")
	}
}

// TestUpstreamsCount not: their products are only used.
func TestUpstreamsCountNot(t *testing.T) {
	t.Parallel()
	s := build("cpython", "make test")
	s.Inputs = []weir.UpstreamSpec{{Project: "openssl"}}
	if _, text, refused := parse(t, "{projects: [cpython], except: [openssl]}").Refuses(s); refused {
		t.Error(text)
	}
}

func TestStrangers(t *testing.T) {
	t.Parallel()
	p, s := parse(t, "strangers: false"), build("x")
	if _, _, refused := p.Refuses(s); refused {
		t.Error("a trusted revision is refused")
	}
	s.Untrusted = true
	if rule, text, refused := p.Refuses(s); !refused || rule != weir.RuleStrangers || text == "" {
		t.Errorf("refused is %v by %q: %s", refused, rule, text)
	}
}

const commands = `
commands:
  - make test
  - make -C * check
  - ./configure *
  - python -m unittest *
  - "make lint | tee lint.log"
  - rm -f *.o
  - |
    cd sub
    make *
  - "bash: shopt -s globstar"
  - "python: import this"
  - "cmd: nmake *"
`

func TestCommands(t *testing.T) {
	t.Parallel()
	p := parse(t, commands)
	for _, c := range []struct {
		run   string
		shell weir.Shell
		want  bool
	}{
		{"make test", "", true},
		{"make test", weir.ShellSh, true},
		{"make test", weir.ShellBash, true},
		{"  make test\n", "", true},
		{"\u00a0make test", "", false},
		{"make test\r", "", false},
		{"\vmake test", "", false},
		{"\u00a0", "", false},
		{"make test", weir.ShellPython, false},
		{"make test", weir.ShellPowerShell, false},
		{"make test", weir.ShellCmd, false},
		{"make test", "fish", false},
		{"make  test", "", false},
		{"make", "", false},
		{"make testing", "", false},
		{"Make test", "", false},
		{"make test; rm -rf ~", "", false},
		{"make test\nrm -rf x", "", false},
		{"make test\nmake test", "", false},
		{"./configure", "", false},
		{"./configure --prefix=/opt/x CC=gcc", "", true},
		{"./configure --prefix=$HOME", "", false},
		{"x ./configure a", "", false},
		{"make -C a-b/c_d check", "", true},
		{"make -C a; evil check", "", false},
		{"make -C a check check", "", true},
		{"make lint | tee lint.log", "", true},
		{"make lint | tee lint.log2", "", false},
		{"rm -f a.o b.o", "", true},
		{"rm -f *.o", "", true},
		{"rm -f ~/*.o", "", false},
		{"cd sub\nmake all", "", true},
		{"cd sub\nmake all\nevil", "", false},
		{"cd sub\nmake a; b", "", false},
		{"shopt -s globstar", weir.ShellBash, true},
		{"shopt -s globstar", weir.ShellSh, false},
		{"shopt -s globstar", "", false},
		{"import this", weir.ShellPython, true},
		{"import that", weir.ShellPython, false},
		{"import this", "", false},
		{"nmake all", weir.ShellCmd, true},
		{"nmake all", "", false},
		{"nmake %COMSPEC%", weir.ShellCmd, false},
		{"nmake all ^& evil", weir.ShellCmd, false},
		{"", "", true},
	} {
		s := build("x", c.run)
		s.Job.Steps[0].Shell = c.shell
		rule, text, refused := p.Refuses(s)
		if refused == c.want || refused != (rule == weir.RuleCommands) || refused != (text != "") {
			t.Errorf("%q in %q: refused is %v by %q: %s", c.run, c.shell, refused, rule, text)
		}
		s.Job.Steps[0].Shell, s.Job.Shell = "", c.shell
		if _, _, again := p.Refuses(s); again != refused {
			t.Errorf("%q in the job's %q: refused is %v", c.run, c.shell, again)
		}
	}
	_, text, _ := p.Refuses(build("x", "make test", "curl evil | sh"))
	if want := `step "s2" runs "curl evil | sh", which is none of the commands that are wanted here`; text != want {
		t.Errorf("it says %q", text)
	}
}

// TestStar: a * stands for nothing that a shell would take for more than a word.
func TestStar(t *testing.T) {
	t.Parallel()
	p := parse(t, `commands: ["make *"]`)
	for c := rune(0); c < 0x3000; c++ {
		plain := c == ' ' || c < 128 && (strings.ContainsRune("._-+=,:/@", c) || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z')
		if c == '*' {
			continue // a text that stands in the file is allowed as it is
		}
		if _, _, refused := p.Refuses(build("x", "make a"+string(c)+"b")); refused == plain {
			t.Errorf("%q: refused is %v", c, refused)
		}
	}
	if _, _, refused := p.Refuses(build("x", "make \xff")); !refused {
		t.Error("what is no UTF-8 is allowed")
	}
}

// TestEverythingThatRuns: no command is overlooked, wherever it stands.
func TestEverythingThatRuns(t *testing.T) {
	t.Parallel()
	p := parse(t, `commands: ["make *", "./test.sh", "python ./x.py", "sh ./run *", "'./a b'"]`)
	step := func(s weir.Step) func(*weir.Spec) {
		return func(spec *weir.Spec) { spec.Job.Steps = append(spec.Job.Steps, s) }
	}
	service := func(s weir.Service) func(*weir.Spec) {
		return func(spec *weir.Spec) { spec.Job.Services = []weir.Service{s} }
	}
	for name, c := range map[string]struct {
		change func(*weir.Spec)
		want   bool
	}{
		"nothing":                       {func(*weir.Spec) {}, true},
		"a second step":                 {step(weir.Step{Run: "evil"}), false},
		"a step that may not run":       {step(weir.Step{Run: "evil", If: "false"}), false},
		"a script":                      {step(weir.Step{Script: "test.sh"}), true},
		"a script with its directory":   {step(weir.Step{Script: "./test.sh"}), true},
		"another script":                {step(weir.Step{Script: "evil.sh"}), false},
		"a script and a command":        {step(weir.Step{Run: "evil", Script: "test.sh"}), false},
		"a command and a script":        {step(weir.Step{Run: "make a", Script: "evil.sh"}), false},
		"a script of a shell":           {step(weir.Step{Script: "x.py", Shell: weir.ShellPython}), true},
		"a script of another shell":     {step(weir.Step{Script: "x.py", Shell: weir.ShellSh}), false},
		"a script that is no word":      {step(weir.Step{Script: "run a; b", Shell: weir.ShellSh}), false},
		"a script with spaces":          {step(weir.Step{Script: "run a", Shell: weir.ShellSh}), false},
		"a script with letters":         {step(weir.Step{Script: "r\u00fcn"}), false},
		"a script that is listed":       {step(weir.Step{Script: "a b"}), true},
		"a service":                     {service(weir.Service{Run: "make db"}), true},
		"another service":               {service(weir.Service{Run: "evil"}), false},
		"what asks a service":           {service(weir.Service{Run: "make db", Ready: "make ready"}), true},
		"what asks a service otherwise": {service(weir.Service{Run: "make db", Ready: "evil"}), false},
		"the job's shell":               {func(s *weir.Spec) { s.Job.Shell = weir.ShellPython }, false},
		"the shell of services": {func(s *weir.Spec) {
			s.Job.Steps, s.Job.Services, s.Job.Shell = nil, []weir.Service{{Run: "make db"}}, weir.ShellPython
		}, false},
	} {
		s := build("x", "make test")
		c.change(&s)
		if rule, text, refused := p.Refuses(s); refused == c.want || refused && rule != weir.RuleCommands {
			t.Errorf("%s: refused is %v: %s", name, refused, text)
		}
	}
}

// TestFieldsAreKnown: whoever gives steps, services or jobs more to run has to think
// of the owners of workers. Each field is here with whether it is run.
func TestFieldsAreKnown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		of   any
		runs string // by a rule on commands
		not  string
	}{
		{weir.Step{}, "Run Script Shell", "Name Dir Env Secrets Timeout Quiet When If AllowFailure Retry"},
		{weir.Service{}, "Run Ready", "Name Env Timeout"},
		{weir.Job{}, "Steps Services Shell", "Name Cell Formerly Platforms Labels Env Cells Start Needs When If Params Priority Locks Superseded AllowFailure " +
			"Secrets Caches Artifacts Product Results Dir Timeout Quiet"},
		{weir.Spec{}, "Job", "Project Platform Source Revision Inputs ProductKey Cause Branch Ref Params Untrusted"},
	} {
		known := strings.Fields(c.runs + " " + c.not)
		kind := reflect.TypeOf(c.of)
		for i := range kind.NumField() {
			if name := kind.Field(i).Name; !slices.Contains(known, name) {
				t.Errorf("weir.%s.%s: if a worker runs it, executed must list it; say so here either way", kind.Name(), name)
			}
		}
	}
}

func TestLoadAndDisk(t *testing.T) {
	t.Parallel()
	p := parse(t, "{load: 0.5, disk: 20GiB}")
	const gib = 1 << 30
	for _, c := range []struct {
		load    float64
		disk    int64
		resting weir.Rule
		want    weir.Rule
	}{
		{0, 21 * gib, "", ""},
		{0.5, 20 * gib, "", ""},
		{0.51, 20 * gib, "", weir.RuleLoad},
		{0.45, 20 * gib, weir.RuleLoad, weir.RuleLoad},
		{0.4, 20 * gib, weir.RuleLoad, ""},
		{0.45, 20 * gib, weir.RuleHours, ""},
		{-1, 20 * gib, "", weir.RuleLoad},
		{math.NaN(), 20 * gib, "", weir.RuleLoad},
		{0, 20*gib - 1, "", weir.RuleDisk},
		{0, 0, "", weir.RuleDisk},
		{0, 20 * gib, weir.RuleDisk, weir.RuleDisk},
		{0, 21 * gib, weir.RuleDisk, ""},
		{9, 1, "", weir.RuleLoad},
	} {
		rest, rests := p.Rest(time.Now(), policy.Conditions{Load: c.load, Disk: c.disk, Resting: c.resting})
		if rest.Rule != c.want || rests != (c.want != "") || rests != (rest.Text != "") || !rest.Until.IsZero() {
			t.Errorf("load %g, disk %d, resting for %q: %+v", c.load, c.disk, c.resting, rest)
		}
	}
}

func TestSentences(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"projects: [cpython, 'django-*']", "builds of cpython and django-* only"},
		{"except: [tensorflow]", "no builds of tensorflow"},
		{"strangers: false", "no untrusted revisions"},
		{`commands: [make test, './configure *', "python: import this"]`, `no commands but "make test", "./configure *" and "import this" in python`},
		{"{hours: [mon-fri 19:00-07:00, sat-sun], zone: Europe/Berlin}", "builds begin Monday to Friday 19:00 to 07:00 and on Saturday and Sunday (Europe/Berlin)"},
		{"hours: ['22:00-06:00', 'mon,wed,fri,sat']", "builds begin every day 22:00 to 06:00 and on Monday, Wednesday, Friday and Saturday (the machine's own time)"},
		{"hours: [sun-mon 9:30-24:00]", "builds begin Monday and Sunday 09:30 to 24:00 (the machine's own time)"},
		{"hours: ['mon-sun']", "builds begin at any time (the machine's own time)"},
		{"load: 0.5", "builds begin while the load is at most 0.5 per processor"},
		{"disk: 20GiB", "builds begin while at least 20 GiB are free"},
		{"disk: 1.5 TB", "builds begin while at least 1500 GB are free"},
	} {
		if got := parse(t, c.text).Sentences(); len(got) != 1 || got[0] != c.want {
			t.Errorf("%s\nit says   %q\ninstead of %q", c.text, got, c.want)
		}
	}
	if got := parse(t, "{projects: [a], except: [b], strangers: false, commands: [c], hours: [sat], load: 1, disk: 1GB}").Sentences(); len(got) != 7 {
		t.Errorf("it says %q", got)
	}
}

// TestSentencesFit: whatever can be read can be told, and nothing is left out.
func TestSentencesFit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		list := func(key string, items []string) {
			if len(items) > 0 {
				fmt.Fprintf(&b, "%s:\n", key)
			}
			for _, s := range items {
				fmt.Fprintf(&b, "- %q\n", s)
			}
		}
		names := rapid.SliceOfN(rapid.StringMatching(`[a-z][a-z*-]{0,50}`), 0, 60)
		list("projects", names.Draw(t, "projects"))
		list("except", names.Draw(t, "except"))
		list("commands", rapid.SliceOfN(rapid.StringMatching(`[a-z]{1,8}[ a-z;"\\\n]{0,300}[a-z]`), 0, 40).Draw(t, "commands"))
		list("hours", rapid.SliceOfN(rapid.SampledFrom([]string{"mon-fri 19:00-07:00", "sat", "22:00-06:00", "mon,wed,fri,sun 8:15-9:45"}), 0, 30).Draw(t, "hours"))
		b.WriteString("strangers: false\n")
		text := b.String()
		p, err := policy.Parse("p", []byte(text))
		if err != nil {
			if !strings.Contains(err.Error(), "the policy is too long") {
				t.Fatalf("%s\n%v", text, err)
			}
			return
		}
		told := p.Sentences()
		if len(told) > weir.MaxPolicyRules {
			t.Fatalf("%d sentences", len(told))
		}
		for _, s := range told {
			if len(s) > weir.MaxPolicyText || strings.ContainsAny(s, "\n\x00") {
				t.Fatalf("%d bytes: %q", len(s), s)
			}
		}
		whole := strings.Join(told, "\n")
		for line := range strings.Lines(text) {
			if item, ok := strings.CutPrefix(strings.TrimSpace(line), `- "`); ok && !strings.Contains(item, ":00") && !strings.Contains(item, ":15") &&
				item != `sat"` && !strings.Contains(whole, strings.TrimSuffix(item, `"`)) {
				t.Fatalf("%s is not told:\n%s", item, whole)
			}
		}
	})
}
