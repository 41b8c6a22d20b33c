package protocol

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
)

func TestPacked(t *testing.T) {
	t.Parallel()
	frames := []weir.LogFrame{
		{Step: 1, Size: 5, Lines: 1, At: time.Unix(1, 0).UTC(), Data: []byte("a\nb\x00c")},
		{Step: 1, Offset: 5, FirstLine: 1, Size: 1, At: time.Unix(2, 0).UTC(), Data: []byte{}},
	}
	sync := Sync{Token: "secret", Seq: 7, Steps: []weir.StepRecord{{Index: 1, Name: "x\ny"}}, Frames: frames}
	data, err := PackSync(sync)
	if err != nil {
		t.Fatal(err)
	}
	got, err := UnpackSync(bytes.NewReader(data))
	if err != nil || !reflect.DeepEqual(got, sync) {
		t.Errorf("unpacked %+v, %v", got, err)
	}
	finish := Finish{Token: "secret", Outcome: weir.Passed, Steps: []weir.StepRecord{}, Frames: frames}
	if data, err = PackFinish(finish); err != nil {
		t.Fatal(err)
	}
	if got, err := UnpackFinish(bytes.NewReader(data)); err != nil || !reflect.DeepEqual(got, finish) {
		t.Errorf("unpacked %+v, %v", got, err)
	}
	for n := range data { // whatever is cut off is missed
		if _, err := UnpackFinish(bytes.NewReader(data[:n])); weir.CodeOf(err) != weir.Invalid {
			t.Fatalf("of %d bytes the first %d are taken for a message: %v", len(data), n, err)
		}
	}
	if got, err := UnpackSync(strings.NewReader(`{"message":{"seq":3,"color":"red"},"packed":[],"more":1}` + "\n")); err != nil || got.Seq != 3 {
		t.Errorf("what a newer worker says beyond what is known: %+v, %v", got, err)
	}
	if _, err := UnpackFinish(bytes.NewReader(append(data, 'x'))); weir.CodeOf(err) != weir.Invalid {
		t.Errorf("a byte too many: %v", err)
	}
}

func TestUnpackHostile(t *testing.T) {
	t.Parallel()
	for _, message := range []string{
		"", "\n", "{}", "null\n", "{}\n", `{"message":{},"packed":[-1]}` + "\n", `{"message":{},"packed":[99999999999]}` + "\n",
		`{"message":{"frames":[{}]},"packed":[]}` + "\n", `{"message":{"seq":"x"},"packed":[]}` + "\n", `{"message":[],"packed":[]}` + "\n",
		`{"message":{},"packed":[1]}` + "\nx", strings.Repeat("x", MaxBody+10),
	} {
		if s, err := UnpackSync(strings.NewReader(message)); weir.CodeOf(err) != weir.Invalid && weir.CodeOf(err) != weir.TooLarge {
			t.Errorf("%.60q: %+v, %v", message, s, err)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	data, err := PackSync(Sync{Token: "t", Frames: []weir.LogFrame{{Size: 1, Data: []byte("x")}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := UnpackSync(bytes.NewReader(data))
		if err != nil {
			return
		}
		again, err := PackSync(s)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := UnpackSync(bytes.NewReader(again)); err != nil || !reflect.DeepEqual(back, s) {
			t.Errorf("packed again it is %+v, %v", back, err)
		}
	})
}
