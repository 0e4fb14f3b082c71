package parity_test

// difference is commands whose answers are knowingly others here. docs/parity.md gives the reasons.
type difference struct {
	release string // of Apache Kafka; empty: any
	script  string
	command string // how it begins
}

var left = []difference{
	// Requests that are not served.
	{"", "errors/api-keys", "api-versions"},
	// Share groups, streams groups and the quorum's own feature are not there.
	{"", "errors/api-versions", "api-versions only=supported"},
	{"", "errors/api-versions", "api-versions only=finalized"},
	// Groups have no settings of their own.
	{"", "admin/describe-group-configs", "describe-configs group any-group"},
	{"", "admin/describe-group-configs", "incremental-alter-configs group any-group"},
	// Brokers are all alike, and a setting that they do not obey is refused rather than ignored.
	{"", "admin/incremental-alter-broker-configs", "incremental-alter-configs broker 1: set log.cleaner.threads"},
	{"", "admin/incremental-alter-broker-configs", "incremental-alter-configs broker 1: set no.such"},
	{"", "admin/incremental-alter-broker-configs", "describe-configs broker 1 producer.id.expiration.ms synonyms"},
	// As an older release a cluster has its requests, features and transactions; settings of topics, their defaults and some answers are those of 4.3.
	{"3.9", "admin/create-topics", "create-topic created partitions=3"},
	{"3.9", "admin/create-topics-with-bad-settings", "create-topic bad-setting segment.bytes=1"},
	{"3.9", "admin/describe-configs", "describe-configs topic configured"},
	{"3.9", "admin/incremental-alter-broker-configs", "incremental-alter-configs broker 1: set num.partitions"},
	{"3.9", "log/timestamp-bounds", "produce log-bounds-default 0 ts=now+61m"},
	{"3.9", "log/timestamp-bounds", "produce log-bounds-default 0 ts=0"},
	{"3.9", "admin/features", "update-features"},
	// So are the operations on groups, and what the checks of the new coordinators refuse.
	{"3.9", "groups/descriptions", "describe-groups described operations"},
	{"3.9", "log/list-offsets", "list-offsets log-list 0 0"},
	{"3.9", "transactions/offsets-refused", "txn-offset-commit txn-offsets-bad txn-offsets-bad-group producer=p"},
	{"3.9", "transactions/produce-refused", "produce txn-refused 0"},
}
