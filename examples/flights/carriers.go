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

// departed is what the carriers read of a departure.
type departed struct {
	Airline string `json:"airline"`
	Delay   *int64 `json:"delay"`
}

// departures is the codec of that topic: a *departure goes in, and a *departed comes out, since to skip what nobody reads is
// faster than to decode it.
type departures struct{ jsonCodec[departure] }

// Decode returns a new *departed.
func (departures) Decode(data []byte) (any, error) { return jsonCodec[departed]{}.Decode(data) }

func (c *carrier) add(d *departed) {
	if d.Airline != "" {
		c.Name = d.Airline
	}
	c.Flights++
	if d.Delay == nil {
		c.Cancelled++
		return
	}
	flown := c.Flights - c.Cancelled
	c.DelaySum += *d.Delay
	if flown == 1 || *d.Delay > c.WorstDelay {
		c.WorstDelay = *d.Delay
	}
	c.MeanDelay = float64(c.DelaySum) / float64(flown)
}

// Carriers is the group that reads what the aircraft group passes on, keyed by carrier, and keeps how each one did.
func Carriers() *goka.GroupGraph {
	return goka.DefineGroup("carriers",
		goka.Input("departures", departures{}, count),
		goka.Persist(jsonCodec[carrier]{}),
	)
}

func count(ctx goka.Context, msg any) {
	row, ok := ctx.Value().(*carrier)
	if !ok {
		row = new(carrier)
	}
	row.add(msg.(*departed))
	ctx.SetValue(row)
}
