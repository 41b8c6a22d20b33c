package screen_test

import (
	"slices"
	"testing"

	"github.com/weir-ci/weir/internal/screen"
)

func TestStrange(t *testing.T) {
	t.Parallel()
	two := map[string]bool{"a": true, "b": true, "c": false}
	for name, k := range map[string]struct {
		runs  []screen.Saying
		ready map[string]bool
		want  []int
	}{
		"as it is accused to":    {[]screen.Saying{{"a", ""}, {"b", ""}}, two, nil},
		"as before":              {[]screen.Saying{{"a", "old"}}, two, nil},
		"one machine alone":      {[]screen.Saying{{"b", ""}, {"a", "new"}, {"a", "new"}, {"a", "old"}}, two, []int{1, 2}},
		"two machines":           {[]screen.Saying{{"a", "new"}, {"c", "new"}}, two, nil},
		"each for itself":        {[]screen.Saying{{"a", "new"}, {"b", "newer"}}, two, []int{0, 1}},
		"nobody else to ask":     {[]screen.Saying{{"a", "new"}}, map[string]bool{"a": true, "b": false}, nil},
		"one that is away now":   {[]screen.Saying{{"c", "new"}}, two, []int{0}},
		"nothing was said":       {nil, two, nil},
		"nobody is ready at all": {[]screen.Saying{{"a", "new"}}, nil, nil},
	} {
		if got := screen.Strange(k.runs, []string{"old", "older"}, k.ready); !slices.Equal(got, k.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}
