// Command weir is a build farm in one program: server, worker and command line.
package main

import (
	"os"

	"github.com/weir-ci/weir/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
