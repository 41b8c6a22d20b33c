// Package ecosystem brings a toy ecosystem to life: git repositories of brook,
// a small language, and of a dozen projects that are built on it. weir demo
// shows them, and end-to-end tests let a farm watch them.
//
// The plot is data, in testdata/ecosystem: what each commit holds, when it is
// pushed, which commits break whose tests, and what must stay silent.
//
//	eco, err := ecosystem.Create(dir)         // stage 0: nothing has happened yet
//	config, err := eco.WriteConfig()          // dir/weir.yaml
//	...                                       // start a farm on it
//	for s := 1; s < eco.Stages(); s++ {
//		err = eco.Advance(s)              // the tips of the branches move
//		...                               // the farm finds eco.Culprits() of stage s
//	}
//
// All commits are written when the ecosystem is created; a stage only moves
// branches. Commit ids depend on the data alone, so they are the same each
// time and on every machine.
//
// Building brook and testing the projects needs sh and awk; creating them
// needs git only.
package ecosystem
