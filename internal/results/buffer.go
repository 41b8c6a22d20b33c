package results

// Head collects the beginning of a text that comes in parts. The zero value
// keeps nothing; set Max.
type Head struct {
	Max int // bytes to keep
	buf []byte
}

// WriteString adds a part.
func (h *Head) WriteString(s string) {
	if room := h.Max - len(h.buf); room > 0 {
		h.buf = append(h.buf, s[:min(len(s), room)]...)
	}
}

// String returns what was kept.
func (h *Head) String() string { return string(h.buf) }

// Tail collects the end of a text that comes in parts. It holds at most twice
// Max bytes. The zero value keeps nothing; set Max.
type Tail struct {
	Max int // bytes to keep
	buf []byte
}

// WriteString adds a part.
func (t *Tail) WriteString(s string) {
	if len(s) > t.Max {
		s = s[len(s)-t.Max:]
	}
	if len(t.buf)+len(s) > 2*t.Max {
		keep := t.Max - len(s)
		n := copy(t.buf, t.buf[len(t.buf)-min(keep, len(t.buf)):])
		t.buf = t.buf[:n]
	}
	t.buf = append(t.buf, s...)
}

// Len is the number of bytes held.
func (t *Tail) Len() int { return len(t.buf) }

// String returns the last Max bytes.
func (t *Tail) String() string { return string(t.buf[max(0, len(t.buf)-t.Max):]) }
