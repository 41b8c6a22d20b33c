// Package pagebench measures how fast the pages of a large farm are, and how
// large.
//
// It fills a farm, quickly, on SQLite or on PostgreSQL: the first build of each
// builder goes through the store, the others are copies of its rows. Then a real
// server serves it, with everything that it does beside pages, and each page
// that the server has is fetched as a browser fetches it, over the network of this
// machine and compressed. A page that needs something in its address, such as a build,
// gets it from [Farm.Addresses]; one that is not known there is an error, so
// that no page is forgotten. So is its twin, which says the same as JSON.
//
// Last a browser says when it first painted the overview, and how long after an
// event it shows what has changed.
//
//	fill.go copy.go    a farm of any size
//	dialect.go         what differs between databases
//	addresses.go       which addresses pages are asked for at
//	measure.go         times and sizes
//	browser.go         first paint, and changes
//	report.go          the table in docs/performance.md
package pagebench
