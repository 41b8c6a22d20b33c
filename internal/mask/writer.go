package mask

import "io"

// Writer masks a stream. Its methods must not be called at the same time.
type Writer struct {
	w io.Writer
	t *trie // nil: nothing is masked

	at    int32  // where the automaton stands
	held  []byte // what may still become a secret, or is one that may go on
	spans []span // what of held is to be masked, in order and apart
	masks bool   // the byte before held was masked
	out   []byte
	err   error
}

// span is a part of what is held back.
type span struct{ from, to int }

// Writer makes a writer that masks what is written to it and passes it on to w.
func (m *Masker) Writer(w io.Writer) *Writer {
	if m == nil {
		return &Writer{w: w}
	}
	return &Writer{w: w, t: &m.trie}
}

// Write masks p as far as it is known what it is, and passes that on. The error
// is w's, and stays.
func (w *Writer) Write(p []byte) (int, error) {
	if w.t == nil {
		return w.w.Write(p)
	}
	if w.err != nil {
		return 0, w.err
	}
	w.out = w.out[:0]
	rest := p
	for len(rest) > 0 {
		if w.at == 0 { // held is empty
			n := 0
			for n < len(rest) && w.t.root[rest[n]] == 0 {
				n++
			}
			if n > 0 {
				w.out, w.masks = append(w.out, rest[:n]...), false
				rest = rest[n:]
				continue
			}
		}
		w.take(rest[0])
		rest = rest[1:]
	}
	return len(p), w.pass()
}

// take goes on by one byte.
func (w *Writer) take(b byte) {
	w.held = append(w.held, b)
	w.at = w.t.step(w.at, b)
	n := &w.t.nodes[w.at]
	if n.form > 0 {
		w.mark(span{len(w.held) - int(n.form), len(w.held)})
	}
	if settled := len(w.held) - int(n.depth); settled > 0 {
		w.settle(settled)
	}
}

// mark notes that a part of what is held is a secret.
func (w *Writer) mark(s span) {
	for len(w.spans) > 0 {
		last := w.spans[len(w.spans)-1]
		if last.to < s.from {
			break
		}
		s.from = min(s.from, last.from)
		w.spans = w.spans[:len(w.spans)-1]
	}
	w.spans = append(w.spans, s)
}

// settle lets go of the first n bytes that are held.
func (w *Writer) settle(n int) {
	at := 0
	for at < n {
		if len(w.spans) == 0 || w.spans[0].from >= n {
			w.out, w.masks = append(w.out, w.held[at:n]...), false
			break
		}
		s := w.spans[0]
		if at < s.from {
			w.out, w.masks = append(w.out, w.held[at:s.from]...), false
		}
		if !w.masks {
			w.out, w.masks = append(w.out, Token...), true
		}
		at = min(s.to, n)
		if s.to > n {
			break
		}
		w.spans = w.spans[1:]
	}
	w.held = append(w.held[:0], w.held[n:]...)
	for i := range w.spans {
		w.spans[i] = span{max(0, w.spans[i].from-n), w.spans[i].to - n}
	}
}

// pass writes what is ready.
func (w *Writer) pass() error {
	if len(w.out) > 0 {
		_, w.err = w.w.Write(w.out)
	}
	return w.err
}

// Close passes on what was held back, since nothing comes behind it. It does
// not close w, and more may be written afterwards.
func (w *Writer) Close() error {
	if w.t == nil || w.err != nil {
		return w.err
	}
	w.out = w.out[:0]
	w.settle(len(w.held))
	w.at, w.spans, w.masks = 0, w.spans[:0], false
	return w.pass()
}
