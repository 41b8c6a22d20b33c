package product_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/weir-ci/weir/internal/worker/product"
)

func FuzzUnpack(f *testing.F) {
	dir := f.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("x"), 0o600); err != nil {
		f.Fatal(err)
	}
	var buf bytes.Buffer
	if _, err := product.Pack(dir, &buf); err != nil {
		f.Fatal(err)
	}
	f.Add(buf.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		parent := t.TempDir()
		dir := filepath.Join(parent, "out")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		_, _ = product.Unpack(bytes.NewReader(data), dir)
		if list, _ := os.ReadDir(parent); len(list) != 1 {
			t.Errorf("wrote outside: %v", list)
		}
	})
}
