package leasemodel

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// worlds are the sizes that are looked at completely at every test, see also raceWorlds.
var worlds = []Config{
	{Builds: 1, Workers: 1, Slots: 1, Lines: 2, Retries: 2, Messages: 3, Faults: 1, Cancel: true},
	{Builds: 1, Workers: 1, Slots: 1, Lines: 1, Retries: 2, Messages: 2, Faults: 2},
	{Builds: 1, Workers: 1, Slots: 1, Lines: 1, Retries: 1, Messages: 2, Faults: 2, Cancel: true, Pause: true},
	{Builds: 1, Workers: 2, Slots: 1, Lines: 1, Retries: 1, Messages: 2, Faults: 1},
	{Builds: 2, Workers: 1, Slots: 1, Lines: 1, Retries: 2, Messages: 2, Faults: 1},
	{Builds: 2, Workers: 1, Slots: 2, Lines: 0, Retries: 1, Messages: 2, Faults: 1},
	{Builds: 1, Workers: 2, Slots: 1, Lines: 1, Retries: 1, Messages: 1, Faults: 0, Twins: true},
	{Builds: 1, Workers: 1, Slots: 1, Lines: 1, Retries: 1, Messages: 2, Faults: 1, Full: true},
	{Builds: 2, Workers: 1, Slots: 1, Lines: 0, Retries: 2, Messages: 2, Faults: 1, Cancel: true, After: AfterPassed},
	{Builds: 2, Workers: 1, Slots: 1, Lines: 0, Retries: 1, Messages: 2, Faults: 1, After: AfterFailed},
	{Builds: 2, Workers: 1, Slots: 1, Lines: 0, Retries: 1, Messages: 2, Faults: 1, After: AfterAny},
	{Builds: 1, Workers: 2, Slots: 1, Lines: 0, Retries: 1, Messages: 2, Faults: 1, Refuse: true},
}

// raceWorlds are fewer: the race detector makes walking ten times slower, and
// has nothing to find where one goroutine walks.
var raceWorlds = []Config{
	{Builds: 1, Workers: 1, Slots: 1, Lines: 2, Retries: 2, Messages: 2, Faults: 1, Cancel: true},
	{Builds: 1, Workers: 2, Slots: 1, Lines: 1, Retries: 1, Messages: 1, Faults: 1},
	{Builds: 2, Workers: 1, Slots: 1, Lines: 1, Retries: 1, Messages: 2, Faults: 1},
	{Builds: 2, Workers: 1, Slots: 1, Lines: 0, Retries: 1, Messages: 1, Faults: 1, Cancel: true, After: AfterPassed},
	{Builds: 1, Workers: 2, Slots: 1, Lines: 0, Retries: 1, Messages: 1, Faults: 1, Refuse: true},
}

// bigWorlds take minutes, and are looked at with WEIR_MODEL=big.
var bigWorlds = []Config{
	{Builds: 1, Workers: 1, Slots: 1, Lines: 2, Retries: 3, Messages: 4, Faults: 2, Cancel: true, Pause: true},
	{Builds: 1, Workers: 1, Slots: 1, Lines: 1, Retries: 2, Messages: 3, Faults: 3},
	{Builds: 1, Workers: 2, Slots: 1, Lines: 1, Retries: 2, Messages: 3, Faults: 1},
	{Builds: 2, Workers: 1, Slots: 2, Lines: 1, Retries: 1, Messages: 3, Faults: 1},
	{Builds: 2, Workers: 2, Slots: 1, Lines: 1, Retries: 1, Messages: 2, Faults: 1},
	{Builds: 1, Workers: 2, Slots: 1, Lines: 1, Retries: 2, Messages: 2, Faults: 2},
	{Builds: 2, Workers: 1, Slots: 1, Lines: 1, Retries: 2, Messages: 2, Faults: 2},
	{Builds: 1, Workers: 2, Slots: 1, Lines: 1, Retries: 1, Messages: 2, Faults: 1, Twins: true},
	{Builds: 1, Workers: 1, Slots: 1, Lines: 1, Retries: 2, Messages: 2, Faults: 1, Full: true},
	{Builds: 1, Workers: 2, Slots: 1, Lines: 1, Retries: 1, Messages: 2, Faults: 2, Refuse: true},
	{Builds: 2, Workers: 2, Slots: 1, Lines: 0, Retries: 1, Messages: 2, Faults: 1, Refuse: true},
}

// name says how large a world is.
func (c Config) name() string {
	s := fmt.Sprintf("%d builds, %d workers with %d slots, %d lines, %d tries, %d messages, %d faults",
		c.Builds, c.Workers, c.Slots, c.Lines, c.Retries, c.Messages, c.Faults)
	for _, o := range []struct {
		on   bool
		name string
	}{{c.Cancel, "cancel"}, {c.Pause, "pause"}, {c.Twins, "one token for both"}, {c.Refuse, "one refuses"}, {c.Full, "nothing left out"}, {c.After == AfterPassed, "one after the other has passed"},
		{c.After == AfterFailed, "one after the other has failed"}, {c.After == AfterAny, "one after the other"}} {
		if o.on {
			s += ", " + o.name
		}
	}
	return s
}

// TestWorlds walks through everything that can happen.
func TestWorlds(t *testing.T) {
	t.Parallel()
	sizes := worlds
	if raced {
		sizes = raceWorlds
	}
	if os.Getenv("WEIR_MODEL") == "big" {
		sizes = append(sizes[:len(sizes):len(sizes)], bigWorlds...)
	}
	states, steps := 0, 0
	for _, c := range sizes {
		start := time.Now()
		r := Check(c, 12_000_000)
		t.Logf("%s: %v (%v)", c.name(), r, time.Since(start).Round(time.Millisecond))
		if r.Wrong != nil {
			t.Error("the protocol does not keep its promises")
		}
		states, steps = states+r.States, steps+r.Steps
	}
	t.Logf("%d states and %d steps in all", states, steps)
}

// TestFlaws takes one rule away at a time, and demands that it is missed.
func TestFlaws(t *testing.T) {
	t.Parallel()
	small := Config{Builds: 1, Workers: 1, Slots: 1, Lines: 1, Retries: 2, Messages: 2, Faults: 1}
	with := func(change func(c *Config)) Config {
		c := small
		change(&c)
		return c
	}
	refusing := with(func(c *Config) { c.Workers, c.Lines, c.Messages, c.Retries, c.Refuse = 2, 0, 1, 1, true })
	twoFaults := with(func(c *Config) { c.Faults = 2 })
	for f, want := range map[Flaw]struct {
		world Config
		wrong string
	}{
		NoToken:          {small, "no attempt did"},
		NoFence:          {small, "had ended, and changes"},
		NoEpoch:          {twoFaults, "counts as undelivered, and worker 1 has it"},
		NoSeq:            {small, "counts as undelivered, and worker 1 has it"},
		IgnoreHolds:      {with(func(c *Config) { c.Slots = 2 }), "counts as undelivered, and worker 1 has it"},
		NoUndelivered:    {small, "cannot come to rest"},
		CountUndelivered: {small, "after 1 of 2 attempts"},
		CountRefused:     {refusing, "after 0 of 1 attempts"},
		AskAgain:         {refusing, "cannot come to rest"},
		NoRetryLimit:     {small, "has reached workers 3 times"},
		SameNumber:       {small, "had ended, and changes"},
		StillLive:        {small, "live attempts"},
		NoExpiry:         {with(func(c *Config) { c.Workers, c.Messages, c.Retries = 2, 1, 1 }), "cannot come to rest"},
		LeaseTwice:       {with(func(c *Config) { c.Slots = 2 }), "2 live attempts"},
		CancelKeeps:      {with(func(c *Config) { c.Cancel = true }), "live attempts"},
		NoOffsets:        {small, "which has printed 1"},
		NoSyncSeq:        {small, "goes backwards"},
		NoLogCheck:       {small, "which has printed 1"},
		ForgetHolds:      {with(func(c *Config) { c.Slots = 2 }), "counts as undelivered, and worker 1 has it"},
		LateAnswer:       {small, "counts as undelivered, and worker 1 has it"},
		RunAgain:         {small, "is run 2 times"},
		EarlyFinish:      {small, "has finished, and 0 of its 1 lines"},
		NoFollow:         {with(func(c *Config) { c.Builds, c.Lines, c.Retries, c.Cancel, c.After = 2, 0, 1, true, AfterAny }), "cannot come to rest"},
		EarlyOrder:       {with(func(c *Config) { c.Builds, c.Lines, c.After = 2, 0, AfterPassed }), "before build 1 has ended"},
	} {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			c := want.world
			c.Flaw = f
			r := Check(c, 1_000_000)
			t.Logf("without the rule: %v", r)
			if r.Wrong == nil || !strings.Contains(r.Wrong.Error(), want.wrong) {
				t.Errorf("the checker should find: %q", want.wrong)
			}
			if c.Flaw = NoFlaw; len(r.Trace) == 0 {
				t.Error("there is no trace")
			}
		})
	}
}

// TestAllFlaws makes sure that no flaw is left out above.
func TestAllFlaws(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, f := range Flaws() {
		names[f.String()] = true
	}
	if len(names) != 24 {
		t.Errorf("%d flaws have names of their own, and TestFlaws knows 24", len(names))
	}
}
