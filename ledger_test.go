package weir_test

import (
	"testing"

	"github.com/weir-ci/weir"
)

// TestHollow tells builds that show nothing from builds without tests.
func TestHollow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		outcome weir.Outcome
		tests   weir.Counts
		due     weir.Ledger
		want    bool
	}{
		{weir.Passed, weir.Counts{}, weir.Ledger{}, false},
		{weir.Passed, weir.Counts{Skip: 5}, weir.Ledger{}, true},
		{weir.Passed, weir.Counts{}, weir.Ledger{Expected: 5, Hidden: 5}, true},
		{weir.Passed, weir.Counts{Skip: 5, ExpectedFailure: 1}, weir.Ledger{}, false},
		{weir.Passed, weir.Counts{Pass: 1}, weir.Ledger{Expected: 6, Executed: 1, Hidden: 5}, false},
		{weir.Failed, weir.Counts{Skip: 5}, weir.Ledger{}, false},
		{"", weir.Counts{Skip: 5}, weir.Ledger{}, false},
	} {
		if got := (weir.Build{Outcome: c.outcome, Counts: c.tests, Ledger: c.due}).Hollow(); got != c.want {
			t.Errorf("%s, %+v, %+v is hollow: %t", c.outcome, c.tests, c.due, got)
		}
	}
}

func TestLedgerTests(t *testing.T) {
	t.Parallel()
	all := weir.Counts{Pass: 9, Fail: 2, Skip: 4, ExpectedFailure: 1}
	for _, c := range []struct {
		ledger        weir.Ledger
		executed, due int
	}{
		{weir.Ledger{}, 12, 12},
		{weir.Ledger{Expected: 14, Reported: 13, Executed: 7, Hidden: 3}, 7, 10}, // five are new
		{weir.Ledger{Expected: 4, Hidden: 4}, 0, 4},
	} {
		if executed, due := c.ledger.Tests(all); executed != c.executed || due != c.due {
			t.Errorf("%+v: %d of %d", c.ledger, executed, due)
		}
	}
}

func TestLedgerString(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ledger weir.Ledger
		want   string
	}{
		{weir.Ledger{}, ""},
		{weir.Ledger{Expected: 10_050, Reported: 9960, Executed: 9950, Hidden: 50, ByCause: 50, Cause: weir.Panicked, Message: "in TestX: boom"},
			"9,950 of 10,000 expected tests ran, 50 hidden by a panic in TestX: boom"},
		{weir.Ledger{Executed: 1, Hidden: 1_234_567, Masked: 1002, ByCause: 40, Cause: weir.DidNotBuild, Message: "no such file"},
			"1 of 1,234,568 expected tests ran, 1,234,567 hidden, 40 of them by what did not build: no such file; 1,002 failed before, which this does not fix"},
		{weir.Ledger{Executed: 5, Hidden: 2, ByCause: 2, Cause: weir.Gone},
			"5 of 7 expected tests ran, 2 hidden for an unknown reason"},
	} {
		if got := c.ledger.String(); got != c.want {
			t.Errorf("%+v reads\n%s, want\n%s", c.ledger, got, c.want)
		}
	}
}
