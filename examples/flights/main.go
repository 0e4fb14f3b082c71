// Command flights is a whole application on goka: a year of flights out of New York, counted by aircraft and by carrier.
//
//	flights                        on a cluster in this process, with a sample of 19,811 flights
//	flights -brokers HOST:PORT,…   on Apache Kafka
//	flights -in FILE [-in FILE]…   with recordings of your own, as kcat -J prints them, plain or gzip
//
// Two groups do the work. The aircraft group reads the flights, keyed by tail number, joins them with the planes, looks up
// airline, airports and the newest weather, sums up what each aircraft did, and passes each flight on, keyed by carrier.
// The carriers group counts what arrives there. Nothing in either table depends on the order in which flights are
// processed: any number of partitions and instances, and any rebalance between them, gives the same tables.
package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"

	"github.com/gokasim/gokasim/goka/logger"
	_ "github.com/gokasim/gokasim/memkafka/saramaclient" // serves mem:// brokers
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := command(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "flights:", err)
		os.Exit(1)
	}
}

// command runs the application as args say and prints both tables to out.
func command(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("flights", flag.ContinueOnError)
	brokers := flags.String("brokers", "mem://flights", "`LIST` of brokers; mem://NAME is a cluster in this process")
	partitions := flags.Int("partitions", 4, "number of partitions of topics that are not there yet")
	instances := flags.Int("instances", 2, "number of instances of each processor")
	var files []string
	flags.Func("in", "recording `FILE` in place of the sample's topics of the same names; may be repeated",
		func(name string) error { files = append(files, name); return nil })
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *partitions < 1 || *instances < 1 {
		return fmt.Errorf("-partitions %d and -instances %d: give at least 1 of each", *partitions, *instances)
	}

	records, err := readRecording(files)
	if err != nil {
		return err
	}
	a := app{brokers: strings.Split(*brokers, ","), partitions: *partitions, instances: *instances, log: logger.Default()}
	result, err := a.run(ctx, records)
	if err != nil {
		return err
	}
	return result.print(out)
}

// print shows the carriers, and the aircraft that flew farthest.
func (t tables) print(out io.Writer) error {
	w := bufio.NewWriter(out)
	fmt.Fprintln(w, "carrier  flights  cancelled  mean delay  worst delay  name")
	for _, key := range slices.Sorted(maps.Keys(t.carriers)) {
		c := t.carriers[key]
		fmt.Fprintf(w, "%-7s  %7d  %9d  %10.1f  %11d  %s\n", key, c.Flights, c.Cancelled, c.MeanDelay, c.WorstDelay, c.Name)
	}

	tails := slices.SortedFunc(maps.Keys(t.aircraft), func(a, b string) int {
		return cmp.Or(cmp.Compare(t.aircraft[b].Distance, t.aircraft[a].Distance), cmp.Compare(a, b))
	})
	fmt.Fprintf(w, "\n%d aircraft; these flew farthest:\n", len(tails))
	fmt.Fprintln(w, "aircraft  flights    miles  hours  manufacturer")
	for _, tail := range tails[:min(5, len(tails))] {
		a := t.aircraft[tail]
		manufacturer := "unknown"
		if a.Manufacturer != nil {
			manufacturer = *a.Manufacturer
		}
		fmt.Fprintf(w, "%-8s  %7d  %7d  %5d  %s\n", tail, a.Flights, a.Distance, a.AirTime/60, manufacturer)
	}
	return w.Flush()
}
