package sqlboards

import (
	"encoding/json"
	"maps"
	"testing"

	"pgregory.net/rapid"

	"github.com/weir-ci/weir"
)

// TestPlainPins holds what is read by hand against what the library reads.
func TestPlainPins(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		ok   bool
	}{
		{`{"brook":"r1"}`, true}, {`{"brook":"r1","mill":"r2"}`, true}, {`{"":""}`, true}, {`{"brook":""}`, true}, {`{"a,b":"{}:,"}`, true},
		{`{"bäch":"r1"}`, true}, {`{"a":"1","a":"2"}`, true},
		{`{}`, false}, {``, false}, {`null`, false}, {`{"brook": "r1"}`, false}, {`{"br\u00f6ok":"r1"}`, false}, {`{"a":"\""}`, false}, {`{"a":"1",}`, false},
		{`{"a":"1"`, false}, {`{"a":"1"}x`, false}, {`{"a":1,"b":"2"}`, false}, {`{"a","b":"2"}`, false}, {"{\"a\":\"\x01\"}", false}, {"{\"a\":\"\xff\"}", false},
		{`{"a":{"b":"c"}}`, false}, {`["a":"b"]`, false}, {`{"a":"1""b":"2"}`, false}, {`{"a":null,"b":"2"}`, false},
	} {
		holdPins(t, c.text, c.ok)
	}
	rapid.Check(t, func(t *rapid.T) {
		pins := weir.Pins(rapid.MapOf(rapid.StringMatching(`[a-z":,{}\\\\ ö]*`), rapid.String()).Draw(t, "pins"))
		data, err := json.Marshal(pins)
		if err != nil {
			t.Fatal(err)
		}
		got, err := newReader().pinsOf(string(data))
		if err != nil || !maps.Equal(got, pins) {
			t.Fatalf("%s is %v (%v), want %v", data, got, err, pins)
		}
	})
}

// holdPins wants a text to be read by hand or not, and to be what the library reads.
func holdPins(t *testing.T, text string, want bool) {
	t.Helper()
	got, ok := plainPins(text)
	if ok != want {
		t.Errorf("%q: %v, want %v", text, ok, want)
	}
	var known weir.Pins
	if err := json.Unmarshal([]byte(text), &known); ok && (err != nil || !maps.Equal(got, known)) {
		t.Errorf("%q is %v, want %v (%v)", text, got, known, err)
	}
}
