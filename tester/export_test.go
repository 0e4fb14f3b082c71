package tester

import "time"

// SetWatchLimit sets how long a simulation or a replay may stand still in real time.
func SetWatchLimit(d time.Duration) { watchLimit = d }
