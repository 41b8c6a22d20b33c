package detect

import (
	"strings"

	"github.com/weir-ci/weir"
)

// silent is the note of tools that do not say what each test did.
func silent(command string) string {
	return command + " does not say what each test did without a package of its own: the job is judged by its steps"
}

// elixir recognises projects of Mix.
func elixir(_ Options, d dirView) *finding {
	if !d.has("mix.exs") {
		return nil
	}
	f := &finding{tool: Elixir, file: "mix.exs", text: "a Mix project", tests: true}
	f.setEnv("MIX_ENV", "test")
	f.step("prepare", lines("mix local.hex --force", "mix local.rebar --force", "mix deps.get"))
	f.step("build", "mix compile")
	f.step("test", "mix test")
	f.note("mix.exs", silent("mix test"))
	return f
}

// haskell recognises packages of Stack and Cabal.
func haskell(_ Options, d dirView) *finding {
	if d.has("stack.yaml") {
		f := &finding{tool: Haskell, file: "stack.yaml", text: "a Haskell package with Stack", tests: true}
		f.step("build", "stack --no-terminal build --test --no-run-tests")
		f.step("test", "stack --no-terminal test")
		f.note("stack.yaml", silent("stack test"))
		return f
	}
	file := d.first("cabal.project")
	if m := d.match("*.cabal", 1); len(m) > 0 && file == "" {
		file = m[0]
	}
	if file == "" {
		return nil
	}
	f := &finding{tool: Haskell, file: file, text: "a Haskell package with Cabal", tests: true}
	f.step("prepare", "cabal update")
	f.step("build", "cabal build all --enable-tests")
	f.step("test", "cabal test all --enable-tests --test-show-details=direct")
	f.note(file, silent("cabal test"))
	return f
}

// ocaml recognises projects of Dune.
func ocaml(_ Options, d dirView) *finding {
	if !d.has("dune-project") {
		return nil
	}
	f := &finding{tool: OCaml, file: "dune-project", text: "a Dune project", tests: true}
	f.step("build", "dune build")
	f.step("test", "dune runtest")
	f.note("dune-project", silent("dune runtest"))
	return f
}

// swift recognises Swift packages.
func swift(_ Options, d dirView) *finding {
	if !d.has("Package.swift") {
		return nil
	}
	f := &finding{tool: Swift, file: "Package.swift", text: "a Swift package"}
	f.step("build", "swift build --build-tests")
	if d.find(func(p string) bool { return strings.HasPrefix(p, "Tests/") }) == "" {
		f.steps = nil
		f.text += " without tests: it is built only"
		f.step("build", "swift build")
		return f
	}
	f.tests = true
	f.step("test", "swift test --skip-build --parallel --xunit-output results.xml")
	f.result(weir.JUnit, "results.xml")
	f.note("Package.swift", "swift test writes JUnit if it runs in parallel")
	return f
}

// dart recognises Dart and Flutter packages.
func dart(_ Options, d dirView) *finding {
	if !d.has("pubspec.yaml") {
		return nil
	}
	f := &finding{tool: Dart, file: "pubspec.yaml", text: "a Dart package"}
	program := "dart"
	if strings.Contains(d.text("pubspec.yaml"), "sdk: flutter") {
		program, f.text = "flutter", "a Flutter package"
	}
	sign := d.find(func(p string) bool { return strings.HasSuffix(p, "_test.dart") })
	if sign == "" {
		f.unfit = "passed over: it has no tests"
		return f
	}
	f.tests = true
	f.step("prepare", program+" pub get")
	f.step("test", program+" test")
	f.note(sign, silent(program+" test"))
	return f
}

// julia recognises Julia packages.
func julia(_ Options, d dirView) *finding {
	if !d.has("Project.toml") || !d.has("test/runtests.jl") {
		return nil
	}
	f := &finding{tool: Julia, file: "Project.toml", text: "a Julia package", tests: true}
	f.step("prepare", `julia --project -e 'using Pkg; Pkg.instantiate()'`)
	f.step("test", `julia --project -e 'using Pkg; Pkg.test()'`)
	f.note("test/runtests.jl", silent("Pkg.test"))
	return f
}

// zig recognises projects of Zig.
func zig(_ Options, d dirView) *finding {
	if !d.has("build.zig") {
		return nil
	}
	f := &finding{tool: Zig, file: "build.zig", text: "a Zig project"}
	f.step("build", "zig build")
	if strings.Contains(d.text("build.zig"), "addTest") {
		f.tests = true
		f.step("test", "zig build test --summary all")
		f.note("build.zig", silent("zig build test"))
	}
	return f
}
