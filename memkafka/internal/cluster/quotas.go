package cluster

import (
	"cmp"
	"maps"
	"math"
	"net/netip"
	"regexp"
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
)

// Names of quotas (KIP-13, KIP-124, KIP-599, KIP-612).
const (
	ProducerByteRate       = "producer_byte_rate"
	ConsumerByteRate       = "consumer_byte_rate"
	RequestPercentage      = "request_percentage"
	ControllerMutationRate = "controller_mutation_rate"
	ConnectionCreationRate = "connection_creation_rate"
)

// Types of entities that quotas are for.
const (
	QuotaUser     = "user"
	QuotaClientID = "client-id"
	QuotaIP       = "ip"
)

// QuotaPart is one part of an entity that has quotas: a user, a client id or an address, by its name or, for nil, all that
// have no quota of their own.
type QuotaPart struct {
	Type string
	Name *string
}

// QuotaOp sets or removes one quota.
type QuotaOp struct {
	Key    string
	Value  float64
	Remove bool
}

// QuotaMatch says how a filter compares a part of an entity.
type QuotaMatch int8

// The ways in which it may, with the protocol's numbers.
const (
	QuotaExact   QuotaMatch = 0 // the name
	QuotaDefault QuotaMatch = 1 // the default
	QuotaAny     QuotaMatch = 2 // any name, not the default
)

// QuotaFilter selects entities by one of their parts.
type QuotaFilter struct {
	Type  string
	Match QuotaMatch
	Name  string // for QuotaExact
}

// QuotaEntry is an entity with its quotas.
type QuotaEntry struct {
	Entity []QuotaPart // user first, then client id
	Quotas map[string]float64
}

// quotaEntity is an entity as the key of a map.
type quotaEntity struct{ user, clientID, ip quotaName }

// quotaName is a part of an entity: nothing, the default, or a name.
type quotaName struct {
	given bool
	named bool
	name  string
}

func (n quotaName) part(kind string) []QuotaPart {
	switch {
	case !n.given:
		return nil
	case !n.named:
		return []QuotaPart{{Type: kind}}
	}
	return []QuotaPart{{kind, &n.name}}
}

func (n quotaName) compare(o quotaName) int {
	rank := func(n quotaName) int {
		switch {
		case !n.given:
			return 0
		case !n.named:
			return 1
		}
		return 2
	}
	return cmp.Or(cmp.Compare(rank(n), rank(o)), cmp.Compare(n.name, o.name))
}

func (e quotaEntity) compare(o quotaEntity) int {
	return cmp.Or(e.user.compare(o.user), e.clientID.compare(o.clientID), e.ip.compare(o.ip))
}

func (e quotaEntity) parts() []QuotaPart {
	return slices.Concat(e.user.part(QuotaUser), e.clientID.part(QuotaClientID), e.ip.part(QuotaIP))
}

func entityOf(parts []QuotaPart) (quotaEntity, error) {
	var e quotaEntity
	if len(parts) == 0 {
		return e, errorf(kafka.InvalidRequest, "Invalid empty client quota entity")
	}
	for _, p := range parts {
		var n *quotaName
		switch p.Type {
		case QuotaUser:
			n = &e.user
		case QuotaClientID:
			n = &e.clientID
		case QuotaIP:
			n = &e.ip
		default:
			return e, errorf(kafka.InvalidRequest, "Unhandled client quota entity type: %s", p.Type)
		}
		if p.Name != nil && *p.Name == "" {
			return e, errorf(kafka.InvalidRequest, "Empty %s not supported", p.Type)
		}
		*n = quotaName{given: true} // of two parts of one type the later one counts
		if p.Name != nil {
			n.named, n.name = true, *p.Name
		}
	}
	if e.ip.given && (e.user.given || e.clientID.given) {
		return e, errorf(kafka.InvalidRequest, "Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId") //nolint:misspell // Kafka's words
	}
	if _, err := netip.ParseAddr(e.ip.name); e.ip.named && err != nil && !hostName.MatchString(e.ip.name) {
		return e, errorf(kafka.InvalidRequest, "%s is not a valid IP or resolvable host.", e.ip.name)
	}
	return e, nil
}

// hostName is what may be resolvable: nobody is asked here.
var hostName = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?$`)

func checkQuota(e quotaEntity, op QuotaOp) error {
	fits := false
	switch op.Key {
	case ProducerByteRate, ConsumerByteRate, RequestPercentage, ControllerMutationRate:
		fits = !e.ip.given
	case ConnectionCreationRate:
		fits = e.ip.given
	}
	const epsilon = 1e-6
	switch whole := op.Key != RequestPercentage && op.Key != ControllerMutationRate; {
	case !fits:
		return errorf(kafka.InvalidRequest, "Invalid configuration key %s", op.Key)
	case op.Remove:
		return nil
	case op.Value <= 0 || math.IsNaN(op.Value):
		return errorf(kafka.InvalidRequest, "Quota %s must be greater than 0", op.Key)
	case whole && math.Abs(op.Value-math.Trunc(op.Value+epsilon)) > epsilon:
		return errorf(kafka.InvalidRequest, "%s cannot be a fractional value.", op.Key)
	case !whole && math.IsInf(op.Value, 1):
		return errorf(kafka.InvalidRequest, "Quota %s is infinite; remove it instead", op.Key) // which Kafka takes
	case op.Key == ConnectionCreationRate && op.Value > math.MaxInt32:
		return errorf(kafka.InvalidRequest, "Proposed value for %s is too large for an INT.", op.Key)
	case whole && op.Value > math.MaxInt64:
		return errorf(kafka.InvalidRequest, "Proposed value for %s is too large for a LONG.", op.Key)
	}
	return nil
}

// AlterQuotas changes the quotas of an entity (AlterClientQuotas, KIP-546), or only says whether it could.
func (c *Cluster) AlterQuotas(parts []QuotaPart, ops []QuotaOp, validateOnly bool) error {
	e, err := entityOf(parts)
	if err != nil {
		return err
	}
	for _, op := range ops {
		if err := checkQuota(e, op); err != nil {
			return err
		}
	}
	if validateOnly {
		return nil
	}
	quotas := maps.Clone(c.quotas[e])
	if quotas == nil {
		quotas = map[string]float64{}
	}
	for _, op := range ops {
		if op.Remove {
			delete(quotas, op.Key)
		} else {
			quotas[op.Key] = op.Value
		}
	}
	if c.quotas == nil {
		c.quotas = map[quotaEntity]map[string]float64{}
	}
	if len(quotas) > 0 {
		c.quotas[e] = quotas
	} else {
		delete(c.quotas, e)
	}
	c.keepHead()
	return nil
}

// Quotas lists the entities that pass all filters (DescribeClientQuotas, KIP-546), in a fixed order. Strict ones have no
// parts but those that are filtered by.
func (c *Cluster) Quotas(filters []QuotaFilter, strict bool) ([]QuotaEntry, error) {
	seen := map[string]bool{}
	for _, f := range filters {
		switch {
		case f.Type != QuotaUser && f.Type != QuotaClientID && f.Type != QuotaIP:
			return nil, errorf(kafka.UnsupportedVersion, "Unsupported entity type %s", f.Type)
		case seen[f.Type]:
			return nil, errorf(kafka.InvalidRequest, "Entity type %s cannot appear more than once in the filter.", f.Type)
		case f.Match < QuotaExact || f.Match > QuotaAny:
			return nil, errorf(kafka.InvalidRequest, "Unknown match type %d", f.Match)
		}
		seen[f.Type] = true
	}
	if seen[QuotaIP] && len(seen) > 1 {
		return nil, errorf(kafka.InvalidRequest, "Invalid entity filter component combination. IP filter component should not be used with user or clientId filter component.")
	}
	var list []QuotaEntry
	for _, e := range slices.SortedFunc(maps.Keys(c.quotas), quotaEntity.compare) {
		if e.passes(filters, strict) {
			list = append(list, QuotaEntry{e.parts(), maps.Clone(c.quotas[e])})
		}
	}
	return list, nil
}

func (e quotaEntity) passes(filters []QuotaFilter, strict bool) bool {
	for _, f := range filters {
		n := e.named(f.Type)
		ok := false
		switch f.Match {
		case QuotaExact:
			ok = n.named && n.name == f.Name
		case QuotaDefault:
			ok = n.given && !n.named
		case QuotaAny:
			ok = n.named
		}
		if !ok {
			return false
		}
	}
	return !strict || len(e.parts()) == len(filters)
}

func (e quotaEntity) named(kind string) quotaName {
	switch kind {
	case QuotaUser:
		return e.user
	case QuotaClientID:
		return e.clientID
	}
	return e.ip
}

// HasQuotas reports whether there are quotas at all.
func (c *Cluster) HasQuotas() bool { return len(c.quotas) > 0 }

// quotaOf is the quota that holds for a client, and whom it shares it with. The most particular entity counts: user and client
// id, then the user with any client id, then the user; and so on for any user; then the client id, and any.
func (c *Cluster) quotaOf(key, user, clientID string) (limit float64, shared quotaEntity, ok bool) {
	u, id := quotaName{true, true, user}, quotaName{true, true, clientID}
	anyone := quotaName{given: true}
	for _, try := range []struct{ entity, shared quotaEntity }{
		{quotaEntity{user: u, clientID: id}, quotaEntity{user: u, clientID: id}},
		{quotaEntity{user: u, clientID: anyone}, quotaEntity{user: u, clientID: id}},
		{quotaEntity{user: u}, quotaEntity{user: u}},
		{quotaEntity{user: anyone, clientID: id}, quotaEntity{user: u, clientID: id}},
		{quotaEntity{user: anyone, clientID: anyone}, quotaEntity{user: u, clientID: id}},
		{quotaEntity{user: anyone}, quotaEntity{user: u}},
		{quotaEntity{clientID: id}, quotaEntity{clientID: id}},
		{quotaEntity{clientID: anyone}, quotaEntity{clientID: id}},
	} {
		if limit, ok := c.quotas[try.entity][key]; ok {
			return limit, try.shared, true
		}
	}
	return 0, quotaEntity{}, false
}
