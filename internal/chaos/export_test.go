package chaos

// ReadLog is readLog for tests.
var ReadLog = readLog
