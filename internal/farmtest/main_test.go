package farmtest_test

import (
	"net/http"
	"testing"

	"go.uber.org/goleak"

	"github.com/weir-ci/weir/internal/store/pgtest"
)

// quietTests are the tests of this package, with the clients' connections
// closed at the end: idle ones are no leak.
type quietTests struct{ pgtest.Tests }

func (q quietTests) Run() int {
	defer http.DefaultClient.CloseIdleConnections()
	return q.Tests.Run()
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(quietTests{pgtest.Tests{M: m}}) }
