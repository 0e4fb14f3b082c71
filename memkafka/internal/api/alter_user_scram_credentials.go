package api

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/sasl"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// alterUserScramCredentials is AlterUserScramCredentials (KIP-554): users get and lose credentials, each at most one in a
// request.
var alterUserScramCredentials = serving(51, 0, 0, serveAlterUserScramCredentials)

func serveAlterUserScramCredentials(c *call, request *kmsg.AlterUserSCRAMCredentialsRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.AlterUserSCRAMCredentialsResponse)
	response.Results = []kmsg.AlterUserSCRAMCredentialsResponseResult{}
	var users []string
	wrong, seen := map[string]error{}, map[string]bool{}
	note := func(user string, mechanism int8) {
		twice := seen[user]
		if !twice {
			seen[user] = true
			users = append(users, user)
		}
		switch {
		case user == "":
			wrong[user] = &cluster.Error{Code: kafka.UnacceptableCredential, Detail: "Username must not be empty"}
		case scramMechanisms[mechanism] == "":
			wrong[user] = &cluster.Error{Code: kafka.UnsupportedSASLMechanism, Detail: "Unknown SCRAM mechanism"}
		case twice: // whatever the mechanisms
			wrong[user] = &cluster.Error{Code: kafka.DuplicateResource, Detail: "A user credential cannot be altered twice in the same request"}
		}
	}
	for _, d := range request.Deletions {
		note(d.Name, d.Mechanism)
	}
	for _, u := range request.Upsertions {
		note(u.Name, u.Mechanism)
		switch {
		case wrong[u.Name] != nil:
		case u.Iterations < sasl.MinIterations:
			wrong[u.Name] = &cluster.Error{Code: kafka.UnacceptableCredential, Detail: "Too few iterations"}
		case u.Iterations > sasl.MaxIterations:
			wrong[u.Name] = &cluster.Error{Code: kafka.UnacceptableCredential, Detail: "Too many iterations"}
		case len(u.SaltedPassword) == 0:
			wrong[u.Name] = kafka.UnknownServerError // Kafka's controller does not expect it
		}
	}
	ok := c.do(func(core *cluster.Cluster, _ millis) {
		if !c.mayCluster(core, cluster.Alter) {
			for _, user := range users {
				wrong[user] = kafka.ClusterAuthorizationFailed
			}
		}
		for _, d := range request.Deletions {
			if _, has := core.Scram(d.Name, scramMechanisms[d.Mechanism]); !has && (wrong[d.Name] == nil || errors.Is(wrong[d.Name], kafka.DuplicateResource)) {
				wrong[d.Name] = &cluster.Error{Code: kafka.ResourceNotFound, Detail: "Attempt to delete a user credential that does not exist"}
			}
		}
		for _, d := range request.Deletions {
			if wrong[d.Name] == nil {
				core.DeleteScram(d.Name, scramMechanisms[d.Mechanism])
			}
		}
		for _, u := range request.Upsertions {
			if wrong[u.Name] == nil {
				mechanism := scramMechanisms[u.Mechanism]
				core.SetScram(u.Name, mechanism, cluster.ScramCredential(sasl.NewCredential(mechanism, u.Salt, u.SaltedPassword, u.Iterations)))
			}
		}
	})
	if !ok {
		return nil
	}
	for _, user := range users {
		r := kmsg.NewAlterUserSCRAMCredentialsResponseResult()
		r.User, r.ErrorCode, r.ErrorMessage = user, codeOf(wrong[user]), messageOf(wrong[user])
		response.Results = append(response.Results, r)
	}
	return response
}
