// Package schema describes farm files and recipes as JSON Schema (draft 2020-12),
// for editors that complete and check while somebody types:
//
//	# yaml-language-server: $schema=https://weir.example.org/schema/weir.json
//
// The keys are those of the tables that the reader itself uses; what stands here is
// the form of each value, and one line about it. Tests walk both ways, so that no
// key is missing, and none is made up. The schema is more lenient than the reader:
// names that must exist, circles, locations and the like are beyond it, and weir
// check says them all.
package schema
