package detect

import (
	"regexp"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
)

// Limits on scripts that run scripts.
const (
	maxScriptDepth = 5
	maxFollowed    = 50
)

// scriptSteps is what npm test comes to: commands joined by &&, each of which
// is one program.
type scriptSteps struct {
	manifest manifest
	commands []string
	lint     []string // what was left out
	opaque   bool     // something in it is more than a list of commands
	followed int      // scripts
}

// follow adds what a script does, with the scripts that it runs in its place.
func (s *scriptSteps) follow(name string, depth int) {
	script := s.manifest.Scripts[name]
	if s.followed++; depth > maxScriptDepth || s.followed > maxFollowed {
		s.opaque = true
		return
	}
	if pre := s.manifest.Scripts["pre"+name]; pre != "" {
		s.follow("pre"+name, depth+1)
	}
	commands, ok := splitCommands(script)
	if !ok {
		s.opaque = true
		return
	}
	for _, c := range commands {
		words := strings.Fields(c)
		for len(words) > 0 && words[0] == "cross-env" {
			words = words[1:]
		}
		c = strings.Join(words, " ")
		if len(words) == 0 {
			continue
		}
		switch program, inner := words[0], innerScript(words); {
		case inner == "lint" || strings.HasPrefix(inner, "lint:") || inner == "format" || isLint(program),
			program == "npx" && len(words) > 1 && isLint(strings.TrimPrefix(words[1], "--no-install ")):
			s.lint = append(s.lint, c)
		case inner != "" && s.manifest.Scripts[inner] != "":
			s.follow(inner, depth+1)
		case (program == "run-s" || program == "npm-run-all") && s.all(words[1:]):
			for _, w := range words[1:] {
				if w == "lint" || strings.HasPrefix(w, "lint:") {
					s.lint = append(s.lint, w)
					continue
				}
				s.follow(w, depth+1)
			}
		default:
			s.commands = append(s.commands, c)
		}
	}
}

// all reports whether these are scripts.
func (s *scriptSteps) all(names []string) bool {
	return !slices.ContainsFunc(names, func(n string) bool { return s.manifest.Scripts[n] == "" })
}

// innerScript is the script that a command runs and does nothing else; empty if
// it is not such a command.
func innerScript(words []string) string {
	if len(words) < 2 || !slices.Contains([]string{"npm", "yarn", "pnpm", "bun"}, words[0]) {
		return ""
	}
	words = words[1:]
	if words[0] == "run" || words[0] == "run-script" {
		words = words[1:]
	}
	for len(words) > 0 && (words[0] == "-s" || words[0] == "--silent") {
		words = words[1:]
	}
	if len(words) != 1 || strings.HasPrefix(words[0], "-") {
		return ""
	}
	return words[0]
}

// splitCommands takes a script apart at &&. ok is false if it holds more than
// commands and words in quotation marks.
func splitCommands(script string) (commands []string, ok bool) {
	var b strings.Builder
	var quote byte
	for i := 0; i < len(script); i++ {
		c := script[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
			if c == '\n' || c == '`' {
				return nil, false
			}
			b.WriteByte(c)
		case c == '"' || c == '\'':
			quote = c
			b.WriteByte(c)
		case strings.HasPrefix(script[i:], "&&"):
			commands = append(commands, strings.TrimSpace(b.String()))
			b.Reset()
			i++
		case strings.IndexByte("|&;()`<>\n", c) >= 0:
			return nil, false
		default:
			b.WriteByte(c)
		}
	}
	return append(commands, strings.TrimSpace(b.String())), quote == 0
}

// runners are programs that run tests and can say what each did.
var runners = []string{"mocha", "_mocha", "jest", "react-scripts", "vitest", "tape", "ava", "tap", "qunit", "lab", "playwright", "bun"}

// wrappers run another program.
var wrappers = []string{"nyc", "c8", "istanbul", "npx", "cross-env", "env", "dotenv", "node", "ts-node", "tsx", "babel-node", "electron-mocha"}

// assignment sets a variable for one command.
var assignment = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=\S*$`)

var nodeTestFlag = regexp.MustCompile(`(^|\s)--test(\s|$)`)

// reported is how a runner is made to say what each test did.
func reported(command string, m manifest) (run string, format weir.ResultFormat, why string) {
	words := strings.Fields(command)
	program := words[0]
	at := slices.IndexFunc(words, func(w string) bool {
		w = w[strings.LastIndexByte(w, '/')+1:]
		return slices.Contains(runners, strings.TrimSuffix(w, ".js"))
	})
	switch {
	case nodeTestFlag.MatchString(command) && program != "bun":
		return nodeTestFlag.ReplaceAllString(command, "$1--test --test-reporter=spec --test-reporter-destination=stdout "+
			"--test-reporter=junit --test-reporter-destination=results.xml$2"), weir.JUnit, "node --test writes JUnit"
	case at >= 0 && (at == 0 || slices.Contains(wrappers, program) || strings.Contains(program, "=")):
		name := strings.TrimSuffix(words[at][strings.LastIndexByte(words[at], '/')+1:], ".js")
		return runnerReport(name, command, strings.Join(words[at:], " "))
	case program == "node" && m.depends("tape"):
		return command + " > results.tap", weir.TAP, "tape prints TAP"
	}
	return command, "", ""
}

// runnerReport adds to a runner's command what makes it report. Programs in front
// of the runner that measure coverage are left out, since they judge it too.
func runnerReport(name, whole, bare string) (run string, format weir.ResultFormat, why string) {
	prefix, rest := "", whole
	for {
		first, more, ok := strings.Cut(rest, " ")
		if !ok || !assignment.MatchString(first) {
			break
		}
		prefix, rest = prefix+first+" ", more
	}
	if first, _, _ := strings.Cut(rest, " "); slices.Contains([]string{"nyc", "c8", "istanbul"}, first) {
		whole = prefix + bare
	}
	switch name {
	case "mocha", "_mocha":
		return whole + " --reporter xunit --reporter-option output=results.xml", weir.JUnit, "mocha's reporter xunit writes JUnit"
	case "vitest":
		if !strings.Contains(whole, "vitest run") {
			whole = strings.Replace(whole, "vitest", "vitest run", 1)
		}
		return whole + " --reporter=default --reporter=junit --outputFile.junit=results.xml", weir.JUnit, "vitest writes JUnit"
	case "jest", "react-scripts":
		return thenAlways(whole+" --ci --json --outputFile=jest.json", jestToJUnit), weir.JUnit,
			"jest writes JSON, which is turned into JUnit: its reporters for that are packages of their own"
	case "tape", "qunit":
		return whole + " > results.tap", weir.TAP, name + " prints TAP"
	case "ava":
		return whole + " --tap > results.tap", weir.TAP, "ava --tap prints TAP"
	case "tap":
		return whole + " -R tap > results.tap", weir.TAP, "tap prints TAP"
	case "lab":
		return whole + " -r junit -o results.xml", weir.JUnit, "lab writes JUnit"
	case "playwright":
		return "export PLAYWRIGHT_JUNIT_OUTPUT_NAME=results.xml\n" + whole + " --reporter=list,junit", weir.JUnit, "playwright writes JUnit"
	case "bun":
		if strings.HasPrefix(whole, "bun test") {
			return whole + " --reporter=junit --reporter-outfile=results.xml", weir.JUnit, "bun test writes JUnit"
		}
	}
	return whole, "", ""
}

// jestToJUnit turns jest's JSON into JUnit.
const jestToJUnit = `node -e '
const fs = require("fs"), path = require("path");
const esc = s => String(s ?? "").replace(/[\u0000-\u0008\u000b-\u001f]/g, "").replace(/[<>&"]/g, c => "&#" + c.charCodeAt(0) + ";");
let out = "<testsuites>\n";
for (const f of JSON.parse(fs.readFileSync("jest.json", "utf8")).testResults) {
  const file = path.relative(process.cwd(), f.name).split(path.sep).join("/");
  out += "<testsuite name=\"" + esc(file) + "\">\n";
  for (const t of f.assertionResults) {
    out += "<testcase classname=\"" + esc(file) + "\" name=\"" + esc(t.fullName) + "\" time=\"" + (t.duration || 0) / 1000 + "\">";
    if (t.status === "failed") out += "<failure>" + esc((t.failureMessages || []).join("\n")) + "</failure>";
    if (t.status !== "failed" && t.status !== "passed") out += "<skipped/>";
    out += "</testcase>\n";
  }
  if (f.status === "failed" && !f.assertionResults.length)
    out += "<testcase classname=\"" + esc(file) + "\" name=\"loads\"><error>" + esc(f.message) + "</error></testcase>\n";
  out += "</testsuite>\n";
}
fs.writeFileSync("results.xml", out + "</testsuites>\n");'`

// nodePath puts the programs of the package's dependencies first, as npm does.
const nodePath = `PATH="$PWD/node_modules/.bin:$PATH"`

// nodeTests adds steps for what npm test does.
func nodeTests(f *finding, m manifest) {
	s := scriptSteps{manifest: m}
	s.follow("test", 0)
	if s.opaque || len(s.commands) == 0 {
		nodeWhole(f, m)
		return
	}
	if len(s.lint) > 0 {
		f.note("package.json", "left out, because it tests nothing: "+clip(strings.Join(s.lint, ", ")))
	}
	number := 0
	for _, c := range s.commands {
		run, format, why := reported(c, m)
		if format == "" {
			f.step(stepTitle("prepare tests", f), lines(nodePath, run))
			continue
		}
		number++
		file := "results.xml"
		if format == weir.TAP {
			file = "results.tap"
		}
		if number > 1 { // several runners: a file for each
			other := strings.Replace(file, ".", "-"+string(rune('0'+min(number, 9)))+".", 1)
			run, file = strings.ReplaceAll(run, file, other), other
		} else {
			f.note("package.json", why)
		}
		f.step(stepTitle("test", f), lines(nodePath, run))
		f.result(format, file)
	}
	if number == 0 {
		f.steps = slices.DeleteFunc(f.steps, func(s weir.Step) bool { return s.Name != "prepare" })
		nodeWhole(f, m)
	}
}

// nodeWhole runs npm test as it is.
func nodeWhole(f *finding, m manifest) {
	for _, tap := range []string{"tape", "qunit"} {
		if m.depends(tap) {
			f.note("package.json", tap+" prints TAP")
			f.step("test", "npm test --silent > results.tap")
			f.result(weir.TAP, "results.tap")
			return
		}
	}
	f.note("package.json", "it is not known how its script test could say what each test did: the job is judged by its steps")
	f.step("test", "npm test")
}

// stepTitle is a name that no step has yet.
func stepTitle(name string, f *finding) string {
	for title, n := name, 2; ; n++ {
		if !slices.ContainsFunc(f.steps, func(s weir.Step) bool { return s.Name == title }) {
			return title
		}
		title = name + " " + string(rune('0'+min(n, 9)))
		if n > 9 {
			return title + "+"
		}
	}
}
