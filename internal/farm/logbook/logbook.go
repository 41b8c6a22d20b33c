// Package logbook keeps the logs of steps: it takes frames in, seals them into
// segments, and reads them.
//
// What a worker sends is checked, and much of it becomes a segment at once
// (take.go); the rest lies as frames in the database until it is sealed
// (seal.go). When a log has ended and its server has time, its segments are put
// together into fewer, denser ones (pack.go). Readers (read.go) need not know which is where: they see a log as
// a steplog.Source (open.go). A Book remembers nothing that matters: any number
// of servers may have one on the same store.
package logbook

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blob"
	"github.com/weir-ci/weir/internal/steplog"
	"github.com/weir-ci/weir/internal/store"
)

// Bounds of what is remembered of logs.
const (
	cachedSections = 20_000
	cachedBlocks   = 100_000 // index entries, each about 40 bytes
	cachedSegments = 20_000  // entries of lists, each about 200 bytes
)

// Options is what a book is made of.
type Options struct {
	Store store.Logs
	Blobs blob.Store
	Log   *slog.Logger // nil: nothing is logged
	// Wake returns a channel that is closed when builds have changed the next
	// time: logs may have ended. nil: the book looks at intervals only.
	Wake func() <-chan struct{}
}

// Book keeps logs. Make one with New; it is safe for concurrent use, but for
// Run, of which there is one.
type Book struct {
	store    store.Logs
	blobs    blob.Store
	log      *slog.Logger
	wake     func() <-chan struct{}
	codec    *steplog.Codec
	indexes  recent[weir.Digest, *steplog.Index]
	segments recent[string, []store.LogSegment] // by where they end: see listKey
	sections recent[string, LogSections]
	taken    atomic.Int64 // when frames came in last, in nanoseconds
	// rest is called by whoever packs after each piece of work, with how long it took.
	rest     func(ctx context.Context, worked time.Duration) error
	packSize int // about how large a dense segment gets, in bytes
}

// New makes a book of what is in a store.
func New(o Options) *Book {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Wake == nil {
		o.Wake = func() <-chan struct{} { return nil }
	}
	b := &Book{store: o.Store, blobs: o.Blobs, log: o.Log, wake: o.Wake, codec: steplog.NewCodec(), packSize: sealSize}
	b.rest = b.breathe
	return b
}
