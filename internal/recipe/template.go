package recipe

import _ "embed"

//go:embed template.yaml
var template string

// Template returns the farm file that weir init writes: one upstream with a
// product, one downstream of it, and everything else explained in comments.
func Template() string { return template }
