package memkafka

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/seam"
)

// ErrSnapshot reports data that Restore cannot make a cluster of. The text says what is wrong with it.
var ErrSnapshot = cluster.ErrSnapshot

// Snapshot writes the whole cluster to w, as it is at this moment: settings, brokers, topics with their ids,
// configurations and logs, groups, transactions, producer ids, and the state of chance. Requests under way are not in it.
// The cluster may be used meanwhile.
func (c *Cluster) Snapshot(w io.Writer) error {
	var s *cluster.Snapshot
	if err := c.do(func(core *cluster.Cluster, _ kafka.Millis) error { s = core.Snapshot(); return nil }); err != nil {
		return err
	}
	_, err := s.WriteTo(w)
	return err
}

// Restore makes the cluster that was written by Snapshot. Its clients have to connect anew: groups are as after a
// fail-over of their coordinators, with whole session time-outs from now on, and transactions that were about to end get
// their markers again. Options change the settings that the snapshot has; with another seed chance begins anew, and the
// places of coordinators (WithCoordinatorRecords, partitions of their topics) cannot be changed. Errors for what is in r
// wrap ErrSnapshot.
func Restore(r io.Reader, options ...Option) (*Cluster, error) {
	s, err := cluster.ReadSnapshot(r)
	if err != nil {
		return nil, err
	}
	had, settings := s.Settings, s.Settings
	var errs []error
	for _, o := range options {
		errs = append(errs, o(&settings))
	}
	if settings.RetainState != had.RetainState {
		errs = append(errs, fmt.Errorf("coordinator records are kept (%v) in the snapshot; leave WithCoordinatorRecords out", had.RetainState))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	seed := settings.Seed
	settings.Seed = had.Seed
	s.Settings = settings
	core, err := cluster.Restore(kafka.MillisOf(time.Now()), s, seed)
	if err != nil {
		return nil, err
	}
	return &Cluster{engine: seam.Over(core, seam.Free)}, nil
}

// RestoreDriven is Restore for a cluster that a Driver steers: see NewDriven.
func RestoreDriven(r io.Reader, seed uint64, wait func(), options ...Option) (*Cluster, *Driver, error) {
	c, err := Restore(r, append([]Option{WithSeed(seed)}, options...)...)
	if err != nil {
		return nil, nil, err
	}
	return c, c.engine.Drive(seed, wait), nil
}
