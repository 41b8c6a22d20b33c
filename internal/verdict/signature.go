package verdict

import (
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/signature"
)

// maxSignatures is how many signatures a state remembers of a test that is bad.
const maxSignatures = 4

// signatureOf is what a bad result says. A step says nothing: all that is known
// of it is the end of its log, and what stands there changes with every line
// that is printed before it.
func signatureOf(r weir.Result) string {
	if !r.Status.Bad() || r.Test.Suite == weir.StepSuite {
		return ""
	}
	return signature.Of(r.Message, r.Output).Key
}

// differs reports whether a failure says something that it did not say since
// the test was last good. What is not known does not differ.
func differs(known, now string) bool {
	return known != "" && now != "" && known != weir.AnySignature && now != weir.AnySignature &&
		!slices.Contains(strings.Fields(known), now)
}

// remember adds a signature to those that are known, as the newest.
func remember(known, now string) string {
	switch {
	case now == "", known == weir.AnySignature:
		return known
	case now == weir.AnySignature:
		return now
	}
	list := slices.DeleteFunc(strings.Fields(known), func(s string) bool { return s == now })
	list = slices.Insert(list, 0, now)
	return strings.Join(list[:min(len(list), maxSignatures)], " ")
}
