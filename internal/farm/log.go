package farm

import (
	"context"
	"io"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/logbook"
	"github.com/weir-ci/weir/internal/steplog"
)

// What is asked of logs, and answered.
type (
	// LogAsk says which stretch of a log somebody wants.
	LogAsk = logbook.LogAsk
	// LogPiece is a stretch of one step's log.
	LogPiece = logbook.LogPiece
	// LogText is the whole text of a log.
	LogText = logbook.LogText
	// LogSections is what a log can be folded by.
	LogSections = logbook.LogSections
)

// ReadLog reads a stretch of a step's log: see logbook.Book.Read.
func (f *Farm) ReadLog(ctx context.Context, id weir.AttemptID, step int, ask LogAsk) (LogPiece, error) {
	return f.book.Read(ctx, id, step, ask)
}

// OpenLog opens the whole log of a step: see logbook.Book.Open.
func (f *Farm) OpenLog(ctx context.Context, id weir.AttemptID, step int) (LogText, error) {
	return f.book.Open(ctx, id, step)
}

// CopyLog writes the whole log of a step to w, with constant memory.
func (f *Farm) CopyLog(ctx context.Context, w io.Writer, id weir.AttemptID, step int) error {
	return f.book.Copy(ctx, w, id, step)
}

// SearchLog looks for lines of a step's log: see logbook.Book.Search.
func (f *Farm) SearchLog(ctx context.Context, id weir.AttemptID, step int, q steplog.Query) (steplog.Found, error) {
	return f.book.Search(ctx, id, step, q)
}

// LogSections finds the sections of a step's log: see logbook.Book.Sections.
func (f *Farm) LogSections(ctx context.Context, id weir.AttemptID, step int) (LogSections, error) {
	return f.book.Sections(ctx, id, step)
}
