package storage

import (
	"fmt"
	"sync"
)

// ImportDisk is the line that makes a program keep its tables on disk unless it names a builder.
const ImportDisk = `import _ "github.com/gokasim/gokasim/storage/disk"`

var registered struct {
	sync.RWMutex
	engine string
	build  func(path string) Builder
}

// RegisterDefault makes build the source of DefaultBuilder's storages, in the way of database/sql's drivers: a package
// with an engine calls it from init, and a program selects the engine by importing that package. engine is the name
// that DefaultEngine reports; build must not be nil. Registering a second engine panics, since the order of imports would decide.
func RegisterDefault(engine string, build func(path string) Builder) {
	registered.Lock()
	defer registered.Unlock()
	if registered.build != nil {
		panic(fmt.Sprintf("storage: two default engines, %q and %q: import one of them only", registered.engine, engine))
	}
	registered.engine, registered.build = engine, build
}

// DefaultBuilder returns the builder of tables for which a program names none. With a registered engine they are kept
// below the folder path, which is made when it is missing, each partition in a place of its own, and found again at the next start. Without one
// (see ImportDisk) they are in memory: path is of no meaning, and rows are read from Kafka's changelog at each start.
//
// The engine is looked up when the first storage is built.
func DefaultBuilder(path string) Builder {
	build := sync.OnceValue(func() Builder {
		registered.RLock()
		defer registered.RUnlock()
		if registered.build == nil {
			return MemoryBuilder()
		}
		return registered.build(path)
	})
	return func(topic string, partition int32) (Storage, error) { return build()(topic, partition) }
}

// DefaultEngine returns the name of the engine behind DefaultBuilder, "memory" when none is registered, and whether
// its tables outlive the process. When they do not, notice is one sentence that says what follows and how to
// change it, for a program to log at its start.
func DefaultEngine() (engine string, durable bool, notice string) {
	registered.RLock()
	defer registered.RUnlock()
	if registered.build != nil {
		return registered.engine, true, ""
	}
	return "memory", false, "tables are kept in memory and read from Kafka's changelog at each start; to keep them on disk add: " + ImportDisk
}
