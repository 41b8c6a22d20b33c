package farmtest_test

import (
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weir-ci/weir/internal/store/pgtest"
)

// quietTests are the tests of this package, with the clients' connections
// closed at the end: idle ones are no leak. Nor is what has been told to end and
// needs a moment on a busy machine; the check itself waits for half a second.
type quietTests struct{ pgtest.Tests }

func (q quietTests) Run() int {
	code := q.Tests.Run()
	http.DefaultClient.CloseIdleConnections()
	for over := time.Now().Add(time.Minute); goleak.Find() != nil && time.Now().Before(over); {
		continue
	}
	return code
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(quietTests{pgtest.Tests{M: m}}) }
