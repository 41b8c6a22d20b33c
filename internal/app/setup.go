package app

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/audit"
	"github.com/weir-ci/weir/internal/farm/recipes"
	"github.com/weir-ci/weir/internal/farm/setup"
	"github.com/weir-ci/weir/internal/source"
)

// served is what the server shows: the farm, and how it is configured.
type served struct {
	*farm.Farm
	*setup.Keeper
}

// configure gives the farm what it was started with, and from then on listens
// for the signal that says that the file is to be read again.
func (s *Server) configure(ctx context.Context, o ServerOptions, board *setup.Board) error {
	file := o.File
	if file != "" {
		if abs, err := filepath.Abs(file); err == nil {
			file = abs
		}
		s.signals = make(chan os.Signal, 1)
		signal.Notify(s.signals, syscall.SIGHUP)
	}
	options := setup.Options{File: file, Farm: o.Farm, Target: s.farm, Board: board, Store: s.store, Host: HostPlatform(), Log: s.log,
		Repositories: s.book, Told: s.told}
	s.keeper = setup.NewKeeper(options)
	return s.keeper.Start(ctx)
}

// told records that the farm file was read because it changed, or because of a signal.
func (s *Server) told(ctx context.Context, by string, r setup.Result) {
	if s.views == nil {
		return
	}
	act := audit.Act{Via: audit.ViaCommand, Verb: "reload", Note: "because of the signal HUP, version " + r.Version}
	if by == "file" {
		act.Note = "because the farm file changed, version " + r.Version
	}
	if !r.Applied {
		act.Code = string(weir.Invalid)
	}
	s.views.Audit.Record(ctx, act)
}

// recipes makes what reads the jobs that projects have in their repositories.
func (s *Server) recipes(files source.FileReader) farm.Recipes {
	s.book = recipes.New(recipes.Options{Store: s.store, Files: files, Log: s.log,
		Refill: func(ctx context.Context) error { return s.keeper.Refill(ctx) }})
	return s.book
}
