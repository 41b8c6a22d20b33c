//go:build unix

package execute

import (
	"math"
	"net"
	"os"
	"testing"

	"github.com/weir-ci/weir"
)

func TestReachable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want      bool
		addresses []string
	}{
		{false, nil},
		{false, []string{"127.0.0.1/8", "::1/128"}},
		{false, []string{"127.0.0.1/8", "169.254.7.1/16", "fe80::1/64"}},
		{true, []string{"::1/128", "192.168.1.7/24"}},
		{true, []string{"fe80::1/64", "2001:db8::7/64"}},
		{false, []string{"224.0.0.1/4", "ff02::1/8", "0.0.0.0/0"}},
	} {
		var addresses []net.Addr
		for _, a := range c.addresses {
			ip, n, err := net.ParseCIDR(a)
			if err != nil {
				t.Fatal(err)
			}
			addresses = append(addresses, &net.IPNet{IP: ip, Mask: n.Mask})
		}
		if got := reachable(addresses); got != c.want {
			t.Errorf("%v: %v, want %v", c.addresses, got, c.want)
		}
	}
	if reachable([]net.Addr{&net.UnixAddr{Name: "/x"}}) {
		t.Error("an address that is none of IP is reachable")
	}
}

// TestSurroundings: a build that gets to its steps says where they ran, however
// it ends; one that does not says nothing.
func TestSurroundings(t *testing.T) {
	t.Parallel()
	spec, runner := spec("exit 1"), newRunner(t, files{})
	s := run(t, runner, spec, newRecorder()).Surroundings
	if s.Directory != "toy" || s.Root == nil || *s.Root != (os.Geteuid() == 0) {
		t.Errorf("surroundings %+v", s)
	}
	if s.Load != nil && (*s.Load < 0 || math.IsNaN(*s.Load)) {
		t.Errorf("the load is %g", *s.Load)
	}
	spec.Job.Dir = "elsewhere"
	if r := run(t, runner, spec, newRecorder()); r.Surroundings.Directory != "elsewhere" {
		t.Errorf("in a job's own directory: %+v", r.Surroundings)
	}
	spec.Job.Dir = "../x"
	if r := run(t, runner, spec, newRecorder()); r.Surroundings != (weir.Surroundings{}) {
		t.Errorf("without a step: %+v", r.Surroundings)
	}
}
