package product

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/weir-ci/weir"
)

func TestLimits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, 1000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var packed bytes.Buffer
	if _, err := Pack(dir, &packed); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		limit Stats
		want  weir.Code
	}{
		{Stats{3, 3000}, ""}, {Stats{2, 3000}, weir.TooLarge}, {Stats{3, 2999}, weir.TooLarge},
	} {
		if _, err := unpack(bytes.NewReader(packed.Bytes()), t.TempDir(), c.limit); weir.CodeOf(err) != c.want {
			t.Errorf("%+v: %v", c.limit, err)
		}
	}
}
