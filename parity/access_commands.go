package parity

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"hash"

	"github.com/twmb/franz-go/pkg/kmsg"
)

var _ = register(map[string]func(a *args) kmsg.Request{
	"create-acls":                     createACLs,
	"describe-acls":                   describeACLs,
	"delete-acls":                     deleteACLs,
	"describe-client-quotas":          describeClientQuotas,
	"alter-client-quotas":             alterClientQuotas,
	"describe-user-scram-credentials": describeUserScram,
	"alter-user-scram-credentials":    alterUserScram,
	"sasl-handshake": func(a *args) kmsg.Request {
		r := kmsg.NewPtrSASLHandshakeRequest()
		r.Mechanism = a.word("a mechanism")
		return r
	},
})

// acl is one access control entry, or a filter for some.
type acl struct {
	resource        kmsg.ACLResourceType
	pattern         kmsg.ACLResourcePatternType
	name            *string
	principal, host *string
	operation       kmsg.ACLOperation
	permission      kmsg.ACLPermissionType
}

// acl reads [type=TOPIC] [name=NAME] [pattern=LITERAL] [principal=User:A] [host=*] [operation=READ] [permission=ALLOW].
func (a *args) acl(resource, pattern, operation, permission string) acl {
	var out acl
	var err error
	if out.resource, err = kmsg.ParseACLResourceType(a.text("type", resource)); err != nil {
		a.err = err
	}
	if out.pattern, err = kmsg.ParseACLResourcePatternType(a.text("pattern", pattern)); err != nil {
		a.err = err
	}
	if out.operation, err = kmsg.ParseACLOperation(a.text("operation", operation)); err != nil {
		a.err = err
	}
	if out.permission, err = kmsg.ParseACLPermissionType(a.text("permission", permission)); err != nil {
		a.err = err
	}
	out.name, out.principal, out.host = a.optional("name"), a.optional("principal"), a.optional("host")
	return out
}

// create-acls: acl [type=TOPIC] name=NAME ..., ...
func createACLs(a *args) kmsg.Request {
	r := kmsg.NewPtrCreateACLsRequest()
	a.each(func(_ string, e *args) {
		one := e.acl("TOPIC", "LITERAL", "READ", "ALLOW")
		c := kmsg.NewCreateACLsRequestCreation()
		c.ResourceType, c.ResourcePatternType, c.Operation, c.PermissionType = one.resource, one.pattern, one.operation, one.permission
		c.ResourceName, c.Principal, c.Host = text(one.name, ""), text(one.principal, ""), text(one.host, "*")
		r.Creations = append(r.Creations, c)
	})
	a.after = settled
	return r
}

func text(s *string, otherwise string) string {
	if s == nil {
		return otherwise
	}
	return *s
}

// describe-acls [type=ANY] [name=NAME] ...
func describeACLs(a *args) kmsg.Request {
	r := kmsg.NewPtrDescribeACLsRequest()
	f := a.acl("ANY", "ANY", "ANY", "ANY")
	r.ResourceType, r.ResourcePatternType, r.Operation, r.PermissionType = f.resource, f.pattern, f.operation, f.permission
	r.ResourceName, r.Principal, r.Host = f.name, f.principal, f.host
	return r
}

// delete-acls: filter [type=ANY] ..., ...
func deleteACLs(a *args) kmsg.Request {
	r := kmsg.NewPtrDeleteACLsRequest()
	a.each(func(_ string, e *args) {
		one := e.acl("ANY", "ANY", "ANY", "ANY")
		f := kmsg.NewDeleteACLsRequestFilter()
		f.ResourceType, f.ResourcePatternType, f.Operation, f.PermissionType = one.resource, one.pattern, one.operation, one.permission
		f.ResourceName, f.Principal, f.Host = one.name, one.principal, one.host
		r.Filters = append(r.Filters, f)
	})
	a.after = settled
	return r
}

// describe-client-quotas [strict]: TYPE exact NAME | default | any, ...
func describeClientQuotas(a *args) kmsg.Request {
	r := kmsg.NewPtrDescribeClientQuotasRequest()
	r.Strict = a.Flag("strict")
	a.each(func(kind string, e *args) {
		c := kmsg.NewDescribeClientQuotasRequestComponent()
		matches := map[string]kmsg.QuotasMatchType{"exact": 0, "default": 1, "any": 2}
		c.EntityType, c.MatchType = kind, matches[e.word("exact, default or any")]
		for _, name := range e.words() {
			c.Match = &name
		}
		r.Components = append(r.Components, c)
	})
	return r
}

// alter-client-quotas [validate] [user=NAME] [client-id=NAME] [ip=NAME] [default=TYPE]...: set KEY VALUE, remove KEY, ...
func alterClientQuotas(a *args) kmsg.Request {
	r := kmsg.NewPtrAlterClientQuotasRequest()
	r.ValidateOnly = a.Flag("validate")
	e := kmsg.NewAlterClientQuotasRequestEntry()
	for _, kind := range []string{"user", "client-id", "ip", "other"} {
		if name := a.optional(kind); name != nil {
			e.Entity = append(e.Entity, kmsg.AlterClientQuotasRequestEntryEntity{Type: kind, Name: name})
		}
	}
	for _, kind := range a.texts("default") {
		e.Entity = append(e.Entity, kmsg.AlterClientQuotasRequestEntryEntity{Type: kind})
	}
	a.each(func(op string, o *args) {
		q := kmsg.NewAlterClientQuotasRequestEntryOp()
		if q.Key, q.Remove = o.word("a quota"), op == "remove"; !q.Remove {
			q.Value = float(o, o.word("a value"))
		}
		e.Ops = append(e.Ops, q)
	})
	r.Entries = append(r.Entries, e)
	a.after = settled
	return r
}

// describe-user-scram-credentials [USER...]
func describeUserScram(a *args) kmsg.Request {
	r := kmsg.NewPtrDescribeUserSCRAMCredentialsRequest()
	for _, name := range a.words() {
		r.Users = append(r.Users, kmsg.DescribeUserSCRAMCredentialsRequestUser{Name: name})
	}
	return r
}

// alter-user-scram-credentials: set USER [mechanism=1] [iterations=4096] [password=TEXT], delete USER [mechanism=1], ...
func alterUserScram(a *args) kmsg.Request {
	r := kmsg.NewPtrAlterUserSCRAMCredentialsRequest()
	a.each(func(op string, e *args) {
		name, mechanism := e.word("a user"), int8(e.int("mechanism", 1))
		if op == "delete" {
			r.Deletions = append(r.Deletions, kmsg.AlterUserSCRAMCredentialsRequestDeletion{Name: name, Mechanism: mechanism})
			return
		}
		u := kmsg.NewAlterUserSCRAMCredentialsRequestUpsertion()
		u.Name, u.Mechanism, u.Iterations, u.Salt = name, mechanism, e.int32("iterations", 4096), []byte(e.text("salt", "salt"))
		password := e.text("password", "secret")
		digest, length := func() hash.Hash { return sha256.New() }, sha256.Size
		if mechanism == 2 {
			digest, length = func() hash.Hash { return sha512.New() }, sha512.Size
		}
		key, err := pbkdf2.Key(digest, password, u.Salt, max(1, min(int(u.Iterations), 20_000)), length)
		if err != nil {
			e.err = err
		}
		if u.SaltedPassword = key; password == "" {
			u.SaltedPassword = nil
		}
		r.Upsertions = append(r.Upsertions, u)
	})
	a.after = settled
	return r
}
