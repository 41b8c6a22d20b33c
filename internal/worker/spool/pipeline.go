package spool

import (
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/weir-ci/weir"
)

// Sizes of the pipeline. What waits in it is bounded, and so is what a killed
// supervisor loses.
const (
	compressors = 2
	queueLength = 8 // frames, each of at most weir.MaxFrame bytes
)

// appendFile is what the pipeline needs of a journal's file.
type appendFile interface {
	io.WriteCloser
	Truncate(size int64) error
}

// pipeline compresses frames, several at a time, and appends them to the
// journal in the order in which they came.
type pipeline struct {
	file     appendFile
	encoders *Encoders
	notify   func()
	queue    chan *item // in order, for the one that appends
	work     chan *item // for those that compress
	started  int        // so many of those; belongs to whoever calls frame
	wg       sync.WaitGroup
	buffers  sync.Pool // *[]byte: of frames' content, and of records

	// Of the appending goroutine, and once it has ended of whoever waited.
	size   int64 // of the journal, up to its last whole record
	broken bool  // behind which lies something that could not be taken back

	mu  sync.Mutex
	err error // the first one
}

// item is a record on its way.
type item struct {
	frame  weir.LogFrame
	source *[]byte // the frame's content; nil if the record is ready
	record *[]byte
	err    error
	done   chan struct{} // closed when record and err are set; nil if they are
	synced chan struct{} // closed instead of appending anything
}

func newPipeline(file appendFile, size int64, encoders *Encoders, notify func()) *pipeline {
	p := &pipeline{file: file, size: size, encoders: encoders, notify: notify,
		queue: make(chan *item, queueLength), work: make(chan *item, queueLength)}
	p.wg.Go(p.appendAll)
	return p
}

// Encoders are shared by writers that follow each other in one process: one
// takes megabytes, and is costly to make for an attempt that says little. The
// zero value is ready, and gives back what is not used for a while.
type Encoders struct{ pool sync.Pool }

// take gives an encoder of the fastest level: it is nearly all that a large log
// costs here, and those of the default level are a few percent smaller for half
// as much time again. A frame is all that it sees at a time, so a larger window
// would only cost memory.
func (e *Encoders) take() (*zstd.Encoder, error) {
	if encoder, ok := e.pool.Get().(*zstd.Encoder); ok {
		return encoder, nil
	}
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(weir.MaxFrame))
}

// buffer gives an empty buffer. A new one has no room: most steps say little.
func (p *pipeline) buffer() *[]byte {
	if b, ok := p.buffers.Get().(*[]byte); ok {
		return b
	}
	return new([]byte)
}

func (p *pipeline) recycle(b *[]byte) {
	if b != nil {
		*b = (*b)[:0]
		p.buffers.Put(b)
	}
}

// frame sends off a frame with this content. It waits while the disk or the
// processor cannot keep up. The callers must keep the order themselves.
func (p *pipeline) frame(f weir.LogFrame, content *[]byte) {
	// An encoder takes more than a megabyte, so there is one at first, and more
	// only if there is enough for them to do.
	if p.started == 0 || p.started < compressors && len(p.work) > 0 {
		p.started++
		p.wg.Go(p.compress)
	}
	it := &item{frame: f, source: content, done: make(chan struct{})}
	p.work <- it
	p.queue <- it
}

// record sends off a sealed record.
func (p *pipeline) record(r []byte) { p.queue <- &item{record: &r} }

// sync waits until all that came before is appended, and returns the first error.
func (p *pipeline) sync() error {
	it := &item{synced: make(chan struct{})}
	p.queue <- it
	<-it.synced
	return p.failure()
}

// close waits for everything. The file stays open.
func (p *pipeline) close() {
	close(p.work)
	close(p.queue)
	p.wg.Wait()
}

func (p *pipeline) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

func (p *pipeline) fail(err error) {
	p.mu.Lock()
	first := p.err == nil
	if first {
		p.err = err
	}
	p.mu.Unlock()
	if first {
		p.notify()
	}
}

func (p *pipeline) compress() {
	encoder, err := p.encoders.take()
	for it := range p.work {
		switch {
		case err != nil:
			p.fail(err)
		case p.failure() == nil:
			it.record = p.buffer()
			r := append(*it.record, make([]byte, headSize)...)
			r = encoder.EncodeAll(*it.source, appendFrameHead(r, it.frame))
			it.err = seal(frameKind, r)
			*it.record = r
		}
		p.recycle(it.source)
		close(it.done)
	}
	if err == nil {
		p.encoders.pool.Put(encoder)
	}
}

func (p *pipeline) appendAll() {
	for it := range p.queue {
		if it.done != nil {
			<-it.done
		}
		switch {
		case it.synced != nil:
			close(it.synced)
			continue
		case it.record == nil || p.failure() != nil: // once something is missing, what follows is no use
		case it.err != nil:
			p.fail(it.err)
		default:
			if err := p.append(*it.record); err != nil {
				p.fail(err)
			} else {
				p.notify()
			}
		}
		if it.source != nil {
			p.recycle(it.record)
		}
	}
}

// append writes a record. If that goes wrong, its beginning is taken back, so
// that the report can still follow.
func (p *pipeline) append(record []byte) error {
	if p.broken {
		return p.failure()
	}
	if _, err := p.file.Write(record); err != nil {
		p.broken = p.file.Truncate(p.size) != nil
		return err
	}
	p.size += int64(len(record))
	return nil
}
