package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/sasl"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// describeUserScramCredentials is DescribeUserScramCredentials (KIP-554): who has credentials, and nothing of them.
var describeUserScramCredentials = serving(50, 0, 0, serveDescribeUserScramCredentials)

// scramMechanisms are the mechanisms by their numbers.
var scramMechanisms = map[int8]string{1: sasl.ScramSHA256, 2: sasl.ScramSHA512}

func serveDescribeUserScramCredentials(c *call, request *kmsg.DescribeUserSCRAMCredentialsRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.DescribeUserSCRAMCredentialsResponse)
	response.ErrorMessage = kmsg.StringPtr("")
	response.Results = []kmsg.DescribeUserSCRAMCredentialsResponseResult{}
	ok := c.do(func(core *cluster.Cluster, _ millis) {
		if !c.mayCluster(core, cluster.Describe) {
			response.ErrorCode = int16(kafka.ClusterAuthorizationFailed)
			return
		}
		var users []string
		times := map[string]int{}
		for _, u := range request.Users {
			if times[u.Name]++; times[u.Name] == 1 {
				users = append(users, u.Name)
			}
		}
		if len(users) == 0 {
			users = core.ScramUsers()
		}
		for _, user := range users {
			r := kmsg.NewDescribeUserSCRAMCredentialsResponseResult()
			r.User, r.CredentialInfos = user, []kmsg.DescribeUserSCRAMCredentialsResponseResultCredentialInfo{}
			if times[user] > 1 {
				text := "Cannot describe SCRAM credentials for the same user twice in a single request: " + user
				r.ErrorCode, r.ErrorMessage = int16(kafka.DuplicateResource), &text
				response.Results = append(response.Results, r)
				continue
			}
			for number := int8(1); number <= 2; number++ {
				if known, has := core.Scram(user, scramMechanisms[number]); has {
					r.CredentialInfos = append(r.CredentialInfos, kmsg.DescribeUserSCRAMCredentialsResponseResultCredentialInfo{Mechanism: number, Iterations: known.Iterations})
				}
			}
			if len(r.CredentialInfos) == 0 {
				text := "Attempt to describe a user credential that does not exist: " + user
				r.ErrorCode, r.ErrorMessage = int16(kafka.ResourceNotFound), &text
			}
			response.Results = append(response.Results, r)
		}
	})
	if !ok {
		return nil
	}
	return response
}
