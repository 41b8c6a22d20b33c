package chaos

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Kind is what a fault does.
type Kind string

// The kinds of faults. Those that last end by themselves after Fault.For.
const (
	KillServer     Kind = "kill server"     // SIGKILL, and started again
	EndServer      Kind = "end server"      // SIGTERM, and started again
	StopServer     Kind = "stop server"     // SIGSTOP, SIGCONT
	SetClock       Kind = "set clock"       // of one server, by up to an hour, and back
	KillWorker     Kind = "kill worker"     // the program only, and started again
	StopWorker     Kind = "stop worker"     // the program only
	EndWorker      Kind = "end worker"      // SIGTERM: it drains, and is started again
	KillSupervisor Kind = "kill supervisor" // one of those that run attempts
	StopSupervisor Kind = "stop supervisor" //
	KillMachine    Kind = "kill machine"    // a worker with all it started, and started again
	StopMachine    Kind = "stop machine"    // a laptop's lid
	FillDisk       Kind = "fill disk"       // of the worker on the small disk
	Cut            Kind = "cut"             // connections of workers are reset
	HalfClose      Kind = "half-close"      // one direction of them ends
	Slow           Kind = "slow"            // whatever is read or written waits
	Silence        Kind = "silence"         // nothing gets through, nothing is refused
	DoubleNow      Kind = "double now"      // a message is sent twice at once
	DoubleLater    Kind = "double later"    // and once more after its answer
	Late           Kind = "late"            // its sender is cut off, it arrives later
	LoseAnswer     Kind = "lose answer"     // it arrives, its answer does not
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{KillServer, EndServer, StopServer, SetClock, KillWorker, StopWorker, EndWorker, KillSupervisor, StopSupervisor,
		KillMachine, StopMachine, FillDisk, Cut, HalfClose, Slow, Silence, DoubleNow, DoubleLater, Late, LoseAnswer}
}

// Fault is one thing that goes wrong.
type Fault struct {
	At     time.Duration // since the script began
	Kind   Kind
	Target int           // chooses among what it may hit
	For    time.Duration // how long it lasts, or how late a message is
	Verb   string        // of the message, for those that are about one
	Amount time.Duration // how slow, how wrong
}

// Dose is how often a kind of fault happens and how long it lasts.
type Dose struct {
	Weight    int
	Min, Max  time.Duration // of Fault.For
	MinAmount time.Duration
	MaxAmount time.Duration
}

// Profile is a sort of run.
type Profile struct {
	Name  string
	Lease time.Duration // how long an attempt lives without a sync
	Doses map[Kind]Dose
	Every time.Duration // pause between faults, on average
	// Patient says that no fault takes an attempt away from its worker for
	// longer than its lease: no attempt may be lost.
	Patient bool
	// Jobs are what the load asks for, one as often as the other; nil means
	// all, each by its share.
	Jobs []string
	// Workers and Slots are what works; zero means 4 and 2.
	Workers, Slots int
}

const ms = time.Millisecond

// network is what may happen to messages.
func network(longest time.Duration) map[Kind]Dose {
	return map[Kind]Dose{
		Cut:         {Weight: 3, Min: 0, Max: 0},
		HalfClose:   {Weight: 2, Min: 0, Max: 0},
		Slow:        {Weight: 2, Min: 300 * ms, Max: longest, MinAmount: 5 * ms, MaxAmount: 150 * ms},
		Silence:     {Weight: 2, Min: 100 * ms, Max: longest},
		DoubleNow:   {Weight: 4},
		DoubleLater: {Weight: 4, Min: 20 * ms, Max: 3 * time.Second},
		Late:        {Weight: 4, Min: 20 * ms, Max: 3 * time.Second},
		LoseAnswer:  {Weight: 4},
	}
}

// Mixed is everything that can go wrong. Attempts may be lost; then the build
// runs again, and the record has to say so.
func Mixed() Profile {
	doses := network(4 * time.Second)
	for kind, d := range map[Kind]Dose{
		KillServer:     {Weight: 4, Min: 0, Max: 1500 * ms},
		EndServer:      {Weight: 2, Min: 0, Max: time.Second},
		StopServer:     {Weight: 2, Min: 100 * ms, Max: 4 * time.Second},
		SetClock:       {Weight: 1, Min: 500 * ms, Max: 3 * time.Second, MinAmount: -time.Hour, MaxAmount: time.Hour},
		KillWorker:     {Weight: 4, Min: 0, Max: 1500 * ms},
		StopWorker:     {Weight: 2, Min: 100 * ms, Max: 5 * time.Second},
		EndWorker:      {Weight: 1, Min: 0, Max: time.Second},
		KillSupervisor: {Weight: 2},
		StopSupervisor: {Weight: 2, Min: 100 * ms, Max: 2 * time.Second},
		KillMachine:    {Weight: 1, Min: 100 * ms, Max: 2 * time.Second},
		StopMachine:    {Weight: 1, Min: 500 * ms, Max: 5 * time.Second},
		FillDisk:       {Weight: 1, Min: 300 * ms, Max: 2 * time.Second},
	} {
		doses[kind] = d
	}
	return Profile{Name: "mixed", Lease: 3 * time.Second, Doses: doses, Every: 300 * ms}
}

// NoRetry kills programs and disturbs the network, but never for as long as a
// lease: every build must end with its first attempt.
func NoRetry() Profile {
	doses := network(800 * ms)
	for kind, d := range map[Kind]Dose{
		KillServer: {Weight: 6, Min: 0, Max: 700 * ms},
		EndServer:  {Weight: 3, Min: 0, Max: 500 * ms},
		StopServer: {Weight: 2, Min: 100 * ms, Max: 800 * ms},
		KillWorker: {Weight: 8, Min: 0, Max: 700 * ms},
		StopWorker: {Weight: 2, Min: 100 * ms, Max: 800 * ms},
	} {
		doses[kind] = d
	}
	return Profile{Name: "no-retry", Lease: 15 * time.Second, Doses: doses, Every: 300 * ms, Patient: true}
}

// Pauses stops machines for longer than a lease, so that others take over what
// they were doing. A farm that does not fence shows it here.
func Pauses() Profile {
	return Profile{Name: "pauses", Lease: 1500 * ms, Every: 900 * ms, Workers: 3, Jobs: []string{"slow"},
		Doses: map[Kind]Dose{StopMachine: {Weight: 1, Min: 3 * time.Second, Max: 4 * time.Second}}}
}

// Disks fills the disk of one of two workers again and again, and kills its
// program now and then: whatever it was about to write must not be taken for
// something else later, and none of it may look like a project's failure.
func Disks() Profile {
	return Profile{Name: "disks", Lease: 3 * time.Second, Every: 350 * ms, Workers: 2,
		Doses: map[Kind]Dose{FillDisk: {Weight: 4, Min: 100 * ms, Max: 1500 * ms}, KillWorker: {Weight: 2, Max: 500 * ms},
			KillMachine: {Weight: 1, Max: 500 * ms}, KillServer: {Weight: 1, Max: 500 * ms}}}
}

// Echoes doubles, delays and loses messages and does nothing else. A farm that
// does not look at offsets and numbers shows it here.
func Echoes() Profile {
	return Profile{Name: "echoes", Lease: 6 * time.Second, Every: 60 * ms, Jobs: []string{"slow"}, Patient: true,
		Doses: map[Kind]Dose{DoubleNow: {Weight: 1}, DoubleLater: {Weight: 1, Min: 10 * ms, Max: 500 * ms},
			LoseAnswer: {Weight: 1}}}
}

// Script makes the faults of a run, in the order in which they happen. Each
// kind of the profile happens at least once if there are enough of them.
func Script(seed uint64, p Profile, faults int) []Fault {
	r := rand.New(rand.NewPCG(seed, 0x77656972)) //nolint:gosec // has to be repeatable, not secret
	var urn []Kind
	var once []Kind
	for _, kind := range Kinds() { // in a fixed order
		d, ok := p.Doses[kind]
		if !ok {
			continue
		}
		once = append(once, kind)
		for range d.Weight {
			urn = append(urn, kind)
		}
	}
	kinds := make([]Kind, 0, faults)
	r.Shuffle(len(once), func(i, k int) { once[i], once[k] = once[k], once[i] })
	kinds = append(kinds, once[:min(len(once), faults)]...)
	for len(kinds) < faults {
		kinds = append(kinds, urn[r.IntN(len(urn))])
	}
	r.Shuffle(len(kinds), func(i, k int) { kinds[i], kinds[k] = kinds[k], kinds[i] })
	out := make([]Fault, faults)
	at := 500 * ms // something should run
	verbs := []string{"sync", "sync", "sync", "finish", "finish", "lease", "hello", "watch"}
	for i, kind := range kinds {
		d := p.Doses[kind]
		out[i] = Fault{At: at, Kind: kind, Target: r.IntN(1 << 16), For: between(r, d.Min, d.Max),
			Amount: between(r, d.MinAmount, d.MaxAmount), Verb: verbs[r.IntN(len(verbs))]}
		if r.IntN(5) > 0 { // else the next one comes at the same moment
			at += between(r, p.Every*2/3, p.Every*11/6)
		}
	}
	return out
}

func between(r *rand.Rand, least, most time.Duration) time.Duration {
	if most <= least {
		return least
	}
	return least + time.Duration(r.Int64N(int64(most-least)))
}

// Tally counts faults by kind.
type Tally map[Kind]int

// Total is the number of faults.
func (t Tally) Total() int {
	n := 0
	for _, c := range t {
		n += c
	}
	return n
}

// Missing lists the kinds of a profile that never happened.
func (t Tally) Missing(p Profile) []Kind {
	return slices.DeleteFunc(Kinds(), func(k Kind) bool { return t[k] > 0 || p.Doses[k].Weight == 0 })
}

// String lists the counts in the order of Kinds.
func (t Tally) String() string {
	s := ""
	for _, kind := range Kinds() {
		if t[kind] > 0 {
			s += fmt.Sprintf(", %s %d", kind, t[kind])
		}
	}
	if s == "" {
		return "none"
	}
	return s[2:]
}

func (p Profile) workers() int { return cmp.Or(p.Workers, 4) }
func (p Profile) slots() int   { return cmp.Or(p.Slots, 2) }
