package redis_test

import (
	"fmt"
	"log"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"

	"github.com/gokasim/gokasim/storage/redis"
)

// A builder for goka.WithStorageBuilder. The server is one in the process here.
func ExampleRedisBuilder() {
	server, err := miniredis.Run()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client := goredis.NewClient(&goredis.Options{Addr: server.Addr()})
	defer client.Close()
	build := redis.RedisBuilder(client, "shop")

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
	value, err := table.Get("ann")
	fmt.Printf("%s %v\n", value, err)
	fmt.Println(server.Keys())
	if err := table.Close(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 2 <nil>
	// [{shop:clicks-table:0}:order {shop:clicks-table:0}:rows]
}
