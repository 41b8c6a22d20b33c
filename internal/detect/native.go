package detect

import (
	"path"
	"regexp"
	"strings"

	"github.com/weir-ci/weir"
)

// buildDir is a name for the directory of a build that the repository does not use.
func buildDir(d dirView) string {
	name := "build"
	for d.find(func(p string) bool { return p == name || strings.HasPrefix(p, name+"/") }) != "" {
		name = "weir-" + name
	}
	return name
}

var (
	ctestSign   = regexp.MustCompile(`(?mi)^\s*(?:add_test|enable_testing|include\s*\(\s*ctest|gtest_discover_tests|catch_discover_tests|doctest_discover_tests)\b`)
	cmakeOption = regexp.MustCompile(`(?mi)^\s*(?:cmake_dependent_)?option\s*\(\s*([A-Za-z0-9_]*TESTS?(?:ING)?|[A-Za-z0-9_]*(?:BUILD|ENABLE|WITH)_TESTS?[A-Za-z0-9_]*)\s+"?[^")]*"?\s+(?:OFF|FALSE|NO|0|\$\{[^}]*\})`)
	cmakeTop    = regexp.MustCompile(`(?mi)^\s*project\s*\(`)
)

// maxListFiles is how many CMakeLists.txt are read.
const maxListFiles = 60

// cmake recognises CMake, and looks for tests in all of its files.
func cmake(_ Options, d dirView) *finding {
	if !d.has("CMakeLists.txt") {
		return nil
	}
	f := &finding{tool: CMake, file: "CMakeLists.txt", text: "CMake; ctest --output-junit says what each test did"}
	if !cmakeTop.MatchString(d.text("CMakeLists.txt")) {
		f.unfit = "passed over: it is a part of something larger, without project()"
		return f
	}
	sign, options, read := "", "", 0
	for _, p := range d.all() {
		if name := path.Base(p); name != "CMakeLists.txt" && !strings.HasSuffix(name, ".cmake") || foreign(p) || read == maxListFiles {
			continue
		}
		read++
		text := d.text(p)
		if sign == "" && ctestSign.MatchString(text) {
			sign = p
		}
		for _, m := range cmakeOption.FindAllStringSubmatch(text, -1) {
			if on := " -D" + m[1] + "=ON"; !strings.Contains(options, on) && len(options) < 400 {
				options += on
				f.note(p, "the option "+m[1]+" is off without being asked for")
			}
		}
	}
	dir := buildDir(d)
	f.step("configure", "cmake -S . -B "+dir+" -DCMAKE_BUILD_TYPE=RelWithDebInfo"+options)
	f.step("build", "cmake --build "+dir+" -j$WEIR_CPUS")
	if sign == "" {
		f.text = "CMake, without tests that ctest knows: it is built only"
		return f
	}
	f.tests = true
	f.note(sign, "names tests")
	f.step("test", `ctest --test-dir `+dir+` -j$WEIR_CPUS --output-on-failure --output-junit "$PWD/results.xml"`)
	f.result(weir.JUnit, "results.xml")
	return f
}

var mesonTest = regexp.MustCompile(`(?m)^\s*test\s*\(`)

// meson recognises Meson.
func meson(_ Options, d dirView) *finding {
	if !strings.Contains(d.text("meson.build"), "project(") {
		return nil
	}
	f := &finding{tool: Meson, file: "meson.build", text: "Meson; meson test writes JUnit files"}
	dir := buildDir(d)
	f.step("configure", "meson setup "+dir)
	f.step("build", "meson compile -C "+dir)
	sign := d.find(func(p string) bool { return path.Base(p) == "meson.build" && mesonTest.MatchString(d.text(p)) })
	if sign == "" {
		f.text = "Meson, without tests: it is built only"
		return f
	}
	f.tests = true
	f.note(sign, "names tests")
	f.step("test", "meson test -C "+dir+" --no-rebuild --print-errorlogs")
	f.result(weir.JUnit, dir+"/meson-logs/testlog.junit.xml")
	return f
}

// trsToTAP turns what Automake's test drivers leave, a file for each program, into
// one TAP document.
const trsToTAP = `find . -name '*.trs' | sort | while read -r file; do
  awk -v name="${file#./}" '
    BEGIN { sub(/\.trs$/, "", name) }
    /^:test-result:/ {
      state = $2; text = ""
      for (i = 3; i <= NF; i++) text = text " " $i
      gsub(/#/, "\\#", text)
      bad = state == "FAIL" || state == "XPASS" || state == "ERROR" || state == "XFAIL"
      print (bad ? "not ok" : "ok") " - " name text (state == "SKIP" ? " # SKIP" : state == "XFAIL" ? " # TODO" : "")
    }' "$file"
done > trs.tap
{ echo "1..$(grep -c . trs.tap)"; cat trs.tap; } > results.tap`

var (
	automakeTests = regexp.MustCompile(`(?m)^\s*(?:TESTS|check_PROGRAMS|check_SCRIPTS)\s*\+?=`)
	parallelTests = regexp.MustCompile(`(?m)\.trs\b`)
	makeCheck     = regexp.MustCompile(`(?m)^check(?:-am|-recursive)?\s*:`)
)

// autotools recognises configure scripts, and what makes them.
func autotools(_ Options, d dirView) *finding {
	source := d.first("configure.ac", "configure.in")
	file := d.first("configure", "configure.ac", "configure.in")
	if file == "" {
		return nil
	}
	f := &finding{tool: Autotools, file: file, text: "a configure script, then make check"}
	makefile := d.first("Makefile.am", "Makefile.in", "makefile.in", "GNUmakefile.in")
	if makefile == "" && source == "" {
		f.unfit = "passed over: there is no Makefile.in that it could fill in"
		return f
	}
	switch boot := d.first("autogen.sh", "bootstrap", "bootstrap.sh", "buildconf"); {
	case d.has("configure"):
	case boot != "":
		f.note(boot, "makes the configure script")
		f.step("bootstrap", "NOCONFIGURE=1 sh ./"+boot)
	default:
		f.note(source, "autoreconf makes the configure script")
		f.step("bootstrap", "autoreconf --force --install")
	}
	f.step("configure", lines("chmod +x configure", "./configure"))
	f.step("build", "make -j$WEIR_CPUS")
	isTests := func(p string) bool {
		name := path.Base(p)
		return name == "Makefile.am" && automakeTests.MatchString(d.text(p)) ||
			name == "Makefile.in" && (automakeTests.MatchString(d.text(p)) || makeCheck.MatchString(d.text(p)))
	}
	sign := d.find(isTests)
	if sign == "" {
		f.text = "a configure script, without tests that make check knows: it is built only"
		return f
	}
	f.tests = true
	f.note(sign, "has tests")
	trs := d.find(func(p string) bool {
		name := path.Base(p)
		return name == "Makefile.am" && automakeTests.MatchString(d.text(p)) || name == "Makefile.in" && parallelTests.MatchString(d.text(p))
	})
	if trs == "" {
		f.note(sign, "make check does not say what each test did: the job is judged by its steps")
		f.step("test", "make -k check")
		return f
	}
	f.note(trs, "Automake's test driver leaves a .trs file for each program")
	f.step("test", thenAlways("make -k check VERBOSE=1", trsToTAP))
	f.result(weir.TAP, "results.tap")
	return f
}

var makeTarget = regexp.MustCompile(`(?m)^(check|tests?|all)[ \t]*::?(?:[^=]|$)`)

// makefile recognises a plain Makefile: what is left when nothing else is known.
func makefile(_ Options, d dirView) *finding {
	file := d.first("GNUmakefile", "makefile", "Makefile")
	if file == "" {
		return nil
	}
	targets := map[string]bool{}
	for _, m := range makeTarget.FindAllStringSubmatch(d.text(file), -1) {
		targets[m[1]] = true
	}
	f := &finding{tool: Make, file: file}
	for _, t := range []string{"test", "check", "tests"} {
		if targets[t] {
			f.text, f.tests = "its target "+t+"; make does not say what each test did: the job is judged by its steps", true
			f.step("build", "make -j$WEIR_CPUS")
			f.step("test", "make "+t)
			return f
		}
	}
	f.text = "a Makefile without a target test or check: it is built only"
	f.step("build", "make -j$WEIR_CPUS")
	return f
}

// bats recognises tests of shell scripts.
func bats(_ Options, d dirView) *finding {
	file := d.find(func(p string) bool { return strings.HasSuffix(p, ".bats") })
	if file == "" {
		return nil
	}
	dir := path.Dir(file)
	if first, _, ok := strings.Cut(file, "/"); ok {
		dir = first
	}
	f := &finding{tool: Bats, file: file, tests: true, text: "tests of shell scripts; bats prints TAP"}
	recursive := " --recursive "
	if dir == "." {
		recursive = " "
	}
	f.step("test", "bats --formatter tap"+recursive+quote(dir)+" > results.tap")
	f.result(weir.TAP, "results.tap")
	return f
}
