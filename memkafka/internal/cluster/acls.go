package cluster

import (
	"cmp"
	"slices"
	"strings"
)

// ResourceType is a kind of thing that ACLs are about, with the protocol's numbers.
type ResourceType int8

// The kinds of resources.
const (
	AnyResource             ResourceType = 1 // in filters
	TopicResource           ResourceType = 2
	GroupResource           ResourceType = 3
	ClusterResource         ResourceType = 4
	TransactionalIDResource ResourceType = 5
	TokenResource           ResourceType = 6
	UserResource            ResourceType = 7
)

// ClusterName is the name of the one resource of type ClusterResource.
const ClusterName = "kafka-cluster"

// PatternType says how the name in an ACL stands for names of resources.
type PatternType int8

// The ways in which it may.
const (
	AnyPattern   PatternType = 1 // in filters
	MatchPattern PatternType = 2 // in filters: all that concern a resource of this name
	Literal      PatternType = 3 // this name; * is every name
	Prefixed     PatternType = 4 // every name that begins so (KIP-290)
)

// Operation is what an ACL lets somebody do, or not.
type Operation int8

// The operations.
const (
	AnyOperation    Operation = 1 // in filters
	AllOperations   Operation = 2
	Read            Operation = 3
	Write           Operation = 4
	Create          Operation = 5
	Delete          Operation = 6
	Alter           Operation = 7
	Describe        Operation = 8
	ClusterAction   Operation = 9
	DescribeConfigs Operation = 10
	AlterConfigs    Operation = 11
	IdempotentWrite Operation = 12
)

// Permission is whether an ACL allows or denies.
type Permission int8

// The permissions.
const (
	AnyPermission Permission = 1 // in filters
	Deny          Permission = 2
	Allow         Permission = 3
)

// ACL is one rule: who may, or may not, do what with which resources.
type ACL struct {
	Resource   ResourceType
	Name       string
	Pattern    PatternType
	Principal  string // such as User:alice; User:* is everybody
	Host       string // an address, or * for any
	Operation  Operation
	Permission Permission
}

func (a ACL) compare(o ACL) int {
	return cmp.Or(cmp.Compare(a.Resource, o.Resource), cmp.Compare(a.Name, o.Name), cmp.Compare(a.Pattern, o.Pattern),
		cmp.Compare(a.Principal, o.Principal), cmp.Compare(a.Host, o.Host), cmp.Compare(a.Operation, o.Operation), cmp.Compare(a.Permission, o.Permission))
}

// ACLFilter selects ACLs. Nil, and the numbers that stand for any, let all pass.
type ACLFilter struct {
	Resource   ResourceType
	Name       *string
	Pattern    PatternType
	Principal  *string
	Host       *string
	Operation  Operation
	Permission Permission
}

func (f ACLFilter) selects(a ACL) bool {
	switch {
	case f.Resource != AnyResource && f.Resource != a.Resource,
		f.Principal != nil && *f.Principal != a.Principal,
		f.Host != nil && *f.Host != a.Host,
		f.Operation != AnyOperation && f.Operation != a.Operation,
		f.Permission != AnyPermission && f.Permission != a.Permission:
		return false
	}
	switch f.Pattern {
	case Literal, Prefixed:
		return f.Pattern == a.Pattern && (f.Name == nil || *f.Name == a.Name)
	case MatchPattern:
		return f.Name == nil || a.covers(*f.Name)
	default:
		return f.Name == nil || *f.Name == a.Name
	}
}

// covers reports whether the name in the ACL stands for a resource's.
func (a ACL) covers(name string) bool {
	if a.Pattern == Prefixed {
		return strings.HasPrefix(name, a.Name)
	}
	return a.Name == name || a.Name == "*"
}

// AddACL adds a rule. One that is there already stays.
func (c *Cluster) AddACL(a ACL) {
	if i, found := slices.BinarySearchFunc(c.acls, a, ACL.compare); !found {
		c.acls = slices.Insert(c.acls, i, a)
		c.keepHead()
	}
}

// ACLs lists the rules that a filter selects, in a fixed order.
func (c *Cluster) ACLs(f ACLFilter) []ACL {
	var list []ACL
	for _, a := range c.acls {
		if f.selects(a) {
			list = append(list, a)
		}
	}
	return list
}

// DeleteACLs removes the rules that a filter selects, and returns them.
func (c *Cluster) DeleteACLs(f ACLFilter) []ACL {
	deleted := c.ACLs(f)
	c.acls = slices.DeleteFunc(slices.Clone(c.acls), f.selects)
	c.keepHead()
	return deleted
}

// Authorized reports whether a principal at a host may do something with a resource. Without an authorizer everybody may do
// everything. With one, super users may; else a rule that denies forbids, and nothing is allowed without a rule that allows
// it, unless allow.everyone.if.no.acl.found is set and no rule is about the resource.
func (c *Cluster) Authorized(principal, host string, op Operation, resource ResourceType, name string) bool {
	if !c.settings.Authorizer || slices.Contains(c.settings.SuperUsers, principal) {
		return true
	}
	allowed, concerned := false, false
	for _, a := range c.acls {
		if a.Resource != resource || !a.covers(name) {
			continue
		}
		concerned = true
		if !a.isFor(principal, host) {
			continue
		}
		switch {
		case a.Permission == Deny && (a.Operation == op || a.Operation == AllOperations):
			return false
		case a.Permission == Allow && a.grants(op):
			allowed = true
		}
	}
	return allowed || !concerned && c.settings.AllowIfNoACL
}

// AuthorizedSomewhere reports whether a principal may do something with any resource of a type (KIP-679).
func (c *Cluster) AuthorizedSomewhere(principal, host string, op Operation, resource ResourceType) bool {
	if !c.settings.Authorizer || slices.Contains(c.settings.SuperUsers, principal) || c.settings.AllowIfNoACL {
		return true
	}
	for _, a := range c.acls {
		if a.Resource == resource && a.Permission == Allow && a.isFor(principal, host) && a.grants(op) && c.Authorized(principal, host, op, resource, a.Name) {
			return true
		}
	}
	return false
}

func (a ACL) isFor(principal, host string) bool {
	return (a.Principal == principal || a.Principal == "User:*") && (a.Host == host || a.Host == "*")
}

// grants reports whether an allowed operation is, or implies, another.
func (a ACL) grants(op Operation) bool {
	switch {
	case a.Operation == op || a.Operation == AllOperations:
		return true
	case op == Describe:
		return a.Operation == Read || a.Operation == Write || a.Operation == Delete || a.Operation == Alter
	case op == DescribeConfigs:
		return a.Operation == AlterConfigs
	default:
		return false
	}
}
