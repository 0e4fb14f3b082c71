package api

import "github.com/twmb/franz-go/pkg/kmsg"

// Read makes a request of its body, as a door does.
func Read(key, version int16, body []byte) (kmsg.Request, error) {
	return new(Door).read(key, version, body)
}

// Served lists the keys that are served, with their versions.
func Served(visit func(key, least, most int16)) {
	for _, r := range routes {
		visit(r.key, r.min, r.max)
	}
}
