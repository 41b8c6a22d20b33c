package formats_test

import (
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/results/formats"
)

func TestEveryFormatHasAReader(t *testing.T) {
	t.Parallel()
	in := map[weir.ResultFormat]string{
		weir.JUnit:  `<testsuite name="s"><testcase name="a"/></testsuite>`,
		weir.TAP:    "1..1\nok 1 - a\n",
		weir.GoTest: `{"Action":"run","Package":"p","Test":"a"}` + "\n" + `{"Action":"pass","Package":"p","Test":"a"}` + "\n" + `{"Action":"pass","Package":"p"}`,
	}
	for _, f := range weir.ResultFormats() {
		set, err := formats.Read(f, strings.NewReader(in[f]))
		if err != nil || len(set.Results) != 1 || set.Results[0].Test.Name != "a" || len(set.Incidents) != 0 {
			t.Errorf("%s: got %+v, %v", f, set, err)
		}
	}
	if _, err := formats.Read("punchcard", strings.NewReader("x")); weir.CodeOf(err) != weir.Unsupported {
		t.Errorf("unknown format: %v", err)
	}
}
