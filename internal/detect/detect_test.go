package detect_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/detect"
)

func repo(files map[string]string) detect.Files {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return detect.FS(m)
}

func TestNothing(t *testing.T) {
	t.Parallel()
	_, _, err := detect.Project(repo(map[string]string{"README": "hello"}))
	if err == nil {
		t.Error("a README is no project")
	}
}

// TestNames holds that jobs of several directories have names of their own.
func TestNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 60)
	jobs, _, err := detect.Project(repo(map[string]string{"a b/go.mod": "", "a-b/go.mod": "", long + "/" + long + "/go.mod": ""}))
	if err != nil || len(jobs) != 3 {
		t.Fatalf("got %d jobs, %v", len(jobs), err)
	}
	for i, j := range jobs {
		if !weir.ValidName(j.Name) || i > 0 && jobs[i-1].Name >= j.Name {
			t.Errorf("job %d is called %q", i, j.Name)
		}
	}
}
