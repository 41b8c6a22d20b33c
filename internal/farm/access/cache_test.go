package access

import (
	"strconv"
	"testing"
	"time"

	"github.com/weir-ci/weir/internal/store"
)

func TestTokensAreForgotten(t *testing.T) {
	t.Parallel()
	var c cache
	now := time.Now()
	c.put("old", store.Token{Name: "o"}, now.Add(-believed))
	c.put("new", store.Token{Name: "n"}, now.Add(time.Hour)) // the test may be slow
	if _, ok := c.get("old"); ok {
		t.Error("a token is believed for too long")
	}
	if got, ok := c.get("new"); !ok || got.Name != "n" {
		t.Errorf("a token that was just found is %+v, %v", got, ok)
	}
	for i := range 3 * keptTokens {
		c.put(strconv.Itoa(i), store.Token{}, now)
		if len(c.found) > keptTokens {
			t.Fatalf("%d tokens are kept", len(c.found))
		}
	}
}
