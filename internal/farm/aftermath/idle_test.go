package aftermath

import (
	"strings"
	"testing"

	"github.com/weir-ci/weir"
)

// TestMarked: a note is marked once, however long it is.
func TestMarked(t *testing.T) {
	t.Parallel()
	for _, note := range []string{"", "bad at it", strings.Repeat("x", weir.MaxReason), strings.Repeat("é", weir.MaxReason/2), strings.Repeat("y", weir.MaxReason-3)} {
		once := marked(note, gone)
		if len(once) > weir.MaxReason || !strings.HasSuffix(once, gone) || marked(once, gone) != once {
			t.Errorf("a note of %d bytes is marked %.40q, %d bytes", len(note), once, len(once))
		}
		if again := marked(once, unbuilt); !strings.HasSuffix(again, unbuilt) || strings.Contains(again, gone) || len(again) > weir.MaxReason {
			t.Errorf("another mark: %.40q", again)
		}
		if plain := marked(once, ""); strings.Contains(plain, gone) || !strings.HasPrefix(note, plain) {
			t.Errorf("the mark stays: %.40q", plain)
		}
	}
}
