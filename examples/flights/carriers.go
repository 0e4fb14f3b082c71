package main

import "github.com/gokasim/gokasim/goka"

// carrier is a row of carriers-table: how one carrier did. The sums are integers, the worst is a maximum, and the mean
// is derived from the sums, so the order in which departures arrive does not show in it.
type carrier struct {
	Name       string  `json:"name"`
	Flights    int64   `json:"flights"`
	Cancelled  int64   `json:"cancelled"`   // flights without a known departure delay
	DelaySum   int64   `json:"delay_sum"`   // minutes, early departures count as negative
	WorstDelay int64   `json:"worst_delay"` // minutes, 0 while no delay is known
	MeanDelay  float64 `json:"mean_delay"`  // minutes a departure, 0 while no delay is known
}

func (c *carrier) add(d *departure) {
	if d.Airline != "" {
		c.Name = d.Airline
	}
	c.Flights++
	if d.Delay == nil {
		c.Cancelled++
		return
	}
	departed := c.Flights - c.Cancelled
	c.DelaySum += *d.Delay
	if departed == 1 || *d.Delay > c.WorstDelay {
		c.WorstDelay = *d.Delay
	}
	c.MeanDelay = float64(c.DelaySum) / float64(departed)
}

// Carriers is the group that reads what the aircraft group passes on, keyed by carrier, and keeps how each one did.
func Carriers() *goka.GroupGraph {
	return goka.DefineGroup("carriers",
		goka.Input("departures", jsonCodec[departure]{}, count),
		goka.Persist(jsonCodec[carrier]{}),
	)
}

func count(ctx goka.Context, msg any) {
	row, ok := ctx.Value().(*carrier)
	if !ok {
		row = new(carrier)
	}
	row.add(msg.(*departure))
	ctx.SetValue(row)
}
