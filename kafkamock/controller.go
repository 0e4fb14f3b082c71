package kafkamock

import (
	"fmt"

	"github.com/golang/mock/gomock"
)

// NewMockController returns a controller for this package's mocks of gomock. Where gomock would end the test by Fatalf,
// as at an unexpected call, the test is marked as failed and the caller panics: the code under test calls its mocks from
// goroutines of its own, in which Fatalf would end that goroutine alone and let the test wait for it.
//
// If t has testing.TB's Cleanup, as *testing.T has, missing calls are reported when the test ends, without a panic, and
// nobody needs to call Finish.
func NewMockController(t gomock.TestReporter) *gomock.Controller {
	p := panicker{t}
	if c, ok := t.(cleaner); ok {
		return gomock.NewController(cleaningPanicker{p, c})
	}
	return gomock.NewController(p)
}

type cleaner interface{ Cleanup(func()) }

// panicker is a gomock.TestHelper.
type panicker struct{ reporter gomock.TestReporter }

func (p panicker) Errorf(format string, args ...interface{}) {
	p.Helper()
	p.reporter.Errorf(format, args...)
}

func (p panicker) Fatalf(format string, args ...interface{}) {
	p.Helper()
	message := fmt.Sprintf(format, args...)
	p.reporter.Errorf("%s", message)
	panic("kafkamock: " + message)
}

func (p panicker) Helper() {
	if h, ok := p.reporter.(interface{ Helper() }); ok {
		h.Helper()
	}
}

// cleaningPanicker lets gomock look for missing calls when the test ends.
type cleaningPanicker struct {
	panicker
	cleaner
}
