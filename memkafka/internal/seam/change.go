package seam

import (
	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
)

// Change is Do for what an operator does to the cluster: in a driven cluster it is a step of its own, and a line of the
// trace says what happened, and the error if it failed. There it belongs to the goroutine that drives.
func (e *Engine) Change(what string, f func(core *cluster.Cluster, now kafka.Millis) error) error {
	var err error
	if closed := e.Do(func(core *cluster.Cluster, now kafka.Millis) { err = f(core, now) }); closed != nil {
		return closed
	}
	if d := e.driver; d != nil {
		d.step++
		if err != nil {
			what += ": " + err.Error()
		}
		d.line("", "change", what)
	}
	return err
}
