// Package apicheck holds no code. Its test compiles only while goka, its storage and its mocks offer every function,
// method, type and constant that users of goka know, with its signature; an error of the compiler names what is missing.
package apicheck
