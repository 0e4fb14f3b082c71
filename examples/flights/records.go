package main

// The values of the topics, as far as the application reads them. Unknown fields are null in the recording, and nil here.

type flight struct {
	Carrier  string `json:"carrier"`
	Flight   int    `json:"flight"`
	Origin   string `json:"origin"`
	Dest     string `json:"dest"`
	DepDelay *int64 `json:"dep_delay"` // minutes, negative when early; nil when the flight was cancelled
	AirTime  *int64 `json:"air_time"`  // minutes
	Distance int64  `json:"distance"`  // miles
}

type plane struct {
	Manufacturer *string `json:"manufacturer"`
	Seats        *int64  `json:"seats"`
}

type airline struct {
	Name string `json:"name"`
}

type airport struct {
	Name string `json:"name"`
}

type weather struct {
	Temp      *float64 `json:"temp"`       // °F
	WindSpeed *float64 `json:"wind_speed"` // mph
	Visib     *float64 `json:"visib"`      // miles
}

// departure is a flight with all that is known about it, keyed by carrier: what the aircraft group tells the carriers.
type departure struct {
	Airline      string   `json:"airline"`
	Flight       int      `json:"flight"`
	Tail         string   `json:"tail,omitempty"`
	Manufacturer *string  `json:"manufacturer,omitempty"`
	Origin       string   `json:"origin"`
	OriginName   string   `json:"origin_name,omitempty"`
	Dest         string   `json:"dest"`
	DestName     string   `json:"dest_name,omitempty"`
	Delay        *int64   `json:"delay"`
	Weather      *weather `json:"weather,omitempty"` // the newest at the origin when the flight was processed
}
