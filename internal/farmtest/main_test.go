package farmtest_test

import (
	"testing"

	"github.com/weir-ci/weir/internal/store/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
