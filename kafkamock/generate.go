package kafkamock

//go:generate go tool -modfile=mockgen/go.mod mockgen -write_package_comment=false -package kafkamock -destination sarama_mocks.go github.com/IBM/sarama Client,ClusterAdmin
//go:generate go tool -modfile=mockgen/go.mod mockgen -write_package_comment=false -package kafkamock -destination goka_mocks.go github.com/gokasim/gokasim/goka Broker,Producer,TopicManager
//go:generate go tool -modfile=mockgen/go.mod mockgen -write_package_comment=false -package kafkamock -destination storage_mocks.go github.com/gokasim/gokasim/kafkamock/internal/mocked Storage
//go:generate go tool -modfile=../tools/go.mod goimports -local github.com/gokasim/gokasim -w goka_mocks.go storage_mocks.go
