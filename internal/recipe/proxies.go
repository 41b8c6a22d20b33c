package recipe

import (
	"net/netip"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir/internal/recipe/strict"
)

// MaxProxies limits how many proxies a farm may trust.
const MaxProxies = 64

// proxies reads addresses and networks.
func (r reader) proxies(n *yaml.Node) []netip.Prefix {
	var out []netip.Prefix
	r.List(n, "trusted_proxies", func(_ int, n *yaml.Node) {
		s, ok := r.Text(n, "an address in trusted_proxies")
		if !ok {
			return
		}
		p, ok := network(s)
		switch {
		case !ok:
			r.Problem(strict.Target(n), "trusted_proxies has no address: %s", strict.Show(s)).
				Hint("write an address such as 127.0.0.1, or a network such as 10.0.0.0/8")
		case p.Bits() == 0:
			r.Problem(strict.Target(n), "trusted_proxies trusts everybody: %s", strict.Show(s)).
				Hint("name the addresses of your proxies, for example 127.0.0.1")
		case slices.Contains(out, p):
			r.Problem(n, "trusted_proxies names %s twice", strict.Show(s))
		case len(out) == MaxProxies:
			r.Problem(n, "trusted_proxies has more than %d addresses", MaxProxies)
		default:
			out = append(out, p)
		}
	})
	return out
}

// network reads an address or a network.
func network(s string) (netip.Prefix, bool) {
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		return p.Masked(), err == nil && !p.Addr().Is4In6()
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), true
}
