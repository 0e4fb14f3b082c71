package tester

import "context"

// watchGroup calls begun once the members of a group have to share its partitions out anew, or at once where nobody can
// tell. The function that it returns ends the watch.
func (tt *Tester) watchGroup(group string, begun func()) (stop func()) {
	if _, here := tt.ground.(*byHand); !here {
		begun()
		return func() {}
	}
	changes := tt.cluster.Changes()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer begun()
		for !tt.cluster.Rebalancing(group) {
			if changes.Wait(ctx) != nil {
				return
			}
		}
	}()
	return func() { cancel(); <-done; changes.Stop() }
}
