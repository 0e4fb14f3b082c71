package disk_test

import (
	"fmt"
	"log"
	"os"

	"github.com/gokasim/gokasim/storage/disk"
)

// A builder with a folder and settings of one's own, for goka.WithStorageBuilder. To have the defaults it is enough to
// import the package.
func ExampleBuilder() {
	dir, err := os.MkdirTemp("", "tables")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	build := disk.Builder(dir, disk.WithWriteBuffer(1<<20))

	table, err := build("clicks-table", 0)
	if err != nil {
		log.Fatal(err)
	}
	if err := table.Open(); err != nil {
		log.Fatal(err)
	}
	if err := table.Set("ann", []byte("2")); err != nil {
		log.Fatal(err)
	}
	if err := table.Close(); err != nil {
		log.Fatal(err)
	}

	if err := table.Open(); err != nil { // as after a restart
		log.Fatal(err)
	}
	value, err := table.Get("ann")
	fmt.Printf("%s %v\n", value, err)
	if err := table.Close(); err != nil {
		log.Fatal(err)
	}
	// Output: 2 <nil>
}
