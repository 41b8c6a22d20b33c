// Package page is what all pages of a farm share: the frame around a page's
// content (Layout), how something stands (Mark, drawn by Icon and Marked),
// moments (When), the addresses of pages (BuildURL), and foreign text made safe
// to read (OneLine, Block, Clean).
//
// A package of pages computes a view from what the farm says: typed structs
// without behaviour, whose text has gone through OneLine or Block once, and
// whose states are Marks. Its templates lay the view out with the parts from
// here and decide nothing. Escaping for HTML is the business of templ.
package page
