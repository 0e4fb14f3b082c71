package storage

import "errors"

// What a storage's errors are, for errors.Is. The text around them names the table, the place and the way out.
var (
	// ErrNilValue reports a Set without a value. A row without a value is no row: use Delete.
	ErrNilValue = errors.New("cannot write nil value; use Delete")

	// ErrClosed reports a call on a storage that is not open, or on an iterator whose storage was closed.
	ErrClosed = errors.New("storage is not open")

	// ErrLocked reports a table that is open elsewhere, in this process or in another one.
	ErrLocked = errors.New("table is in use")

	// ErrCorrupt reports stored bytes that are not what was written. Kafka's changelog still has the rows: without
	// the stored table they are read from there.
	ErrCorrupt = errors.New("table is corrupt")

	// ErrFull reports that the place of a table has no room left. Rows that were not stored are read again from
	// Kafka's changelog once there is room.
	ErrFull = errors.New("no room left for the table")
)
