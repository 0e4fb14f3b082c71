package suite

// kase is one promise, by name.
type kase struct {
	name string
	run  func(e *env)
}

// section is what has to do with one interface.
type section struct {
	name  string
	cases []kase
}

// sections are all cases.
var sections = []section{
	{"producer", producerCases},
	{"consumer", consumerCases},
	{"group", groupCases},
	{"moment", momentCases},
	{"strategy", strategyCases},
	{"offsets", offsetCases},
	{"transaction", transactionCases},
	{"client", clientCases},
	{"admin", adminCases},
}
