package sqlstore

// LookSQL is lookSQL, for tests that ask databases how they answer it.
var LookSQL = lookSQL
