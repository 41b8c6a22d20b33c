//go:build !unix

package pgtest

import (
	"context"
	"errors"
)

// startKeeper needs a Unix shell and Unix sockets.
func startKeeper(context.Context, string) (*Cluster, error) {
	return nil, errors.New("no private PostgreSQL on this system; set " + Env + " to the address of a superuser")
}
