package sqltx

import (
	"testing"
	"time"
)

func TestClean(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                "",
		"plain é 💩":       "plain é 💩",
		"a\x00b":          "a\uFFFDb",
		"\xff\xfe":        "\uFFFD\uFFFD",
		"ok\xe2\x82":      "ok\uFFFD\uFFFD",
		"\uFFFD stays":    "\uFFFD stays",
		"\xed\xa0\x80 no": "\uFFFD\uFFFD\uFFFD no",
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
	if got := Clip("€€€", 7); got != "€€" {
		t.Errorf("Clip: %q", got)
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{{}, time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if got := TimeOf(Micros(at)); !got.Equal(at) {
			t.Errorf("%v became %v", at, got)
		}
	}
}

func TestDestinations(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	var got time.Time
	if err := Time(&got).Scan(Micros(at)); err != nil || got != at {
		t.Errorf("a time became %v (%v)", got, err)
	}
	if err := Time(&got).Scan("soon"); err == nil {
		t.Error("text was taken for a time")
	}
	list := []string{"as it was"}
	if err := JSON(&list).Scan(""); err != nil || list[0] != "as it was" {
		t.Errorf("empty text gave %q (%v)", list, err)
	}
	if err := JSON(&list).Scan(`["new"]`); err != nil || list[0] != "new" {
		t.Errorf("JSON gave %q (%v)", list, err)
	}
	for _, bad := range []any{`["new`, int64(1), nil} {
		if err := JSON(&list).Scan(bad); err == nil {
			t.Errorf("%v was taken for JSON", bad)
		}
	}
}

func TestWhere(t *testing.T) {
	t.Parallel()
	var w Where
	if got := w.String(); got != "" {
		t.Errorf("no conditions: %q", got)
	}
	WhereIn(&w, "a", []string(nil))
	w.And("(x = ? OR y = ?)", 1)
	WhereIn(&w, "b", []string{"p", "q"})
	limit := w.Arg(5)
	if got := w.String(); got != " WHERE (x = $1 OR y = $1) AND b IN ($2, $3)" || limit != "$4" || len(w.Args()) != 4 {
		t.Errorf("%q, limit %s, %v", got, limit, w.Args())
	}
}
