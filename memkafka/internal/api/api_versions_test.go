package api_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestApiVersions(t *testing.T) {
	transcript(t, func(s *script) {
		asked := func() *kmsg.ApiVersionsRequest {
			r := kmsg.NewPtrApiVersionsRequest()
			r.ClientSoftwareName, r.ClientSoftwareVersion = "test", "1.0"
			return r
		}
		for v := range int16(5) {
			s.note("features", comparable(ask[*kmsg.ApiVersionsResponse](s.client, v, asked())))
		}
		bad := asked()
		bad.ClientSoftwareName = "with space"
		s.note("a client whose name is no name", comparable(ask[*kmsg.ApiVersionsResponse](s.client, 3, bad)))
	})
}

// comparable leaves out of an answer what is not served here, and what depends on a broker's history.
func comparable(a *kmsg.ApiVersionsResponse) *kmsg.ApiVersionsResponse {
	a.ApiKeys = nil // see TestServedVersions
	a.FinalizedFeaturesEpoch = min(a.FinalizedFeaturesEpoch, 1)
	notServed := map[string]bool{"kraft.version": true, "share.version": true, "streams.version": true}
	a.SupportedFeatures = slices.DeleteFunc(a.SupportedFeatures, func(f kmsg.ApiVersionsResponseSupportedFeature) bool { return notServed[f.Name] })
	a.FinalizedFeatures = slices.DeleteFunc(a.FinalizedFeatures, func(f kmsg.ApiVersionsResponseFinalizedFeature) bool { return notServed[f.Name] })
	slices.SortFunc(a.SupportedFeatures, func(x, y kmsg.ApiVersionsResponseSupportedFeature) int { return strings.Compare(x.Name, y.Name) })
	slices.SortFunc(a.FinalizedFeatures, func(x, y kmsg.ApiVersionsResponseFinalizedFeature) int { return strings.Compare(x.Name, y.Name) })
	return a
}

func TestApiVersionsOfAVersionThatIsNotServed(t *testing.T) {
	transcript(t, func(s *script) {
		r := kmsg.NewPtrApiVersionsRequest()
		r.ClientSoftwareName, r.ClientSoftwareVersion = "test", "1.0"
		r.SetVersion(5)
		id := s.send(r)
		r.SetVersion(0)
		s.note("version 5", s.receive(r, id))
	})
}

// TestServedVersions holds every key that is served to the versions of Apache Kafka.
func TestServedVersions(t *testing.T) {
	const path = "testdata/apache-kafka-4.3.0/TestServedVersions"
	if *record {
		transcript(t, func(s *script) { fmt.Fprintln(s.text, strings.Join(s.served(), "\n")) })
		return
	}
	kafkas, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range (&script{client: dial(t, newCluster(t), 1)}).served() {
		if !strings.Contains(string(kafkas), "\n"+line+"\n") {
			t.Errorf("Apache Kafka does not serve %s; see %s", line, path)
		}
	}
}

func (s *script) served() []string {
	var served []string
	for _, k := range ask[*kmsg.ApiVersionsResponse](s.client, 0, kmsg.NewPtrApiVersionsRequest()).ApiKeys {
		served = append(served, fmt.Sprintf("%s %d to %d", kmsg.NameForKey(k.ApiKey), k.MinVersion, k.MaxVersion))
	}
	return served
}
