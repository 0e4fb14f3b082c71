package memkafka

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/keep"
	"github.com/gokasim/gokasim/memkafka/internal/seam"
)

// KeepOptions say how OpenDir keeps a cluster.
type KeepOptions struct {
	// Sync has everything on the disk before a client is answered, so that it also outlives the machine. Off, it is with the
	// operating system before: it outlives the process.
	Sync bool
	// Fail is called when the directory cannot be written any more, as when the disk is full. It has to end the process, as a
	// broker does, since what comes afterwards would be lost. Nil panics.
	Fail func(error)
	// Fill, if not nil, changes the cluster before it is kept and anybody can come to it: all of what it does is kept, or
	// nothing.
	Fill func(*Cluster) error
}

// Kept is a cluster in a directory.
type Kept struct {
	*Cluster
	dir  *keep.Dir
	end  chan struct{}
	done sync.WaitGroup
}

// OpenDir returns the cluster that is kept in a directory, or a new one without topics if there is none. What a client is
// answered is kept, whatever ends the process: records (with any acks but 0), topics, settings, groups with their offsets,
// transactions, ACLs, users, quotas. Clients have to connect anew, as after Restore; options change the settings that the
// cluster had. The coordinators' records are in their topics (WithCoordinatorRecords). Errors for what is in the directory wrap
// ErrSnapshot. A directory belongs to one process at a time.
func OpenDir(path string, keeping KeepOptions, options ...Option) (k *Kept, err error) {
	if keeping.Fail == nil {
		keeping.Fail = func(err error) { panic("memkafka: " + err.Error()) }
	}
	dir, s, err := keep.Open(path, keeping.Sync, keeping.Fail)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, dir.Close())
		}
	}()
	settings := cluster.DefaultSettings()
	if s != nil {
		settings = s.Settings
	}
	had := settings
	settings.RetainState = true
	var errs []error
	for _, o := range options {
		errs = append(errs, o(&settings))
	}
	if !settings.RetainState {
		errs = append(errs, errors.New("a cluster in a directory has the coordinators' records in their topics; leave WithCoordinatorRecords out"))
	}
	if s != nil && settings.Brokers < had.Brokers {
		errs = append(errs, fmt.Errorf("brokers: the cluster in %s has %d, and %d were asked for; give as many or more", path, had.Brokers, settings.Brokers))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var core *cluster.Cluster
	if s == nil {
		if err := settings.Validate(); err != nil {
			return nil, err
		}
		core = cluster.New(settings)
	} else {
		seed := settings.Seed + uint64(dir.Number()) // chance goes on elsewhere: what it gave out since the snapshot is not known
		settings.Seed = had.Seed
		s.Settings = settings
		if core, err = cluster.Restore(kafka.MillisOf(time.Now()), s, seed); err != nil {
			return nil, fmt.Errorf("directory %s: %w", path, err)
		}
	}
	k = &Kept{Cluster: &Cluster{engine: seam.Over(core, seam.Free)}, dir: dir, end: make(chan struct{})}
	if keeping.Fill != nil {
		err = keeping.Fill(k.Cluster)
	}
	if err == nil {
		err = k.do(func(core *cluster.Cluster, _ kafka.Millis) error {
			return dir.Begin(core, s == nil || keeping.Fill != nil)
		})
	}
	if err != nil {
		k.Cluster.Close()
		return nil, err
	}
	k.done.Go(func() { k.tidy(keeping.Fail) })
	return k, nil
}

// tidy writes a snapshot whenever the journals have become long.
func (k *Kept) tidy(fail func(error)) {
	for {
		select {
		case <-k.end:
			return
		case <-k.dir.Full:
			if err := k.Tidy(); err != nil && !errors.Is(err, ErrClosed) {
				fail(err)
				return
			}
		}
	}
}

// Tidy replaces the journals in the directory by a snapshot. It happens by itself when they have become longer than the
// last snapshot, and 64 MiB.
func (k *Kept) Tidy() error {
	return k.dir.Snapshot(func(begin func() error) (s *cluster.Snapshot, err error) {
		err = k.do(func(core *cluster.Cluster, _ kafka.Millis) error {
			s = core.Snapshot()
			return begin()
		})
		return s, err
	})
}

// Close ends the cluster, and lets go of the directory.
func (k *Kept) Close() error {
	k.Cluster.Close()
	select {
	case <-k.end:
		return nil
	default:
		close(k.end)
	}
	k.done.Wait()
	return k.dir.Close()
}
