// Package sources reads the key source of a project: where its revisions come
// from, how they are checked out, and which of them set off builds.
//
// What stands there ends up on the command lines of other tools, on pages and at
// workers. So locations are checked by what the tools make of them: no options, no
// transports that run commands, no credentials. Names of branches and revisions may
// not look like options either.
package sources
