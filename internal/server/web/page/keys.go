package page

import "net/http"

// Section is a link of the header.
type Section struct {
	Name string // what Frame calls it
	Text string
	URL  string
	Key  string // goes there behind g; empty: none does
}

// Sections lists the links of the header, in their order.
func Sections() []Section {
	return []Section{
		{"overview", "Overview", "/", "o"},
		{"boards", "Boards", "/matrix", "m"},
		{"builds", "Builds", "/builds", "b"},
		{"regressions", "Regressions", "/regressions", "r"},
		{"flaky", "Flaky", "/flaky", "f"},
		{"compat", "Compat", "/compat", "c"},
		{"workers", "Workers", "/workers", "w"},
		{"trends", "Trends", "/trends", "t"},
		{"starts", "Starts", "/starts", "s"},
	}
}

// Key is what a key does on every page.
type Key struct {
	Keys []string // pressed one after the other
	Does string
}

// KeyList lists the keys that pages know; static/keys.js hears them.
func KeyList() []Key {
	list := []Key{
		{[]string{"/"}, "search"},
		{[]string{"?"}, "show the keys"},
		{[]string{"j"}, "next row"},
		{[]string{"k"}, "row before"},
		{[]string{"Enter"}, "open the row"},
		{[]string{"."}, "follow the log, or stop"},
		{[]string{"Esc"}, "leave a field, close what is open"},
	}
	for _, s := range Sections() {
		if s.Key != "" {
			list = append(list, Key{[]string{"g", s.Key}, "go to " + s.Text})
		}
	}
	return list
}

// Help adds the page that explains the keys and the symbols.
func Help(routes *Routes) {
	routes.Handle("GET /help", http.RedirectHandler("/help/keys", http.StatusFound)) // what people type
	routes.Show(Route{Pattern: "/help/keys"}, func(*http.Request) (Shown, error) {
		return Shown{Title: "Keys and symbols", Content: helpPage()}, nil
	})
}
