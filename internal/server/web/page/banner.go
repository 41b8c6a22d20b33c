package page

// Banner is what every page says of the farm's configuration, above its content.
// The zero value says nothing.
type Banner struct {
	Head  string   // what is wrong with the farm file; empty: nothing
	Lines []string // the first mistakes
	More  int      // how many there are beside them
	Read  When     // when it was
	Check string   // the command that lists them all
	// Note says what is to be known of a file that is in force; empty: nothing.
	// Notes are the details.
	Note  string
	Notes []string
}
