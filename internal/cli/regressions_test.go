package cli_test

import (
	"bytes"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/weir-ci/weir/internal/cli"
	"github.com/weir-ci/weir/internal/server"
	"github.com/weir-ci/weir/internal/server/servertest"
)

// TestWhyDoYouSaySo reads the story of two projects that have to move
// together: the sentence, the corners, the advice, the builds, what speaks
// against it, in this order.
func TestWhyDoYouSaySo(t *testing.T) {
	t.Parallel()
	run := func(f *servertest.Farm, args ...string) (string, int) {
		h, err := server.New(server.Options{Farm: f, Name: "Riverside"})
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewServer(h)
		defer s.Close()
		var out, errs bytes.Buffer
		code := cli.Main(append(args, "--server", s.URL), strings.NewReader(""), &out, &errs)
		if errs.Len() > 0 {
			t.Errorf("%v complains: %s", args, errs.String())
		}
		return out.String(), code
	}
	story, code := run(servertest.Demo(), "regressions", "5")
	if code != 0 {
		t.Errorf("a closed regression exits with %d", code)
	}
	rest := story
	for _, want := range []string{
		`(?m)^5 +fixed +lock step +brook 99d2000000 +fold: new tables +2 tests of mill$`,
		`(?m)^lock step: brook 99d2000000 and mill 58c4000000 have to move together; each without the other breaks 2 tests of mill$`,
		`(?m)^sure +99\.10 %$`,
		`(?m)^corners:$`,
		`(?m)^ +mill 3d10000000 +mill 58c4000000$`,
		`(?m)^  brook 77aa000000 +✓ good, build 12 +! does not build, build 23$`,
		`(?m)^  brook 99d2000000 +✗ bad, build 17 +✓ good, build 20$`,
		`(?m)^for the upstream:$`,
		`(?m)^  brook 99d2000000 breaks mill below mill 58c4000000`,
		`(?m)^for mill:$`,
		`(?m)^  pin brook below 99d2000000, or take mill 58c4000000 or newer$`,
		`(?m)^  this works: mill 58c4000000 and brook 99d2000000$`,
		`(?m)^tests:$`,
		`(?m)^path:$`,
		`(?m)^builds:$`,
		`(?m)^  step 0 +build 12 +✓ 2 good *$`,
		`(?m)^  step 1 +build 16 +✗ 1 bad, 1 good +against it$`,
		`(?m)^  mill 58c4000000 with brook 77aa000000 +build 23 +! does not build *$`,
		`(?m)^against it:$`,
		`(?m)^  build 16 is bad in front of it, at step 1: 1 of 2 tests$`,
	} {
		at := regexp.MustCompile(want).FindStringIndex(rest)
		if at == nil {
			t.Fatalf("%s is not there, or not in its place, in\n%s", want, story)
		}
		rest = rest[at[1]:]
	}
	list, _ := run(servertest.Demo(), "regressions", "--all")
	for _, want := range []string{`(?m)^3 +located +upstream +brook`, `(?m)^4 +searching +- `} {
		if !regexp.MustCompile(want).MatchString(list) {
			t.Errorf("%s is not in the list\n%s", want, list)
		}
	}
	for _, id := range []string{"3", "5"} {
		if text, _ := run(servertest.Hostile(), "regressions", id); strings.ContainsAny(text, "\x00\x1b\x07\r\u202e\u2066") {
			t.Errorf("control characters reach the terminal: %.300q", text)
		}
	}
}
