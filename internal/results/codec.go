package results

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/weir-ci/weir"
)

// The canonical form is a zstd stream of JSON lines: a header, the results in
// the order of their tests, with coarse durations, the incidents. The counts in the header tell a
// cut blob from a whole one.
const (
	formatName    = "weir-results"
	formatVersion = 1
)

// The limits of the canonical form.
const (
	// MaxDecoded is how many bytes a blob may hold once decompressed.
	MaxDecoded = 512 << 20
	// MaxDecodedLine is how many bytes one of its lines may have: a result
	// at its limits, with every byte escaped, is shorter.
	MaxDecodedLine = 1 << 20
	// encoderWindow is how far back the compressor looks: results repeat soon.
	encoderWindow = 1 << 20
	// fewResults is how many are compressed with little effort: those of builds
	// that have steps and hardly a test.
	fewResults = 16
	// decoderMemory bounds what the decompressor itself holds.
	decoderMemory = 64 << 20
)

type header struct {
	Format    string `json:"format"`
	Version   int    `json:"version"`
	Results   int    `json:"results"`
	Incidents int    `json:"incidents"`
}

// Encode writes the canonical form of set, normalised. Its error has code
// Invalid when a status or kind is unknown or only the farm may use it,
// TooLarge when the set is over a limit, or is that of w.
func Encode(w io.Writer, set weir.ResultSet) error {
	if len(set.Results) > MaxResults || len(set.Incidents) > MaxIncidents {
		return weir.Errorf(weir.TooLarge, "%d results and %d incidents are too many", len(set.Results), len(set.Incidents)).
			WithHint("at most %d results and %d incidents fit a build", MaxResults, MaxIncidents)
	}
	for _, r := range set.Results {
		if err := checkStatus(r.Status); err != nil {
			return err
		}
	}
	for _, i := range set.Incidents {
		if err := checkKind(i.Kind); err != nil {
			return err
		}
	}
	set = Normalise(set)
	options := []zstd.EOption{zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(encoderWindow), zstd.WithLowerEncoderMem(true)}
	if len(set.Results)+len(set.Incidents) <= fewResults { // no use for large tables
		options = append(options, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(zstd.MinWindowSize))
	}
	z, err := zstd.NewWriter(w, options...)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(z, 64<<10)
	enc := json.NewEncoder(buffered)
	enc.SetEscapeHTML(false)
	err = enc.Encode(header{formatName, formatVersion, len(set.Results), len(set.Incidents)})
	for i := 0; i < len(set.Results) && err == nil; i++ {
		r := set.Results[i]
		r.Duration = Coarse(r.Duration)
		err = enc.Encode(&r)
	}
	for i := 0; i < len(set.Incidents) && err == nil; i++ {
		err = enc.Encode(&set.Incidents[i])
	}
	if err == nil {
		err = buffered.Flush()
	}
	// Closing also frees the encoder, so it is done whatever happened.
	return errors.Join(err, z.Close())
}

// Decode reads the canonical form, and normalises it if it is not normal, so
// what it returns obeys every limit whoever wrote the blob. Its error has code Invalid when the
// blob is not in the canonical form or holds an unknown status or kind,
// TooLarge when it is over a limit, and Unsupported when a newer version of
// Weir wrote it.
func Decode(r io.Reader) (weir.ResultSet, error) {
	var set weir.ResultSet
	var err error
	set.Incidents, err = walk(r, func(one *weir.Result, announced int) {
		if len(set.Results) == cap(set.Results) { // what is announced is believed after a part of it came
			set.Results = slices.Grow(set.Results, min(announced-len(set.Results), 16*len(set.Results)+1024))
		}
		set.Results = append(set.Results, *one)
	})
	if err != nil {
		return weir.ResultSet{}, err
	}
	return Normalise(set), nil
}

// Check reads the canonical form as Decode does, with its errors, and counts the
// results, without keeping them. If they are not normal it does not know how
// many there are once they are; then normal is false and they have to be decoded.
func Check(r io.Reader) (counts weir.Counts, normal bool, err error) {
	o := newOrder()
	normal = true
	one := weir.ResultSet{Results: make([]weir.Result, 1)}
	_, err = walk(r, func(r *weir.Result, _ int) {
		normal = normal && o.next(r)
		one.Results[0] = *r
		counts = sum(counts, one.Count())
	})
	return counts, normal, err
}

func sum(a, b weir.Counts) weir.Counts {
	return weir.Counts{Pass: a.Pass + b.Pass, Fail: a.Fail + b.Fail, Fault: a.Fault + b.Fault, Skip: a.Skip + b.Skip,
		ExpectedFailure: a.ExpectedFailure + b.ExpectedFailure, Mixed: a.Mixed + b.Mixed}
}

// walk reads the canonical form to its end. It calls result with each of the
// results, within the limits that hold for one, and how many are announced;
// the result is good until the call returns.
func walk(r io.Reader, result func(r *weir.Result, announced int)) ([]weir.Incident, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(decoderMemory), zstd.WithDecoderMaxWindow(decoderMemory/2))
	if err != nil {
		return nil, damaged(err)
	}
	defer z.Close()
	limited := &io.LimitedReader{R: z, N: MaxDecoded + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(make([]byte, 0, 64<<10), MaxDecodedLine)
	incidents, err := walkLines(lines, result)
	if limited.N <= 0 {
		return nil, weir.Errorf(weir.TooLarge, "the results are larger than %d MiB", MaxDecoded>>20)
	}
	return incidents, err
}

func walkLines(lines *bufio.Scanner, result func(r *weir.Result, announced int)) ([]weir.Incident, error) {
	var h header
	if err := decodeLine(lines, &h); err != nil {
		return nil, err
	}
	if err := h.check(); err != nil {
		return nil, err
	}
	var reader lineReader
	var r weir.Result
	for range h.Results {
		if !lines.Scan() {
			return nil, damaged(lines.Err())
		}
		if err := reader.read(lines.Bytes(), &r); err != nil {
			return nil, err
		}
		if err := checkStatus(r.Status); err != nil {
			return nil, err
		}
		r.Duration = Coarse(r.Duration)
		// Cut now, so that what waits to be normalised is within limits too.
		r.Message = Clip(r.Message, weir.MaxResultMessage)
		r.Output = tail(r.Output, weir.MaxResultOutput)
		result(&r, h.Results)
	}
	var incidents []weir.Incident
	for range h.Incidents {
		var i weir.Incident
		if err := decodeLine(lines, &i); err != nil {
			return nil, err
		}
		if err := checkKind(i.Kind); err != nil {
			return nil, err
		}
		i.Message = Clip(i.Message, weir.MaxResultMessage)
		incidents = append(incidents, i)
	}
	if lines.Scan() || lines.Err() != nil {
		return nil, weir.Errorf(weir.Invalid, "the results have more lines than they announce").WithCause(lines.Err())
	}
	return incidents, nil
}

func decodeLine(lines *bufio.Scanner, v any) error {
	if !lines.Scan() {
		return damaged(lines.Err())
	}
	line := bytes.TrimSpace(lines.Bytes())
	if len(line) == 0 || line[0] != '{' {
		return damaged(nil)
	}
	if err := json.Unmarshal(line, v); err != nil {
		return damaged(err)
	}
	return nil
}

func damaged(cause error) error {
	return weir.Errorf(weir.Invalid, "the results are damaged or cut short").WithCause(cause).
		WithHint("send them again")
}

func checkStatus(s weir.Status) error {
	switch s {
	case weir.Pass, weir.Fail, weir.Fault, weir.Skip, weir.ExpectedFailure:
	default:
		return weir.Errorf(weir.Invalid, "%.40q is not the status of a test that reported", s)
	}
	return nil
}

func checkKind(k weir.IncidentKind) error {
	if !slices.Contains(weir.IncidentKinds(), k) {
		return weir.Errorf(weir.Invalid, "%.40q is not a kind of incident", k)
	}
	return nil
}
