package detect

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// manifest is what package.json says of tests.
type manifest struct {
	Name            string            `json:"name"`
	Scripts         map[string]string `json:"scripts"`
	Dependencies    map[string]any    `json:"dependencies"`
	DevDependencies map[string]any    `json:"devDependencies"`
	PackageManager  string            `json:"packageManager"`
}

func (m manifest) depends(name string) bool {
	_, a := m.Dependencies[name]
	_, b := m.DevDependencies[name]
	return a || b
}

// lenient keeps what can be read of a manifest whose values have odd types.
func readManifest(text string) (manifest, bool) {
	var raw map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &raw) != nil {
		return manifest{}, false
	}
	var m manifest
	_ = json.Unmarshal(raw["name"], &m.Name)
	_ = json.Unmarshal(raw["packageManager"], &m.PackageManager)
	_ = json.Unmarshal(raw["dependencies"], &m.Dependencies)
	_ = json.Unmarshal(raw["devDependencies"], &m.DevDependencies)
	var scripts map[string]any
	_ = json.Unmarshal(raw["scripts"], &scripts)
	m.Scripts = map[string]string{}
	for name, v := range scripts {
		if s, ok := v.(string); ok && len(s) < maxScript {
			m.Scripts[name] = s
		}
	}
	return m, true
}

// maxScript limits a script of package.json, in bytes.
const maxScript = 4 << 10

// node recognises npm packages.
func node(o Options, d dirView) *finding {
	if !d.has("package.json") {
		return nil
	}
	f := &finding{tool: Node, file: "package.json", text: "an npm package"}
	m, ok := readManifest(d.text("package.json"))
	if !ok {
		f.unfit = "passed over: it is not valid JSON"
		return f
	}
	if o.Installed {
		f.note("package.json", "what it needs is there already, in node_modules")
	} else {
		install, file, why := nodeInstall(d, m)
		f.note(file, why)
		f.step("prepare", install)
	}
	script := m.Scripts["test"]
	switch {
	case script == "" || strings.Contains(script, "no test specified"):
		if m.Scripts["build"] == "" {
			f.unfit = "passed over: it has no script test"
			return f
		}
		f.text = "an npm package without a script test: it is built only"
		f.step("build", "npm run build")
		return f
	case o.Installed && !m.depends("tape") && !strings.Contains(script, "node"):
		f.note("package.json", "its test runner must be there already")
	}
	f.tests = true
	f.text = "an npm package, with the script test"
	nodeTests(f, m)
	return f
}

var (
	managerForm = regexp.MustCompile(`^(npm|yarn|pnpm|bun)@(\d+(?:\.\d+){0,2})`)
	pnpmLock    = regexp.MustCompile(`(?m)^lockfileVersion:\s*'?(\d+)`)
)

// nodeInstall says how to install what a package needs, and which file says so.
func nodeInstall(d dirView, m manifest) (run, file, why string) {
	version := func(name, otherwise string) string {
		if f := managerForm.FindStringSubmatch(m.PackageManager); f != nil && f[1] == name {
			return f[2]
		}
		return otherwise
	}
	switch file := d.first("package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock", "bun.lockb"); file {
	case "package-lock.json", "npm-shrinkwrap.json":
		return "npm ci --no-audit --no-fund", file, "the versions that the project itself tests with: npm ci"
	case "pnpm-lock.yaml":
		otherwise := "9"
		if l := pnpmLock.FindStringSubmatch(d.text(file)); l != nil && l[1] == "6" {
			otherwise = "8"
		} else if l != nil && l[1] == "5" {
			otherwise = "7"
		}
		return "npx --yes pnpm@" + version("pnpm", otherwise) + " install --frozen-lockfile", file, "a lock file of pnpm"
	case "yarn.lock":
		if strings.Contains(d.text(file), "__metadata:") {
			return "npx --yes @yarnpkg/cli-dist@" + version("yarn", "4") + " install --immutable", file, "a lock file of Yarn 2 or later"
		}
		return "npx --yes yarn@" + version("yarn", "1") + " install --frozen-lockfile --non-interactive", file, "a lock file of Yarn 1"
	case "bun.lock", "bun.lockb":
		return "bun install --frozen-lockfile", file, "a lock file of Bun"
	}
	return "npm install --no-audit --no-fund", "package.json", "there is no lock file: npm takes the newest versions that fit"
}

// deno recognises Deno projects.
func deno(_ Options, d dirView) *finding {
	file := d.first("deno.json", "deno.jsonc")
	if file == "" || d.has("package.json") && strings.Contains(d.text("package.json"), `"test"`) {
		return nil
	}
	f := &finding{tool: Deno, file: file, text: "a Deno project", tests: true}
	f.step("test", "deno test --allow-all --junit-path=results.xml")
	f.result("junit", "results.xml")
	return f
}

// lintPrograms look at sources and run nothing: what they say is no test.
var lintPrograms = []string{"eslint", "standard", "xo", "prettier", "biome", "jshint", "jslint", "tslint", "oxlint", "stylelint", "markdownlint",
	"dtslint", "tsd", "attw", "publint", "knip", "depcheck", "commitlint", "ls-lint", "aud", "evalmd", "lockfile-lint", "in-publish",
	"not-in-publish", "safe-publish-latest", "standardx", "ts-standard", "semistandard", "snazzy", "check-coverage", "codecov", "coveralls"}

func isLint(program string) bool { return slices.Contains(lintPrograms, program) }
