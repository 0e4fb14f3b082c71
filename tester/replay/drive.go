package replay

import "github.com/gokasim/gokasim/memkafka"

// drive lets one thing happen after the other at a simulated cluster, in an order that a seed decides, so that the same seed
// gives the same run, byte for byte. Its goroutine is the only one to use the driver.
type drive struct {
	driver *memkafka.Driver
	asks   chan ask
	quit   chan struct{}
	ended  chan struct{}
	err    error // why it gave up, once ended is closed
}

// ask is something to do between two steps or, if that is nil, the question whether all is done.
type ask struct {
	do   func()
	done chan struct{}
}

func newDrive(driver *memkafka.Driver) *drive {
	driver.NoLapses = true // time passes by itself, as far as somebody waits for it
	return &drive{driver: driver, asks: make(chan ask), quit: make(chan struct{}), ended: make(chan struct{})}
}

// run drives until stop.
func (d *drive) run() {
	defer close(d.ended)
	var waiting []ask
	answer := func() {
		for _, a := range waiting {
			close(a.done)
		}
		waiting = nil
	}
	defer answer()
	for {
		d.driver.Settle()
		select {
		case <-d.quit:
			return
		case a := <-d.asks:
			if a.do == nil {
				waiting = append(waiting, a)
				continue
			}
			a.do()
			close(a.done)
			continue
		default:
		}
		if len(waiting) > 0 && d.driver.Quiet() {
			answer()
			continue
		}
		happened, err := d.driver.Step()
		if err != nil {
			d.err = err
			return
		}
		if !happened {
			answer() // nothing goes on but time
		}
	}
}

// idle waits until nothing can happen before time passes.
func (d *drive) idle() { d.ask(nil) }

// pause waits until nobody can go on before the next thing happens, so that what the caller does then meets everybody at the
// same place in each run.
func (d *drive) pause() { d.ask(func() {}) }

// kill ends the clients of that id as a crash does.
func (d *drive) kill(clientID string) { d.ask(func() { d.driver.Kill(clientID) }) }

func (d *drive) ask(do func()) {
	a := ask{do: do, done: make(chan struct{})}
	select {
	case d.asks <- a:
		<-a.done
	case <-d.ended:
	}
}

// stop ends run and waits for it.
func (d *drive) stop() error {
	close(d.quit)
	<-d.ended
	return d.err
}
