package detect_test

import (
	"testing"
	"testing/fstest"

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
