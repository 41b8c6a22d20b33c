package protocol

import (
	"bufio"
	"encoding/json"
	"io"
	"slices"

	"github.com/weir-ci/weir"
)

// PackedType is the content type of a message whose log frames travel as
// bytes, not as base64 inside the JSON, which would cost both sides more than
// everything else: one line of JSON, and behind it the frames' data, one after
// the other. The line is an object with the message, in which the frames have
// no data, and the number of bytes that each has.
const PackedType = "application/vnd.weir.packed"

type packed struct {
	Message json.RawMessage `json:"message"`
	Packed  []int           `json:"packed"`
}

// PackSync encodes a sync as PackedType.
func PackSync(s Sync) ([]byte, error) {
	frames := s.Frames
	s.Frames = bare(frames)
	return pack(s, frames)
}

// PackFinish encodes a finish as PackedType.
func PackFinish(f Finish) ([]byte, error) {
	frames := f.Frames
	f.Frames = bare(frames)
	return pack(f, frames)
}

// UnpackSync reads what PackSync wrote. Its errors are Invalid or TooLarge, or
// those of the reader.
func UnpackSync(r io.Reader) (s Sync, err error) {
	data, err := unpack(r, &s)
	if err == nil {
		err = refill(s.Frames, data)
	}
	return s, err
}

// UnpackFinish reads what PackFinish wrote; errors as of UnpackSync.
func UnpackFinish(r io.Reader) (f Finish, err error) {
	data, err := unpack(r, &f)
	if err == nil {
		err = refill(f.Frames, data)
	}
	return f, err
}

// bare copies frames without their data.
func bare(frames []weir.LogFrame) []weir.LogFrame {
	out := slices.Clone(frames)
	for i := range out {
		out[i].Data = nil
	}
	return out
}

func pack(message any, frames []weir.LogFrame) ([]byte, error) {
	inner, err := json.Marshal(message)
	if err != nil {
		return nil, err
	}
	p := packed{Message: inner, Packed: make([]int, len(frames))}
	total := 0
	for i, f := range frames {
		p.Packed[i] = len(f.Data)
		total += len(f.Data)
	}
	head, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(head)+1+total)
	out = append(append(out, head...), '\n')
	for _, f := range frames {
		out = append(out, f.Data...)
	}
	return out, nil
}

// unpack reads the message and the data of each frame.
func unpack(r io.Reader, message any) ([][]byte, error) {
	in := bufio.NewReader(&io.LimitedReader{R: r, N: MaxBody + 1})
	head, err := in.ReadBytes('\n')
	if err != nil && err != io.EOF {
		return nil, err
	}
	var p packed
	if jsonErr := json.Unmarshal(head, &p); err == io.EOF || jsonErr != nil {
		return nil, weir.Errorf(weir.Invalid, "the message does not begin with a line of JSON")
	}
	// A field that is not known comes from a newer program: it is passed over.
	if err := json.Unmarshal(p.Message, message); err != nil {
		return nil, weir.Errorf(weir.Invalid, "the message is not what it should be: %v", err)
	}
	total := 0
	for i, n := range p.Packed {
		if n < 0 || n > MaxBody || total > MaxBody-n {
			return nil, weir.Errorf(weir.TooLarge, "log frame %d of the message has %d bytes", i, n)
		}
		total += n
	}
	all := make([]byte, total)
	if n, err := io.ReadFull(in, all); err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil, weir.Errorf(weir.Invalid, "the message ends after %d of %d bytes of log frames", n, total)
		}
		return nil, err
	}
	data := make([][]byte, len(p.Packed))
	for i, n := range p.Packed {
		data[i], all = all[:n:n], all[n:]
	}
	if _, err := in.ReadByte(); err != io.EOF {
		return nil, weir.Errorf(weir.Invalid, "the message goes on behind its last log frame")
	}
	return data, nil
}

// refill gives frames their data.
func refill(frames []weir.LogFrame, data [][]byte) error {
	if len(frames) != len(data) {
		return weir.Errorf(weir.Invalid, "the message has %d log frames and the data of %d", len(frames), len(data))
	}
	for i := range frames {
		frames[i].Data = data[i]
	}
	return nil
}
