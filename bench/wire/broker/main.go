// Command broker runs one broker for benchmarks: broker memkafka|kfake. It writes its address to standard output, then, for
// each line that it reads, the seconds of processor time that it took so far, and ends when its input does. BROKER_PROFILE names a
// file for a profile of its processor time.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/gokasim/gokasim/memkafka"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(kind string) error {
	if path := os.Getenv("BROKER_PROFILE"); path != "" {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	switch kind {
	case "memkafka":
		cluster, err := memkafka.Open(memkafka.WithSetting("group.initial.rebalance.delay.ms", "0"))
		if err != nil {
			return err
		}
		defer cluster.Close()
		l, err := cluster.Listen("127.0.0.1:0")
		if err != nil {
			return err
		}
		fmt.Println(l.Bootstrap())
	case "kfake":
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
		if err != nil {
			return err
		}
		defer cluster.Close()
		fmt.Println(cluster.ListenAddrs()[0])
	default:
		return fmt.Errorf("%s is no broker; give memkafka or kfake", kind)
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			return err
		}
		fmt.Println((time.Duration(u.Utime.Nano()) + time.Duration(u.Stime.Nano())).Seconds())
	}
	return nil
}
