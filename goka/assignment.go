package goka

// Assignment are the partitions of a generation, each with the offset -1 (sarama.OffsetNewest).
type Assignment map[int32]int64

// RebalanceCallback is called with the partitions of each new generation, before they recover; with nil when the
// instance has none. No message is handled before it returns.
type RebalanceCallback func(a Assignment)

// DefaultRebalance does nothing.
func DefaultRebalance(a Assignment) {}
