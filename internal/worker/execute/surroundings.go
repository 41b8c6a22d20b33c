package execute

import (
	"math"
	"net"
	"path/filepath"
	"runtime"

	"github.com/weir-ci/weir"
)

// look notes where the build runs. The steps have the rights, the network and
// the machine of this process, so what it sees is what they will see.
func (a *attempt) look() {
	a.around = weir.Surroundings{Root: superuser(), Directory: filepath.Base(a.checkout)}
	if average, ok := LoadAverage(); ok {
		load := math.Round(100*average/float64(runtime.NumCPU())) / 100
		a.around.Load = &load
	}
	if addresses, err := net.InterfaceAddrs(); err == nil {
		network := reachable(addresses)
		a.around.Network = &network
	}
}

// reachable reports whether others could reach one of these addresses: whether
// it is neither the machine's own nor one that ends at the next wire.
func reachable(addresses []net.Addr) bool {
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			return true
		}
	}
	return false
}
