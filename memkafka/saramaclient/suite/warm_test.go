package suite

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

// awaitCoordinators waits until a broker serves groups, wherever their names put them. One that never had a group makes the
// topic of their offsets first, and its partitions are led one after the other: on a busy machine clients run out of retries.
func awaitCoordinators(t *testing.T, addrs []string) {
	t.Helper()
	const (
		partitions = 50 // offsets.topic.num.partitions
		patience   = 2 * time.Minute
	)
	admin, err := sarama.NewClusterAdmin(addrs, newConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	deadline := time.Now().Add(patience)
	seen := map[int32]bool{}
	for i := 0; len(seen) < partitions; i++ {
		group := fmt.Sprintf("nobody-%d", i)
		if p := javaHash(group) % partitions; seen[p] {
			continue
		} else {
			seen[p] = true
		}
		for err := answers(admin, group); err != nil; err = answers(admin, group) {
			if time.Now().After(deadline) {
				t.Fatalf("after %v group %q has no coordinator: %v", patience, group, err)
			}
			time.Sleep(100 * time.Millisecond) // Kafka has its own time
		}
	}
}

// answers asks the coordinator of a group for its offsets, of which there are none.
func answers(admin sarama.ClusterAdmin, group string) error {
	r, err := admin.ListConsumerGroupOffsets(group, nil)
	if err == nil && !errors.Is(r.Err, sarama.ErrNoError) {
		err = r.Err
	}
	return err
}

// javaHash is String.hashCode, without its sign as Kafka's Utils.abs takes it away.
func javaHash(s string) int32 {
	var h int32
	for _, c := range []byte(s) {
		h = 31*h + int32(c)
	}
	return h & 0x7fffffff
}
