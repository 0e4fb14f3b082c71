// Package arch holds the tests that keep the module's shape: which package may import which, what production builds must
// not carry, and what cores and tests must not do. It has no code of its own.
package arch
