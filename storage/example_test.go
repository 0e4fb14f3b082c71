package storage_test

import (
	"fmt"

	"github.com/gokasim/gokasim/storage"
)

// A table partition is built, opened, written with the offset that belongs to its rows, and walked over.
func Example() {
	build := storage.DefaultBuilder("/var/lib/app") // in memory: no engine is imported
	table, err := build("clicks-table", 3)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := table.Open(); err != nil {
		fmt.Println(err)
		return
	}
	defer table.Close()

	if batch, ok := table.(storage.BatchWriter); ok {
		err = batch.WriteBatch([]storage.Row{
			{Key: "user-1", Value: []byte("7")},
			{Key: "user-2", Value: []byte("1")},
			{Key: "user-3"}, // deleted
		}, 1041)
	}
	if err != nil {
		fmt.Println(err)
		return
	}

	it, err := table.IteratorWithRange([]byte("user-"), []byte("user."))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer it.Release()
	for it.Next() {
		value, err := it.Value()
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s=%s\n", it.Key(), value)
	}
	offset, err := table.GetOffset(-1)
	fmt.Println(offset, err, it.Err())
	// Output:
	// user-1=7
	// user-2=1
	// 1041 <nil> <nil>
}

// The partitions of a table as one, in the order of keys.
func ExampleNewMultiIterator() {
	var partitions []storage.Iterator
	for _, keys := range [][]string{{"ann", "dora"}, {"bob", "carl"}} {
		table := storage.NewMemory()
		for _, key := range keys {
			if err := table.Set(key, []byte("1")); err != nil {
				fmt.Println(err)
			}
		}
		it, err := table.Iterator()
		if err != nil {
			fmt.Println(err)
			return
		}
		partitions = append(partitions, it)
	}
	rows := storage.NewMultiIterator(partitions)
	defer rows.Release()
	for rows.Next() {
		fmt.Printf("%s ", rows.Key())
	}
	fmt.Println(rows.Err())
	// Output: ann bob carl dora <nil>
}
