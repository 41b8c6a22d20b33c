package detect

import (
	"path"
	"regexp"
	"strings"

	"github.com/weir-ci/weir"
)

// perl recognises distributions of Perl.
func perl(o Options, d dirView) *finding {
	file := d.first("Build.PL", "Makefile.PL", "dist.ini", "cpanfile")
	if file == "" {
		return nil
	}
	f := &finding{tool: Perl, file: file, text: "a Perl distribution; prove --verbose prints TAP"}
	sign := d.find(func(p string) bool {
		return strings.HasSuffix(p, ".t") && (strings.HasPrefix(p, "t/") || !strings.Contains(p, "/"))
	})
	f.setEnv("PERL_MM_USE_DEFAULT", "1")    // nobody answers questions
	f.setEnv("PERL_USE_UNSAFE_INC", "1")    // as the installers of CPAN do it
	f.setEnv("NONINTERACTIVE_TESTING", "1") // the same for tests
	if !o.Installed && (d.has("META.json") || d.has("cpanfile") || file != "dist.ini") {
		f.note(file, "what it needs is fetched if cpanm is there, and expected to be there if not")
		f.step("prepare", lines(`if command -v cpanm >/dev/null; then`,
			`  cpanm --quiet --notest --local-lib-contained "$PWD/.local" --installdeps .`, "fi"))
	}
	local := `export PERL5LIB="$PWD/.local/lib/perl5"`
	blib := " --blib"
	switch file {
	case "Build.PL":
		f.step("build", lines(local, "perl Build.PL", "./Build"))
	case "Makefile.PL":
		f.step("build", lines(local, "perl Makefile.PL", "make"))
	default:
		blib = " --lib"
	}
	if sign == "" {
		if blib == " --lib" {
			f.unfit = "passed over: there are no tests in t"
		}
		f.text = "a Perl distribution without tests: it is built only"
		return f
	}
	f.tests = true
	f.note(sign, "tests for prove")
	where := "t"
	if !strings.HasPrefix(sign, "t/") {
		where = "*.t"
	}
	f.step("test", lines(local, "prove"+blib+" --verbose --merge --recurse "+where+" > results.tap"))
	f.result(weir.TAP, "results.tap")
	return f
}

var makeTest = regexp.MustCompile(`(?m)^(test|check)[ \t]*:`)

// lua recognises rocks, and tests for busted.
func lua(o Options, d dirView) *finding {
	rock := ""
	for _, pattern := range []string{"*.rockspec", "rockspec/*.rockspec", "rockspecs/*.rockspec"} {
		if m := d.match(pattern, 1); len(m) > 0 && rock == "" {
			rock = m[0]
		}
	}
	spec := d.find(func(p string) bool { return strings.HasSuffix(p, "_spec.lua") })
	script := d.first("test.lua", "tests.lua", "test/test.lua", "tests/test.lua", "test/all.lua", "test/run.lua", "tests/run.lua")
	switch {
	case d.has(".busted"):
		spec = ".busted"
	case spec == "" && rock == "" && script == "":
		return nil
	}
	f := &finding{tool: Lua, file: rock, text: "a rock of Lua"}
	if rock == "" {
		f.file, f.text = spec+script, "tests in Lua"
		if spec != "" {
			f.file = spec
		}
	}
	f.luaBuild(o, rock)
	switch makefile := d.first("Makefile", "makefile"); {
	case spec != "":
		f.tests = true
		f.note(spec, "tests for busted, which writes JUnit")
		f.step("test", lines(luaPath, "busted --output=junit -Xoutput results.xml"))
		f.result(weir.JUnit, "results.xml")
	case makeTest.MatchString(d.text(makefile)):
		f.tests = true
		f.note(makefile, "its target "+makeTest.FindStringSubmatch(d.text(makefile))[1]+"; the job is judged by its steps")
		f.step("test", lines(luaPath, "make "+makeTest.FindStringSubmatch(d.text(makefile))[1]))
	case script != "":
		f.tests = true
		f.note(script, "a script of tests; the job is judged by its steps")
		f.step("test", lines(luaPath, findLua, `"$lua" `+script))
	case len(f.steps) == 0:
		f.unfit = "passed over: it has no tests that are known"
	}
	return f
}

// luaBuild builds what a rock says, modules in C among it.
func (f *finding) luaBuild(o Options, rock string) {
	switch {
	case rock == "":
	case o.Installed:
		f.note(rock, "luarocks builds what it says, and fetches nothing")
		f.step("build", "luarocks --tree .rocks make --deps-mode none "+quote(rock))
	default:
		f.note(rock, "luarocks fetches and builds what it says")
		f.step("build", "luarocks --tree .rocks make "+quote(rock))
	}
}

const (
	luaPath = `export LUA_PATH="./?.lua;./?/init.lua;./src/?.lua;./src/?/init.lua;./lib/?.lua;./lib/?/init.lua;` +
		`.rocks/share/lua/5.4/?.lua;.rocks/share/lua/5.4/?/init.lua;.rocks/share/lua/5.1/?.lua;.rocks/share/lua/5.1/?/init.lua;;"
export LUA_CPATH="./?.so;.rocks/lib/lua/5.4/?.so;.rocks/lib/lua/5.1/?.so;;"`
	// The Lua that luarocks builds for, or else the newest one.
	findLua = `for lua in "$(luarocks config variables.LUA 2>/dev/null)" lua lua5.4 lua5.3 luajit lua5.1; do
  command -v "$lua" >/dev/null && break
done`
)

// rspecToTAP turns RSpec's JSON into TAP.
const rspecToTAP = `ruby -rjson -e '
  tests = JSON.parse(File.read("rspec.json"))["examples"]
  puts "1..#{tests.size}"
  tests.each do |t|
    name = (t["file_path"] + " " + t["full_description"]).gsub(/[\n#]/, " ")
    puts (t["status"] == "failed" ? "not ok - " : "ok - ") + name + (t["status"] == "pending" ? " # SKIP" : "")
    puts t["exception"]["message"].to_s.gsub(/^/, "# ") if t["exception"]
  end' > results.tap`

// ruby recognises gems and applications.
func ruby(o Options, d dirView) *finding {
	file := d.first("Gemfile", "Rakefile")
	if m := d.match("*.gemspec", 1); len(m) > 0 {
		file = m[0]
	}
	if file == "" {
		return nil
	}
	f := &finding{tool: Ruby, file: file, text: "a Ruby project"}
	bundle := ""
	if d.has("Gemfile") && !o.Installed {
		bundle = "bundle exec "
		f.note("Gemfile", "bundler fetches what it needs")
		f.step("prepare", lines("bundle config set --local path vendor/bundle", "bundle install"))
	}
	spec := d.find(func(p string) bool { return strings.HasSuffix(p, "_spec.rb") })
	minitest := d.find(func(p string) bool {
		return strings.HasPrefix(p, "test/") && (strings.HasSuffix(p, "_test.rb") || strings.HasPrefix(path.Base(p), "test_"))
	})
	switch {
	case spec != "" && (d.has(".rspec") || strings.HasPrefix(spec, "spec/")):
		f.tests = true
		f.note(spec, "tests for RSpec, whose JSON is turned into TAP")
		f.step("test", thenAlways(bundle+"rspec --format documentation --format json --out rspec.json", rspecToTAP))
		f.result(weir.TAP, "results.tap")
	case minitest != "" && d.has("Rakefile"):
		f.tests = true
		f.note(minitest, "tests for minitest, which does not say what each test did without a package of its own: the job is judged by its steps")
		f.step("test", bundle+"rake test")
	default:
		f.unfit = "passed over: it has no tests that are known"
	}
	return f
}

// php recognises packages of Composer.
func php(o Options, d dirView) *finding {
	if !d.has("composer.json") {
		return nil
	}
	f := &finding{tool: PHP, file: "composer.json", text: "a PHP package"}
	if !o.Installed {
		f.step("prepare", "composer install --no-interaction --no-progress")
	}
	program := "phpunit"
	if strings.Contains(d.text("composer.json"), "pestphp/pest") {
		program = "pest"
	}
	sign := d.first("phpunit.xml", "phpunit.xml.dist", "phpunit.dist.xml")
	if sign == "" {
		f.unfit = "passed over: there is no phpunit.xml"
		return f
	}
	f.tests = true
	f.note(sign, program+" --log-junit says what each test did")
	command := "vendor/bin/" + program
	if o.Installed {
		command = program
	}
	f.step("test", command+" --log-junit results.xml")
	f.result(weir.JUnit, "results.xml")
	return f
}
