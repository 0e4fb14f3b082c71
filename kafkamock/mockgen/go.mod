// What go generate needs for package kafkamock, pinned apart from the library so that its users download none of it.
module github.com/gokasim/gokasim/kafkamock/mockgen

go 1.26.0

tool github.com/golang/mock/mockgen

require (
	github.com/golang/mock v1.6.0 // indirect
	golang.org/x/mod v0.39.0 // indirect
	golang.org/x/sync v0.22.0 // indirect
	golang.org/x/tools v0.49.0 // indirect
)
