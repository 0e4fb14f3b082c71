package tester_test

import "testing"

func TestCountsThroughACrash(t *testing.T) { countsThroughACrash(t) }
