package main

import "github.com/gokasim/gokasim/goka"

// aircraft is a row of aircraft-table: what one aircraft did. It has sums, and facts of a table that does not change,
// so the order in which flights arrive does not show in it.
type aircraft struct {
	Flights      int64   `json:"flights"`  // cancelled ones included
	Distance     int64   `json:"distance"` // miles, of all flights
	AirTime      int64   `json:"air_time"` // minutes, where known
	Manufacturer *string `json:"manufacturer"`
	Seats        *int64  `json:"seats"`
}

func (a *aircraft) add(f *flight, p *plane) {
	a.Flights++
	a.Distance += f.Distance
	if f.AirTime != nil {
		a.AirTime += *f.AirTime
	}
	if p != nil {
		a.Manufacturer, a.Seats = p.Manufacturer, p.Seats
	}
}

// Aircraft is the group that reads the flights, keyed by tail number. It keeps what each aircraft did, and passes every
// flight on to its carrier, with what the tables know about it.
func Aircraft() *goka.GroupGraph {
	return goka.DefineGroup("aircraft",
		goka.Input("flights", jsonCodec[flight]{}, depart),
		goka.Join("planes", jsonCodec[plane]{}),
		goka.Lookup("airlines", new(tableCodec[airline])),
		goka.Lookup("airports", new(tableCodec[airport])),
		goka.Lookup("weather", new(tableCodec[weather])),
		goka.Output("departures", departures{}),
		goka.Persist(jsonCodec[aircraft]{}),
	)
}

func depart(ctx goka.Context, msg any) {
	f := msg.(*flight)
	d := &departure{Flight: f.Flight, Tail: ctx.Key(), Origin: f.Origin, Dest: f.Dest, Delay: f.DepDelay}

	if tail := ctx.Key(); tail != "" { // some flights were cancelled before they had an aircraft: their key is null
		p, _ := ctx.Join("planes").(*plane)
		if p != nil {
			d.Manufacturer = p.Manufacturer
		}
		row, ok := ctx.Value().(*aircraft)
		if !ok {
			row = new(aircraft)
		}
		row.add(f, p)
		ctx.SetValue(row)
	}

	if a, ok := ctx.Lookup("airlines", f.Carrier).(*airline); ok {
		d.Airline = a.Name
	}
	if a, ok := ctx.Lookup("airports", f.Origin).(*airport); ok {
		d.OriginName = a.Name
	}
	if a, ok := ctx.Lookup("airports", f.Dest).(*airport); ok {
		d.DestName = a.Name
	}
	d.Weather, _ = ctx.Lookup("weather", f.Origin).(*weather)
	ctx.Emit("departures", f.Carrier, d)
}
