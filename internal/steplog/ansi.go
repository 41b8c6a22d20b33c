package steplog

import "bytes"

const escape = 0x1b

// Strip appends text to out without its escape sequences: colours, cursor
// movements, titles, links. Newlines always stay. A sequence that is cut off
// by the end of the text is left out as well.
func Strip(out, text []byte) []byte {
	for {
		i := bytes.IndexByte(text, escape)
		if i < 0 {
			return append(out, text...)
		}
		out = append(out, text[:i]...)
		text = text[i+sequence(text[i:]):]
	}
}

// sequence is how long the escape sequence at the start of text is.
func sequence(text []byte) int {
	if len(text) < 2 {
		return len(text)
	}
	switch text[1] {
	case '[': // parameters, then intermediates, then one final byte
		for i := 2; i < len(text); i++ {
			if c := text[i]; c < 0x20 || c > 0x3f {
				if c >= 0x40 && c <= 0x7e {
					return i + 1
				}
				return i // cut off by something else, a newline say
			}
		}
		return len(text)
	case ']', 'P', 'X', '^', '_': // a string, up to BEL or ESC \
		for i := 2; i < len(text); i++ {
			switch text[i] {
			case '\n':
				return i
			case 0x07:
				return i + 1
			case escape:
				if i+1 < len(text) && text[i+1] == '\\' {
					return i + 2
				}
				return i
			}
		}
		return len(text)
	case '\n', escape:
		return 1
	}
	return 2
}
