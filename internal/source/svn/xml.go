package svn

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/weir-ci/weir"
)

// legible passes XML on with U+FFFD for what XML may not hold: svn writes control
// characters and broken UTF-8 into it as they come.
type legible struct {
	from *bufio.Reader
	left int64 // bytes that may still come
}

var errLong = errors.New("over the limit")

// Read implements io.Reader.
func (l *legible) Read(p []byte) (int, error) {
	n := 0
	for n+utf8.UTFMax <= len(p) {
		if n > 0 && l.from.Buffered() == 0 {
			break
		}
		c, size, err := l.from.ReadRune()
		if err != nil {
			return n, err
		}
		if l.left -= int64(size); l.left < 0 {
			return n, errLong
		}
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c > '\uFFFD' && c < '\U00010000' {
			c = utf8.RuneError
		}
		n += utf8.EncodeRune(p[n:], c)
	}
	if n == 0 && len(p) > 0 {
		return 0, io.ErrShortBuffer // nobody reads so little
	}
	return n, nil
}

// decode reads one answer of svn.
func decode(text []byte, into any) error {
	return decoder(bufio.NewReader(bytes.NewReader(text)), int64(len(text))).Decode(into)
}

// decoder reads an answer of at most limit bytes as it comes.
func decoder(r *bufio.Reader, limit int64) *xml.Decoder {
	return xml.NewDecoder(bufio.NewReader(&legible{r, limit}))
}

// tooLong turns errLong into an error that says what was too long.
func tooLong(src weir.Source, err error) error {
	if errors.Is(err, errLong) {
		return weir.Errorf(weir.TooLarge, "the log of %s is over %d bytes", src.Location, maxLog)
	}
	return nil
}
