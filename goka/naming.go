package goka

// naming is what names a group's table or loop, beside the settings of the process.
type naming struct {
	role   string // "table" or "loop"
	suffix string
}

func (n *naming) Topic() string  { return "" }
func (n *naming) Codec() Codec   { return nil }
func (n *naming) String() string { return n.role + " suffix " + n.suffix }

// TableSuffix names the group's table: its name is the group's with suffix appended. It is for this group what
// SetTableSuffix is for all.
func TableSuffix(suffix string) Edge { return &naming{"table", suffix} }

// LoopSuffix names the group's loop: its name is the group's with suffix appended. It is for this group what
// SetLoopSuffix is for all.
func LoopSuffix(suffix string) Edge { return &naming{"loop", suffix} }
