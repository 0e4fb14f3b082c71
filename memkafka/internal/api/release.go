package api

import (
	"fmt"
	"strconv"
	"strings"
)

// release is an Apache Kafka that the brokers can pose as.
type release struct {
	name     string
	raised   string    // the keys whose latest version is new in it, with that version
	features []feature // as they are in it; nil if they are those of the release before
}

// Features of a cluster.
const (
	featureELR         = "eligible.leader.replicas.version"
	featureGroup       = "group.version"
	featureMetadata    = "metadata.version"
	featureTransaction = "transaction.version"
)

// feature is a feature of a cluster with the levels that its brokers know and the one that is on.
type feature struct {
	name              string
	least, most, used int16
}

func metadataVersion(level int16) []feature {
	return []feature{{featureMetadata, 1, level, level}}
}

// since40 are the features of releases that have no ZooKeeper any more, by name.
func since40(metadata, elr int16) []feature {
	return []feature{
		{featureELR, 0, 1, elr}, {featureGroup, 0, 1, 1}, {featureMetadata, 7, metadata, metadata}, {featureTransaction, 0, 2, 2},
	}
}

// releases are those since 2.1, the oldest that the newest clients still speak to, up to the one whose versions the routes
// have. Keys that no client sends are left out.
var releases = []release{
	{"2.1", "0=7 1=10 2=4 3=7 8=6 9=5 10=2 11=3 12=2 13=2 14=2 15=2 16=2 17=1 18=2 19=3 20=3 21=1 22=1 23=2 24=1 25=1 26=1 27=0 28=2 29=1 30=1 31=1 32=2 33=1 34=1 35=1 36=0 37=1 42=1", nil},
	{"2.2", "2=5 11=4 36=1 43=0", nil},
	{"2.3", "1=11 3=8 8=7 11=5 12=3 14=3 15=3 23=3 44=0", nil},
	{"2.4", "0=8 3=9 8=8 9=6 10=3 11=6 12=4 13=4 14=4 15=5 16=3 18=3 19=5 20=4 22=2 42=2 43=2 44=1 45=0 46=0 47=0", nil},
	{"2.5", "9=7 11=7 14=5 22=3 28=3 29=2 30=2 31=2 36=2 37=2", nil},
	{"2.6", "16=4 21=2 32=3 35=2 48=0 49=0", nil},
	{"2.7", "1=12 19=6 20=5 22=4 24=2 25=2 26=2 37=3 50=0 51=0 57=0", nil},
	{"2.8", "0=9 2=6 3=11 19=7 20=6 23=4 24=3 25=3 26=3 27=1 32=4 33=2 34=2 48=1 49=1 60=0 61=0", nil},
	{"3.0", "2=7 9=8 10=4 65=0 66=0", nil},
	{"3.1", "1=13 3=12", nil},
	{"3.2", "11=9 13=5 35=3", nil},
	{"3.3", "29=3 30=3 31=3 35=4 55=1 57=1", metadataVersion(7)},
	{"3.4", "", metadataVersion(8)},
	{"3.5", "1=15 2=8", metadataVersion(11)},
	{"3.6", "24=4", metadataVersion(14)},
	{"3.7", "0=10 1=16 8=9 9=9 60=1", metadataVersion(19)},
	{"3.8", "0=11 10=5 16=5 22=5 24=5 25=4 26=4 28=4 66=1", metadataVersion(20)},
	{"3.9", "1=17 2=9 10=6 18=4 75=0", metadataVersion(21)},
	{"4.0", "0=12 2=10 3=13 15=6 26=5 28=5 55=2 57=2 60=2 68=1 69=1 71=0 72=0 74=0", since40(25, 0)},
	{"4.1", "0=13 1=18 45=1 66=2 74=1", since40(27, 1)},
	{"4.2", "2=11 8=10 9=10 27=2", since40(29, 1)},
	{"4.3", "35=5", since40(30, 1)},
}

// CheckRelease says what is wrong with the name of a release, as 3.6. An empty one is the newest.
func CheckRelease(name string) error {
	_, err := findRelease(name)
	return err
}

func findRelease(name string) (int, error) {
	newest := len(releases) - 1
	if name == "" {
		return newest, nil
	}
	parts := strings.Split(name, ".")
	for i, r := range releases {
		if len(parts) >= 2 && r.name == parts[0]+"."+parts[1] {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%q is no release of Apache Kafka that brokers here can pose as; give one from %s to %s", name, releases[0].name, releases[newest].name)
}

// PredatesKIP890 reports whether a release, one that CheckRelease takes, knows no transaction.version 2.
func PredatesKIP890(name string) bool {
	i, err := findRelease(name)
	return err == nil && releases[i].name < "4.0"
}

// posing is the routes that a release has, in its versions, and its features.
func posing(name string) ([]*route, []feature, error) {
	at, err := findRelease(name)
	if err != nil {
		return nil, nil, err
	}
	most := map[int16]int16{}
	var features []feature
	for _, r := range releases[:at+1] {
		if r.features != nil {
			features = r.features
		}
		for _, word := range strings.Fields(r.raised) {
			key, version, _ := strings.Cut(word, "=")
			k, err1 := strconv.ParseInt(key, 10, 16)
			v, err2 := strconv.ParseInt(version, 10, 16)
			if err1 != nil || err2 != nil {
				panic("memkafka: release " + r.name + " has " + word)
			}
			most[int16(k)] = int16(v)
		}
	}
	var known []*route
	for _, r := range routes {
		v, has := most[r.key]
		if !has || v < r.min {
			continue
		}
		posed := *r
		posed.max = min(r.max, v)
		known = append(known, &posed)
	}
	return known, features, nil
}

// route returns how the requests of a key are served, nil when they are not.
func (d *Door) route(key int16) *route {
	for _, r := range d.routes {
		if r.key == key {
			return r
		}
	}
	return nil
}
