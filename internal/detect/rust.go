package detect

import (
	"strings"

	"github.com/weir-ci/weir"
)

// findRustup sets RUSTUP_HOME for installations below the user's real home
// directory: that of a step is empty.
const findRustup = `home=$(eval echo "~$USER")
if [ -z "$RUSTUP_HOME" ] && [ -d "$home/.rustup" ]; then export RUSTUP_HOME="$home/.rustup"; fi`

// libtestToTAP turns what libtest prints for people into TAP. Its machine-readable
// formats are unstable, and so not there with a released compiler.
const libtestToTAP = `awk '
  /^ *Running |^ *Doc-tests / { suite = $2 == "unittests" ? $3 : $2 }
  /^test .* \.\.\. (ok|FAILED|ignored)/ {
    name = $0; sub(/^test /, "", name); state = name
    sub(/ \.\.\. (ok|FAILED|ignored).*$/, "", name); sub(/^.* \.\.\. /, "", state)
    gsub(/ \(line [0-9]+\)/, "", name); gsub(/#/, "\\#", name)
    print (state ~ /^FAILED/ ? "not ok" : "ok") " - " suite " " name (state ~ /^ignored/ ? " # SKIP" : ""); n++
  }
  END { print "1.." n + 0 }' cargo.log > results.tap`

// rust recognises Cargo packages and workspaces.
func rust(_ Options, d dirView) *finding {
	if !d.has("Cargo.toml") {
		return nil
	}
	f := &finding{tool: Rust, file: "Cargo.toml", tests: true, text: "a Cargo package: cargo test"}
	if strings.Contains(d.text("Cargo.toml"), "[workspace]") {
		f.text = "a Cargo workspace: cargo test --workspace"
	}
	f.note("Cargo.toml", "libtest has no stable machine-readable output: results are read from what it prints for people, without messages")
	locked := ""
	if d.has("Cargo.lock") {
		locked = " --locked"
		f.note("Cargo.lock", "the versions that the project itself tests with: --locked")
	}
	f.result(weir.TAP, "results.tap")
	f.step("build", lines(findRustup, "cargo test --workspace --no-run"+locked))
	f.step("test", lines(findRustup,
		thenAlways("cargo test --workspace --no-fail-fast"+locked+" > cargo.log 2>&1", lines("cat cargo.log", libtestToTAP))))
	return f
}
